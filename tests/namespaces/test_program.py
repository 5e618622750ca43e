"""The two ways in: the `ops` program, and a `tasks.py` that mounts the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection
from invoke.tasks import Task

from ops_tasks import __version__, ns
from ops_tasks.program import namespace

ROOT = Path(__file__).resolve().parents[2]
OPS = [sys.executable, "-c", "from ops_tasks.program import main; main()"]
INVOKE = [sys.executable, "-m", "invoke"]
PLUGIN: Collection = ns
# Invoke takes the words out of a task as it makes its arguments: they can be had once, so before any test runs.
FLAGS: dict[str, dict[str, str]] = {
    name: {flag.name: flag.help for flag in PLUGIN[name].get_arguments()} for name in sorted(PLUGIN.task_names)
}
HEAVY = ("duckdb", "sqlmesh", "dlt", "dagster", "soda_core", "numpy", "rich", "ruamel", "git")


def run(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_ops_reaches_its_tasks_with_and_without_the_prefix() -> None:
    names = set(namespace(PLUGIN).task_names)
    prefixed = {name for name in PLUGIN.task_names if name.startswith("ops.")}
    assert prefixed <= names
    assert {name.removeprefix("ops.") for name in prefixed} <= names
    assert set(PLUGIN.task_names) <= names


def test_a_short_name_never_hides_a_collection() -> None:
    def body(c: object) -> None:
        """Do nothing."""

    plugin = Collection()
    plugin.add_collection(Collection("ops", Task(body, name="verify"), Task(body, name="backfill")))
    plugin.add_collection(Collection("verify", Task(body, name="dev")))
    assert set(namespace(plugin).task_names) == {"ops.verify", "ops.backfill", "verify.dev", "backfill"}


def test_ops_tells_its_version_and_completes() -> None:
    assert run(*OPS, "--version").stdout.strip().lower() == f"ops {__version__}"
    assert "complete -F" in run(*OPS, "--print-completion-script", "bash").stdout
    assert "verify.dev" in run(*OPS, "--complete", "--", "ops").stdout.split()
    assert "--environment" in run(*OPS, "--complete", "--", "ops verify.dev -").stdout.split()


@pytest.mark.parametrize(
    ("words", "reason", "way_out"),
    [
        (["backfil"], "No idea what 'backfil' is!", "did you mean 'backfill'?"),
        (["snapshot.creat"], "No idea what 'snapshot.creat' is!", "did you mean 'snapshot.create'?"),
        (["backfill", "--sorce=ebird"], "No idea what '--sorce' is!", "did you mean '--source'?"),
        (["--lst"], "No idea what '--lst' is!", "did you mean '--list'?"),
        (["zzzzzz"], "No idea what 'zzzzzz' is!", "ops --list"),
        (["doctor", "--zzzzzzzzzzzz"], "No idea what '--zzzzzzzzzzzz' is!", "ops --help doctor"),
    ],
)
def test_a_command_line_that_is_wrong_names_the_nearest_right_word(words: list[str], reason: str, way_out: str) -> None:
    done = run(*OPS, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"✗ {reason}\n  → {way_out}\n")
    told = run(*OPS, *words, "--json")
    (found,) = json.loads(told.stdout)["findings"]
    assert (told.returncode, found) == (2, {"reason": reason, "way_out": way_out})


def test_ops_works_where_there_is_no_tasks_py(tmp_path: Path) -> None:
    done = run(*OPS, "verify.contracts", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no invoke.yaml with an 'ops:' section" in done.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["retry"], ["rollback"], ["history", "--nonsense"], ["--nonsense"]])
def test_a_wrong_command_line_is_a_usage_error(words: list[str], tmp_path: Path) -> None:
    done = run(*OPS, *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("✗ ")
    assert words[-1] in done.stderr


@pytest.mark.parametrize("program", [OPS, INVOKE], ids=["ops", "invoke"])
@pytest.mark.parametrize("task", ["ops.rollback", "ops.apply", "snapshot.keep"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_after_a_task_that_needs_a_value(flag: str, task: str, program: list[str]) -> None:
    """Invoke alone takes the flag for the value."""
    done = run(*program, task, flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
    assert f"] {task} [--options]" in done.stdout
    assert done.stdout == run(*program, "--help", task).stdout


@pytest.mark.parametrize("words", [[*OPS, "--dry"], [*OPS, "-R"], [*INVOKE, "--dry"]], ids=["ops", "ops-R", "invoke"])
def test_a_dry_run_of_invoke_s_runs_nothing(words: list[str]) -> None:
    """It is for shell commands: without a refusal everything would be done, and none of it echoed."""
    done = run(*words, "snapshot.create")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--plan" in done.stderr


@pytest.mark.parametrize("name", sorted(PLUGIN.task_names))
def test_every_flag_is_one_that_can_be_typed(name: str) -> None:
    letters = [one for flag in PLUGIN[name].get_arguments() for one in flag.names if len(one) == 1]
    assert all(letter.isalnum() for letter in letters)


def test_an_unknown_flag_is_no_value(tmp_path: Path) -> None:
    done = run(*OPS, "rollback", "--yess", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "✗ the operation cannot be '--yess', and it is no flag of this task",
        "  → did you mean '--yes'?",
    ]


def test_each_program_tells_its_own_commands(tmp_path: Path) -> None:
    """Where `ops` is used there may be no `tasks.py`: what Invoke would be told to do there, it could not."""
    for program, told in ((OPS, "ops init"), ([*INVOKE, "-r", str(ROOT)], "invoke ops.init")):
        done = run(*program, "ops.doctor", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == f"  → give --stack=DIR, or describe your stack with {told}"


def test_a_tasks_py_needs_one_import(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from ops_tasks import ns\n", encoding="utf-8")
    done = run(*INVOKE, "--list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "verify.drift" in done.stdout


def test_this_repository_mounts_the_plugin_and_its_own_chores() -> None:
    listed = run(*INVOKE, "--list").stdout
    for name in ("verify.dev", "full-refresh", "promote", "ops.backfill", "snapshot.create", "sandbox.up", "dev.lock"):
        assert name in listed


def test_listing_imports_nothing_heavy_and_is_quick() -> None:
    code = "import sys, tasks; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run(sys.executable, "-c", code).stdout.split())
    assert loaded & set(HEAVY) == set()
    run(*INVOKE, "--list")
    # Processor time, against that of a bare interpreter: on a quiet machine 0.3 s are eight times as much.
    bare = min(_seconds(sys.executable, "-c", "import argparse, inspect, json") for _ in range(3))
    spent = min(_seconds(*INVOKE, "--list") for _ in range(3))
    assert spent < max(0.3, 8 * bare), f"{spent:.2f} s, a bare interpreter {bare:.2f} s"


@pytest.mark.parametrize("name", sorted(PLUGIN.task_names))
def test_every_task_explains_itself_with_an_example(name: str) -> None:
    words: Task[Any] = PLUGIN[name]
    assert words.__doc__, name
    assert "Example: invoke " in words.__doc__, name
    assert {"json", "dir" if name == "ops.init" else "stack"} <= FLAGS[name].keys()
    assert [flag for flag, text in FLAGS[name].items() if not text] == []


def _seconds(*argv: str) -> float:
    before = os.times()
    assert run(*argv).returncode == 0
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system
