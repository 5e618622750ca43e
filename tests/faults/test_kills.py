"""kill -9 at every step boundary and inside steps: the next command says so, and both ways out work from there."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.faults.both_ways import check_every, journal_has, kill_when, wait_for_workers

if TYPE_CHECKING:
    from tests.conftest import Sandbox

pytestmark = pytest.mark.rehearsal

STEPS = [
    "snapshot",
    "measure before",
    "load ebird",
    "gate",
    "exchange ebird",
    "restate",
    "compare",
    "contracts",
    "seal",
]
BOUNDARIES = [("planned", ""), *(("started", step) for step in STEPS), ("done", "seal")]


def broken(sandbox: Sandbox) -> tuple[str, ...]:
    """Correct two days upstream; returns the words of the backfill that mends them."""
    start, end = sandbox.today - timedelta(days=11), sandbox.today - timedelta(days=10)
    sandbox.fault("corrected", "ebird", start, end)
    return ("ops.backfill", "--source=ebird", f"--start={start}", f"--end={end}", "--yes")


def test_killed_at_every_boundary_both_ways_out_work(sandbox: Sandbox) -> None:
    words = broken(sandbox)
    check_every(sandbox, sandbox.hashes(), words, BOUNDARIES)


def test_a_stopped_operation_blocks_the_next_one(sandbox: Sandbox) -> None:
    words = broken(sandbox)
    assert sandbox.killed("started", "restate", *words).code == -signal.SIGKILL
    operation = sandbox.last_operation()["operation"]
    before = sandbox.hashes()

    blocked = sandbox.invoke(*words)

    assert blocked.code == 5
    finding = blocked.document["findings"][0]
    assert operation in finding["reason"]
    assert f"ops.retry {operation}" in finding["way_out"]
    assert f"ops.rollback {operation}" in finding["way_out"]
    assert sandbox.hashes() == before


@pytest.mark.parametrize(
    "appears",
    [
        pytest.param(".ops/snapshots/.*.making/files/data/*", id="copying"),
        pytest.param(".ops/operations/*/staging/ebird/*.duckdb", id="loading"),
        pytest.param("data/raw_ebird.duckdb.wal", id="exchanging"),
        pytest.param("data/databox.duckdb.wal", id="restating"),
    ],
)
def test_killed_inside_a_step(sandbox: Sandbox, appears: str) -> None:
    words = broken(sandbox)
    before = sandbox.hashes()

    kill_when(sandbox, words, lambda: any(sandbox.folder.glob(appears)))

    operation = sandbox.last_operation()
    if operation["status"] == "stopped":
        assert sandbox.invoke("ops.rollback", operation["operation"], "--yes").code == 0
        assert sandbox.hashes() == before
    assert sandbox.invoke(*words).code == 0
    assert sandbox.differences() == []


@pytest.mark.parametrize("way", ["rollback", "retry"])
def test_a_loader_that_works_in_place_is_killed_in_the_middle(sandbox: Sandbox, way: str) -> None:
    day = sandbox.today - timedelta(days=10)
    before = sandbox.hashes()
    sandbox.fault("corrected", "noaa", day, day)
    words = ("ops.backfill", "--source=noaa", f"--start={day}", "--yes", "--allow-shrink")
    raw = sandbox.folder / "data" / "raw_noaa.duckdb"
    modified = raw.stat().st_mtime_ns

    kill_when(sandbox, words, lambda: raw.exists() and raw.stat().st_mtime_ns != modified)

    operation = sandbox.last_operation()
    assert operation["status"] == "stopped"
    assert operation["step"] == "load noaa"
    finished = sandbox.invoke(f"ops.{way}", operation["operation"], "--yes")
    assert finished.code == 0, finished.err
    if way == "retry":
        assert sandbox.differences() == []
    else:
        assert sandbox.hashes() == before


def test_no_worker_outlives_a_killed_operation(sandbox: Sandbox) -> None:
    words = broken(sandbox)
    start, end = sandbox.today - timedelta(days=11), sandbox.today - timedelta(days=10)
    sandbox.fault("slow", "ebird", start, end, seconds=30)

    kill_when(sandbox, words, lambda: any(sandbox.folder.glob(".ops/operations/*/staging/ebird/dlt/*")))

    wait_for_workers(sandbox.folder)


def test_a_rollback_that_is_killed_can_be_run_again(sandbox: Sandbox) -> None:
    words = broken(sandbox)
    before = sandbox.hashes()
    operation = sandbox.invoke(*words).document["operation"]

    assert sandbox.killed("rollback_started", "", "ops.rollback", operation, "--yes").code == -signal.SIGKILL

    assert sandbox.last_operation()["status"] == "stopped"
    assert sandbox.invoke("ops.retry", operation, "--yes").code == 3
    assert sandbox.invoke("ops.rollback", operation, "--yes").code == 0
    assert sandbox.hashes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_polite_signal_puts_everything_back(sandbox: Sandbox, number: signal.Signals) -> None:
    words = broken(sandbox)
    before = sandbox.hashes()

    code, document = kill_when(sandbox, words, lambda: journal_has(sandbox, "restate"), number)

    assert code == 4
    assert document["status"] == "put_back"
    assert "interrupted" in document["findings"][0]["reason"]
    assert sandbox.hashes() == before
