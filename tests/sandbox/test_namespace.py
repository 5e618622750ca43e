"""The tasks as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.api import server
from sandbox.namespace import namespace

ROOT = Path(__file__).resolve().parents[2]
TASKS = (
    "from invoke.collection import Collection\nfrom sandbox.namespace import namespace\nns = Collection(namespace)\n"
)
HEAVY = ("duckdb", "sqlmesh", "dlt", "dagster", "soda_core", "ruamel", "pydantic", "rich")


def invoke(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "caller"
    folder.mkdir(exist_ok=True)
    (folder / "tasks.py").write_text(TASKS)
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_namespace_imports_nothing_heavy() -> None:
    code = f"import sys, sandbox.namespace; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["up", "break", "fault", "truth", "env", "down"])
def test_every_task_has_help_with_an_example_and_json(name: str) -> None:
    task = cast("Any", namespace.tasks)[name]
    assert f"Example: inv sandbox.{name}" in (task.__doc__ or "")
    arguments = task.get_arguments()
    assert "json" in {argument.name for argument in arguments}
    assert all(argument.help for argument in arguments)


def test_a_whole_incident(pinned: Path, tmp_path: Path) -> None:
    where = f"--dir={pinned}"
    try:
        done = invoke(tmp_path, "sandbox.up", where, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["kept"]
        assert server.alive(pinned)
        done = invoke(tmp_path, "sandbox.break", "bad-window", "--mode=empty", where, "--json")
        assert done.returncode == 0, done.stderr
        window = json.loads(done.stdout)["days"]
        assert window == ["2026-04-12", "2026-04-13", "2026-04-14"]
        done = invoke(tmp_path, "sandbox.truth", where, "--json")
        document = json.loads(done.stdout)
        assert (done.returncode, document["status"]) == (1, "findings")
        assert list(document["days"]) == window
        assert "tables differ" in done.stderr
    finally:
        done = invoke(tmp_path, "sandbox.down", where, "--remove")
    assert done.returncode == 0
    assert not pinned.exists()


def test_faults_come_and_go(pinned: Path, tmp_path: Path) -> None:
    where = f"--dir={pinned}"
    words = ("--source=usgs", "--start=2026-04-10", "--end=2026-04-11", where, "--json")
    try:
        done = invoke(tmp_path, "sandbox.fault", "slow", "--seconds=0.5", *words)
        assert done.returncode == 0, done.stderr
        expected = {"kind": "slow", "source": "usgs", "start": "2026-04-10", "end": "2026-04-11", "seconds": 0.5}
        assert json.loads(done.stdout)["faults"] == [expected]
        assert server.alive(pinned), "a server that was not running has been started"
        done = invoke(tmp_path, "sandbox.fault", "clear", where, "--json")
        assert json.loads(done.stdout)["faults"] == []
    finally:
        server.stop(pinned)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("sandbox.break", "bad-windw"), "did you mean 'bad-window'"),
        (("sandbox.break", "bad-window", "--start=2026-13-01", "--end=2026-04-02"), "--start"),
        (("sandbox.fault", "eror"), "did you mean 'error'"),
        (("sandbox.fault", "slow", "--seconds=long"), "--seconds"),
        (("sandbox.up", "--days=many"), "--days"),
    ],
)
def test_a_wrong_word_is_exit_2_and_one_line(pinned: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = invoke(tmp_path, *words, f"--dir={pinned}", "--json")
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["status"] == "error"
    assert told in document["findings"][0]["reason"]
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_folder_that_is_no_sandbox_is_exit_2(tmp_path: Path) -> None:
    done = invoke(tmp_path, "sandbox.truth", f"--dir={tmp_path}")
    assert done.returncode == 2
    assert "is not a sandbox" in done.stderr
