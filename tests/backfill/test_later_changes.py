"""What others write after an operation was killed is neither lost nor built upon without a word."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops_tasks.operation.journal import Event, Record
from ops_tasks.scenarios import undo
from ops_tasks.stack import find

if TYPE_CHECKING:
    from tests.conftest import Sandbox

pytestmark = pytest.mark.rehearsal

FUTURE = time.time() + 3600


def test_files_that_changed_after_the_kill_stop_both_ways_out(sandbox: Sandbox) -> None:
    operation = killed(sandbox)
    marts = sandbox.folder / "data" / "databox.duckdb"
    pretend_written(marts)
    before = sandbox.hashes()

    for task in ("ops.retry", "ops.rollback"):
        refused = sandbox.invoke(task, operation, "--yes")
        assert refused.code == 3
        assert "data/databox.duckdb" in refused.document["findings"][0]["reason"]
    assert sandbox.hashes() == before

    beat = sandbox.folder / ".ops" / "operations" / operation / "alive"
    os.utime(beat, (FUTURE + 1, FUTURE + 1))  # then it was the operation's own long last step
    retried = sandbox.invoke("ops.retry", operation, "--yes")
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []


@pytest.mark.parametrize("written", [False, True])
def test_changes_that_are_gone_over_are_kept(written: bool, sandbox: Sandbox) -> None:
    """A retry that fails before it has written to the stack leaves them, one that fails later keeps them aside."""
    operation = killed(sandbox)
    theirs = sandbox.folder / "data" / "dlt_pipelines" / "usgs" / "theirs.txt"
    theirs.write_text("not ours", encoding="utf-8")
    pretend_written(theirs)

    refused = sandbox.invoke("ops.retry", operation, "--yes")
    assert refused.code == 3
    assert "dlt_pipelines/usgs/theirs.txt" in refused.document["findings"][0]["reason"]
    day = sandbox.today - timedelta(days=10)
    if written:
        contract = sandbox.folder / "contracts" / "ebird" / "fct_daily_bird_observations.yml"
        contract.write_text(contract.read_text("utf-8").replace("must_be_greater_than: 0", "must_be: 1"))
    else:
        sandbox.fault("error", "ebird", day, day)
    failed = sandbox.invoke("ops.retry", operation, "--yes", "--accept-later-changes")

    assert failed.code == (4 if written else 3), failed.document
    assert theirs.exists() != written
    kept = list(sandbox.folder.glob(".ops/snapshots/pre_retry_*/files/data/dlt_pipelines/usgs/theirs.txt"))
    assert [file.read_text(encoding="utf-8") for file in kept] == ["not ours"]


def test_an_older_copy_that_was_moved_in_is_a_later_change(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "SLACK", timedelta(0))
    state = stack / "data" / "sqlmesh_state.duckdb"
    copied = shutil.copy2(state, stack / "older")
    now = datetime.now(UTC)
    record = Record("abc123", stack / "none", (Event(now.isoformat(), "planned", None, {}),))
    probe = stack / "probe"
    while not probe.exists() or probe.stat().st_ctime <= now.timestamp():
        probe.write_text("", encoding="utf-8")  # the file system's clock ticks in milliseconds
    assert undo.later_changes(find(stack), record) == []
    Path(copied).replace(state)
    assert undo.later_changes(find(stack), record) == ["data/sqlmesh_state.duckdb"]


def killed(sandbox: Sandbox) -> str:
    """A backfill that is killed as it begins to load; returns its id."""
    day = sandbox.today - timedelta(days=10)
    sandbox.fault("corrected", "ebird", day, day)
    words = ("ops.backfill", "--source=ebird", f"--start={day}", f"--end={day}", "--yes")
    sandbox.killed("started", "load ebird", *words)
    return str(sandbox.last_operation()["operation"])


def pretend_written(file: Path) -> None:
    """As if somebody had written a file long after the kill."""
    os.utime(file, (FUTURE, FUTURE))
