"""What `ops.apply` refuses besides a changed fact, and that it does no more than the plan says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ops_tasks.errors import Refused
from ops_tasks.namespaces.deciding import Asked
from ops_tasks.operation import lock
from ops_tasks.scenarios import basis
from ops_tasks.stack import Stack, find
from ops_tasks.systems.crew import Crew
from sandbox import stacks
from tests.conftest import ROOT, Sandbox

HOLD = """
import sys, time
from pathlib import Path
from ops_tasks.operation import lock
with lock.held(Path(sys.argv[1]), "ops.backfill", "abcdef"):
    print("held", flush=True)
    time.sleep(120)
"""


def saved(sandbox: Sandbox, file: Path) -> Path:
    """Save a plan of a restatement."""
    day = sandbox.today - timedelta(days=3)
    planned = sandbox.invoke("ops.restate", "--source=noaa", f"--start={day}", f"--plan-out={file}")
    assert planned.code == 0, planned.err
    return file


def free(count: int) -> Callable[[Stack], int]:
    """A disk with that much room."""
    return lambda _stack: count


def test_a_plan_of_another_stack(sandbox: Sandbox, tmp_path: Path) -> None:
    file = saved(sandbox, tmp_path / "plan.json")
    other = Sandbox(stacks.copy(sandbox.folder, tmp_path / "other"))
    before = other.hashes()
    for words in ((), ("--plan",)):
        refused = other.invoke("ops.apply", str(file), *words)
        assert refused.code == 2, refused.err
        assert str(sandbox.folder) in refused.document["findings"][0]["reason"]
    assert other.hashes() == before
    assert not (other.folder / ".ops").exists()


def test_while_somebody_holds_the_stack(sandbox: Sandbox, tmp_path: Path) -> None:
    file = saved(sandbox, tmp_path / "plan.json")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(sandbox.folder / ".ops")], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        busy = sandbox.invoke("ops.apply", str(file))
        process.kill()
    assert busy.code == 6, busy.err
    assert f"PID {process.pid}" in busy.document["findings"][0]["reason"]
    assert sandbox.invoke("ops.history").document["operations"] == []


def test_planning_and_looking_write_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    def everything() -> dict[str, tuple[int, int]]:
        files = [path for path in sandbox.folder.rglob("*") if path.is_file() and ".sandbox" not in path.parts]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    before, hashes = everything(), sandbox.hashes()
    file = saved(sandbox, tmp_path / "plan.json")
    looked = sandbox.invoke("ops.apply", str(file), "--plan")
    assert looked.code == 0, looked.err
    assert (everything(), sandbox.hashes()) == (before, hashes)


def test_a_refused_plan_is_not_saved(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    refused = sandbox.invoke("ops.rebuild", f"--plan-out={file}")
    assert refused.code == 3, refused.err
    assert not file.exists()


def test_what_is_written_to_while_it_is_planned_is_no_basis(sandbox: Sandbox) -> None:
    stack, asked = find(sandbox.folder), Asked(plan=True, yes=False, command="")
    assert basis.written_since(stack, asked.begun) == []
    model = stack.project / "models" / "ebird" / "dim_species.sql"
    model.write_text(model.read_text() + "-- a word\n")
    wal = stack.databases["raw_noaa"].with_name("raw_noaa.duckdb.wal")
    wal.write_bytes(b"")
    assert basis.written_since(stack, asked.begun) == ["data/raw_noaa.duckdb.wal", str(model)]


def test_a_project_may_be_the_whole_stack(sandbox: Sandbox, tmp_path: Path) -> None:
    """The lock and the snapshots change while a plan is applied; they are no models."""
    shutil.copytree(sandbox.folder / "transforms" / "main", sandbox.folder, dirs_exist_ok=True)
    settings = sandbox.folder / "invoke.yaml"
    settings.write_text(settings.read_text().replace("project: transforms/main", "project: ."))
    stack = find(sandbox.folder)
    with Crew(stack.root) as crew:
        before = basis.facts(stack, "ops.restate", {}, crew)
        with lock.held(stack.home, "ops.apply", "abcdef"):
            after = basis.facts(stack, "ops.restate", {}, crew)
    assert after == before
    models = [name.removeprefix("model file ") for name in before if name.startswith("model file ")]
    assert "models/ebird/dim_species.sql" in models
    assert not [name for name in models if name.startswith((".", "data/")) or name.endswith(".duckdb")]


def test_too_little_room_is_refused_as_the_plan_would_be(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from ops_tasks.systems import snapshots

    stack = find(sandbox.folder)
    need = snapshots.set_bytes(stack)
    monkeypatch.setattr(snapshots, "free_bytes", free(need))
    assert basis.cramped(stack, "ops.resume", {}) is None
    monkeypatch.setattr(snapshots, "free_bytes", free(need - 1))
    refusal = basis.cramped(stack, "ops.resume", {})
    assert refusal is not None
    assert f"{need - 1:,} are free" in refusal.reason


def test_an_operation_that_was_put_back_is_not_applied_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """Every file is as it was then, so no fact would tell it."""
    start = sandbox.today - timedelta(days=6)
    file = tmp_path / "plan.json"
    planned = sandbox.invoke("ops.backfill", "--source=noaa", f"--start={start}", f"--plan-out={file}")
    assert planned.code == 0, planned.err
    sandbox.fault("error", "noaa", start, start)
    before = sandbox.hashes()
    failed = sandbox.invoke("ops.apply", str(file))
    assert failed.code == 4, failed.err
    assert failed.document["operation"] == json.loads(file.read_text())["operation"]
    again = sandbox.invoke("ops.apply", str(file))
    assert again.code == 3, again.err
    assert "applied already (put_back)" in again.document["findings"][0]["reason"]
    assert sandbox.hashes() == before


def test_two_at_once_are_one(sandbox: Sandbox, tmp_path: Path) -> None:
    from ops_tasks.namespaces import applying
    from ops_tasks.operation.journal import Journal, operations
    from ops_tasks.operation.saved import read

    file = saved(sandbox, tmp_path / "plan.json")
    stack, kept = find(sandbox.folder), read(file)
    applying._refuse_applied(stack, kept)  # pyright: ignore[reportPrivateUsage]
    journal = Journal(operations(stack.home) / kept.operation)
    journal.append("planned", task=kept.task, title=kept.title, arguments=kept.arguments)
    with pytest.raises(Refused, match=r"applied already \(stopped\)"):
        applying._refuse_applied(stack, kept)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("place", ["data/dlt_pipelines/noaa/plan.json", "transforms/main/plan.yaml"])
def test_a_place_that_the_plan_rests_on_is_no_place_for_it(sandbox: Sandbox, place: str) -> None:
    """Told before anything is looked at: there is no such source either."""
    file = sandbox.folder / place
    for words in (("ops.restate", "--source=nobody", "--start=2026-01-01"), ("ops.rebuild",)):
        refused = sandbox.invoke(*words, f"--plan-out={file}")
        assert refused.code == 2, refused.err
        assert str(file) in refused.document["findings"][0]["reason"]
    assert not file.exists()
