"""Every session builds its own environment, pinned by constraints.txt: `python3 -m nox -s drill`."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "tests", "rehearsals"]

ROOT = Path(__file__).parent
GROUPS = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), "test", "lint")
QUIET = {
    "SODA_CORE_TELEMETRY_ENABLED": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


def prepare(session: nox.Session, *packages: str) -> None:
    """Install this repository with every extra, and `packages`, at the pinned versions.

    uv leaves byte code to the first import, which makes the first call of every tool two to three times slower.
    """
    compiled = ["--compile-bytecode"] if session.venv_backend == "uv" else []
    session.install(*compiled, "-c", str(ROOT / "constraints.txt"), "-e", ".[all]", *packages)
    session.env.update({**QUIET, "PYTHONDONTWRITEBYTECODE": None})


@nox.session
def drill(session: nox.Session) -> None:
    """Rehearse an incident from beginning to end on a stack of one's own."""
    prepare(session)
    session.run("invoke", "sandbox.drill", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The suite on two processes, whole incidents left out; arguments after `--` go to pytest."""
    prepare(session, *GROUPS)
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "not rehearsal", *session.posargs)


@nox.session
def rehearsals(session: nox.Session) -> None:
    """Every fault, every full disk, every way back, from beginning to end; arguments after `--` go to pytest."""
    prepare(session, *GROUPS)
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "rehearsal", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules, layout and types; and the documentation builds, every link and page accounted for."""
    prepare(session, *GROUPS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})
    # With --quiet mkdocs counts no warnings, and --strict lets everything pass.
    session.run("mkdocs", "build", "--site-dir", session.create_tmp(), env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def bench(session: nox.Session) -> None:
    """How long the operations take; arguments after `--` go to the benchmark."""
    prepare(session, "pre-commit-hooks")
    session.run("python", "-m", "bench", *session.posargs)
