"""What a plan shows as a command is pasted into a shell at the stack's root, and does what the step does."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.operation.plan import Plan, Step
from ops_tasks.report.plan import show_plan
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios import typed
from ops_tasks.sections import OpsSection
from ops_tasks.stack import Stack

TOLD = '#!/bin/sh\necho "$(basename "$0") $*|$PWD|$DAGSTER_HOME|$PYTHONPATH|$DAY"\n'
CONFIG: dict[str, Any] = {
    "databases": {"raw": "my data/raw.duckdb"},
    "python_path": ["."],
    "sqlmesh": {"project": "the marts/main", "gateway": "local"},
    "dagster": {"module": "shop.definitions", "home": ".dagster"},
    "sources": {
        "sold": {
            "catalog": "raw",
            "dataset": "main",
            "tables": {"t": {}},
            "load": {"command": ["pull", "it's", "a b"]},
        },
        "seen": {"catalog": "raw", "dataset": "main", "tables": {"t": {}}, "load": {"dlt": "shop.load:source"}},
    },
}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    root = tmp_path / "a stack"
    for folder in ("the marts/main", "my data", "bin"):
        (root / folder).mkdir(parents=True)
    for name in ("sqlmesh", "dagster", "pull"):
        (root / "bin" / name).write_text(TOLD)
        (root / "bin" / name).chmod(0o755)
    return Stack(root / "invoke.yaml", root, OpsSection.model_validate(CONFIG))


def pasted(stack: Stack, line: str) -> list[str]:
    """What the program is given, its folder, and its variables."""
    env = {"PATH": f"{stack.root / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": "/theirs"}
    done = subprocess.run(["sh", "-ec", line], cwd=stack.root, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip().split("|")


def at(stack: Stack, **sqlmesh: str) -> Stack:
    changed = stack.config.sqlmesh.model_copy(update={key: Path(value) for key, value in sqlmesh.items()})
    return replace(stack, config=stack.config.model_copy(update={"sqlmesh": changed}))


def test_sqlmesh_is_started_where_its_relative_paths_are_meant(stack: Stack) -> None:
    line = "sqlmesh plan prod --restate-model 'a.b'"
    words = "plan prod --restate-model a.b"
    told = pasted(stack, typed.in_project(stack, line))
    assert told[:2] == [f"sqlmesh --gateway local {words}", str(stack.project)]
    told = pasted(stack, typed.in_project(at(stack, cwd="."), line))
    assert told[:2] == [f"sqlmesh --gateway local -p the marts/main {words}", str(stack.root)]
    assert typed.in_project(at(stack, project="."), line).startswith("sqlmesh --gateway local plan")


def test_dagster_is_told_its_home_and_its_code(stack: Stack) -> None:
    told = pasted(stack, typed.of_dagster(stack, "dagster schedule start daily"))
    assert told[0] == "dagster schedule start daily -m shop.definitions -d ."
    assert told[2:4] == [str(stack.root / ".dagster"), ".:/theirs"]
    (stack.root / "workspace.yaml").touch()
    assert pasted(stack, typed.of_dagster(stack, "dagster schedule stop x"))[0].endswith("stop x -w workspace.yaml")


def test_a_load_command_is_quoted_and_a_dlt_source_is_none(stack: Stack) -> None:
    asked = {"DAY": "2026-04-18"}
    told = pasted(stack, typed.load(stack, "sold", asked))
    assert told == ["pull it's a b", str(stack.root), "", ".:/theirs", "2026-04-18"]
    assert typed.by_dlt(stack, "sold", asked) == ""
    assert typed.load(stack, "seen", asked) == ""
    assert typed.by_dlt(stack, "seen", asked) == ", by the dlt source shop.load:source with DAY=2026-04-18"
    python = {**CONFIG["sources"]["sold"], "load": {"command": ["python", "-V"]}}
    other = replace(stack, config=OpsSection.model_validate(CONFIG | {"sources": {"sold": python}}))
    assert sys.executable in typed.load(other, "sold")


def test_only_what_is_there_is_moved_with_its_log(stack: Stack) -> None:
    raw = stack.root / "my data" / "raw.duckdb"
    assert typed.moved(stack, ["my data/raw.duckdb"]) == ""
    for name in ("raw.duckdb", "raw.duckdb.wal"):
        (raw.parent / name).write_text(name)
    pasted(stack, typed.moved(stack, ["my data/raw.duckdb", "my data/raw.duckdb.wal", "gone", "md:raw"]))
    assert sorted(path.name for path in raw.parent.iterdir()) == ["raw.duckdb.broken", "raw.duckdb.wal.broken"]


@pytest.mark.parametrize("logged", [True, False])
def test_a_copy_gets_no_log_of_the_file_that_was_there(stack: Stack, logged: bool) -> None:
    place, backup = stack.root / "my data", stack.root / "backup.db"
    backup.write_text("new")
    (place / "raw.duckdb.wal").write_text("old")
    if logged:
        backup.with_name("backup.db.wal").write_text("new log")
    pasted(stack, typed.copied(stack, str(backup), "my data/raw.duckdb"))
    assert (place / "raw.duckdb").read_text() == "new"
    assert [path.read_text() for path in place.glob("*.wal")] == (["new log"] if logged else [])


def test_statements_are_not_shown_at_the_prompt_of_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    steps = (
        Step("a", "A", lambda _run: {}, equivalent="cp x y"),
        Step("b", "B", lambda _run: {}, equivalent="ALTER DATABASE x", prompt="md>"),
    )
    plan = Plan(task="t", operation="o", title="t", arguments={}, steps=steps, snapshot="a", put_back=lambda _run: {})
    show_plan(Terminal(json=False), plan, 0)
    out = capsys.readouterr().out
    assert "$ cp x y" in out
    assert "md> ALTER DATABASE x" in out
    assert "$ ALTER" not in out
