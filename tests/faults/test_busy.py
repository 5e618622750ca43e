"""Somebody else has the stack: exit 6 with a PID, before anything is touched."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox

ROOT = Path(__file__).resolve().parents[2]
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'ro'); print('held', flush=True)"


@contextmanager
def holding(file: Path, mode: str) -> Generator[int]:
    """Another process that has a database open until the block ends."""
    command = [sys.executable, "-c", f"{HOLD}; sys.stdin.read()", str(file), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate()


@pytest.mark.parametrize("mode", ["rw", "ro"])
@pytest.mark.parametrize("database", ["databox", "raw_noaa", "sqlmesh_state"])
def test_a_foreign_process_is_named(sandbox: Sandbox, database: str, mode: str) -> None:
    day = sandbox.today - timedelta(days=8)
    before = sandbox.hashes()

    with holding(sandbox.folder / "data" / f"{database}.duckdb", mode) as pid:
        ran = sandbox.backfill(start=day, end=day)

    assert ran.code == 6, ran.err
    finding = ran.document["findings"][0]
    assert f"PID {pid}" in finding["reason"]
    assert f"{database}.duckdb" in finding["reason"]
    assert sandbox.hashes() == before
    assert not (sandbox.folder / ".ops" / "operations").exists()


def test_a_snapshot_is_refused_while_somebody_writes(sandbox: Sandbox) -> None:
    with holding(sandbox.folder / "data" / "databox.duckdb", "rw") as pid:
        ran = sandbox.invoke("snapshot.create", "--name=mine")

    assert ran.code == 6
    assert f"PID {pid}" in ran.document["findings"][0]["reason"]
    assert not (sandbox.folder / ".ops" / "snapshots").exists()


@pytest.mark.rehearsal
def test_two_operations_at_once(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=8)
    sandbox.fault("slow", "ebird", day, day, seconds=2)
    words = ["ops.backfill", "--source=ebird", f"--start={day}", "--yes", f"--stack={sandbox.folder}", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "invoke", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as first:
        until = time.monotonic() + 60
        while not any(sandbox.folder.glob(".ops/operations/*/staging/ebird")):
            assert time.monotonic() < until, "the first never got to loading"
            time.sleep(0.01)
        second = sandbox.backfill(start=day, end=day)
        first.communicate(timeout=120)

    assert second.code == 6, second.err
    assert f"PID {first.pid}" in second.document["findings"][0]["reason"]
    assert first.returncode == 0
