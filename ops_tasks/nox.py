"""The gates, the doctor and the drill as Nox sessions, for a `noxfile.py` of one's own.

    from ops_tasks.nox import doctor, drill, gates

They run in the environment that Nox itself runs in, which has this package: nothing is installed anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

import nox

from ops_tasks.errors import UsageError
from ops_tasks.stack import find

__all__ = ["doctor", "drill", "gates"]
OPS = (sys.executable, "-m", "ops_tasks.program")


@nox.session(name="ops-gates", venv_backend="none")
def gates(session: nox.Session) -> None:
    """Everything that CI must not let through; `-- --base=REV` says what to compare with (default: the main branch)."""
    base = _base(session, session.posargs)
    session.run(*_hook("large_files"), "--range", f"{base}..HEAD")
    session.run(*_hook("restate_guard"), "--", *_tracked())
    try:
        contracts = find().config.contracts is not None
    except UsageError as error:
        session.error(f"{error.reason} → ops init")
    if contracts:
        session.run(*_hook("schema_gate"), "--base", base)
        session.run(*_hook("contract_lint"))
    else:
        session.log("no contracts are configured: the schema gate and the lint have nothing to judge")


@nox.session(name="ops-doctor", venv_backend="none")
def doctor(session: nox.Session) -> None:
    """Examine the stack; arguments after `--` go to ops.doctor."""
    session.run(*OPS, "ops.doctor", *session.posargs)


@nox.session(name="ops-drill", venv_backend="none")
def drill(session: nox.Session) -> None:
    """Prove that the newest snapshot can be restored; arguments after `--` go to ops.drill."""
    session.run(*OPS, "ops.drill", *session.posargs)


def _hook(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"ops_hooks.{name}")


def _base(session: nox.Session, words: Sequence[str]) -> str:
    """What to compare with: as given, the base of a pull request, or the branch that the remote calls its own."""
    parser = argparse.ArgumentParser(prog="nox -s ops-gates --", exit_on_error=False)
    parser.add_argument("--base", default="")
    try:
        given = str(parser.parse_args(words).base)
    except argparse.ArgumentError as error:
        session.error(str(error))
    if given:
        return given
    if branch := os.environ.get("GITHUB_BASE_REF"):
        return f"origin/{branch}"
    remote = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "--abbrev-ref", "origin/HEAD"],  # noqa: S607 - git as everybody has it
        capture_output=True,
        text=True,
        check=False,
    )
    if remote.returncode or not remote.stdout.strip():
        session.error("there is nothing to compare with: nox -s ops-gates -- --base=REV")
    return remote.stdout.strip()


def _tracked() -> list[str]:
    """Every file that git tracks, links and submodules left out."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--stage"],  # noqa: S607
        capture_output=True,
        check=True,
    ).stdout
    entries = [entry.split(b"\t", 1) for entry in told.split(b"\0") if entry]
    return [os.fsdecode(name) for head, name in entries if head.startswith(b"100")]
