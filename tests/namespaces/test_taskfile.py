"""The files around the tasks agree with them, and with each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from invoke.collection import Collection
from ruamel.yaml import YAML

from ops_tasks import ns

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    yaml: Any = YAML(typ="safe")
    return yaml.load((ROOT / name).read_text(encoding="utf-8"))


ENTRIES = cast("dict[str, dict[str, str]]", load("Taskfile.yml")["tasks"])
PINS = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if "==" in line
)


@pytest.fixture(scope="module")
def known() -> set[str]:
    plugin: Collection = ns
    return set(plugin.task_names) | {alias for aliases in plugin.task_names.values() for alias in aliases}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_of_the_taskfile_is_one_line_into_an_existing_task(entry: str, known: set[str]) -> None:
    words = ENTRIES[entry]["cmd"].split()
    assert words == ["invoke", entry.replace(":", "."), "{{.CLI_ARGS}}"]
    assert words[1] in known
    assert ENTRIES[entry]["desc"]


def test_every_task_of_the_daily_routine_has_an_entry(known: set[str]) -> None:
    daily = {
        name
        for name in known
        if name.split(".")[0] in {"verify", "plan", "promote", "full-refresh", "dagster", "db", "ci"}
    }
    assert {name.replace(".", ":") for name in daily} == {name for name in ENTRIES if not name.startswith("ops:")}


def test_task_hands_its_arguments_and_the_exit_code_through(tmp_path: Path) -> None:
    done = subprocess.run(
        ["task", "verify:contracts", "--", f"--stack={tmp_path}"],
        cwd=ROOT,
        env=_path(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"no invoke.yaml in {tmp_path}" in done.stderr
    assert done.returncode != 0
    exact = subprocess.run(
        ["task", "--exit-code", "verify:contracts", "--", f"--stack={tmp_path}"], cwd=ROOT, env=_path(), check=False
    )
    assert exact.returncode == 2


def test_hooks_come_from_the_package_index_at_the_pinned_versions() -> None:
    repositories = load(".pre-commit-config.yaml")["repos"]
    assert {repository["repo"] for repository in repositories} == {"local"}
    hooks = [hook for repository in repositories for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"python"}
    for hook in hooks:
        for pin in hook.get("additional_dependencies", []):
            name, version = pin.split("==")
            assert PINS[name] == version, f"{hook['id']} uses {name} {version}, constraints.txt {PINS[name]}"


def test_constraints_name_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "==" not in line and not line.startswith("#")] == []
    assert [line for line in lines if "://" in line or "@" in line] == []


def test_the_interpreter_of_the_tests_runs_the_pinned_versions() -> None:
    from importlib.metadata import version

    names = ["sqlmesh", "duckdb", "dlt", "dagster", "soda-core", "invoke"]
    assert {name: version(name) for name in names} == {name: PINS[name] for name in names}


def _path() -> dict[str, str]:
    import os

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
