"""What others write after an operation was killed is neither lost nor built upon without a word."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def test_files_that_changed_after_the_kill_stop_both_ways_out(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=10)
    sandbox.fault("corrected", "ebird", day, day)
    words = ("ops.backfill", "--source=ebird", f"--start={day}", f"--end={day}", "--yes")
    sandbox.killed("started", "restate", *words)
    operation = sandbox.last_operation()["operation"]
    marts = sandbox.folder / "data" / "databox.duckdb"
    seen = marts.stat().st_mtime_ns
    later = time.time() + 3600
    os.utime(marts, (later, later))
    before = sandbox.hashes()

    for task in ("ops.retry", "ops.rollback"):
        refused = sandbox.invoke(task, operation, "--yes")
        assert refused.code == 3
        assert "data/databox.duckdb" in refused.document["findings"][0]["reason"]
    assert sandbox.hashes() == before

    os.utime(marts, ns=(seen, seen))
    retried = sandbox.invoke("ops.retry", operation, "--yes")
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []
