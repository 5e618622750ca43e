"""kill -9 at every step of a rebuild, a restore and a repair: both ways out work from there, and no row is lost."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import breaks
from tests.conftest import Sandbox
from tests.faults.both_ways import check_both, check_every, journal_has, kill_when

pytestmark = pytest.mark.rehearsal

RECOVERIES: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, ...], list[str]]] = {
    "marts": (
        ("flip-bytes", {"file": "databox"}),
        ("ops.rebuild", "--yes"),
        ["snapshot", "quarantine", "history", "mend", "compare", "audits", "contracts", "freshness", "seal"],
    ),
    "raw": (
        ("flip-bytes", {"file": "raw_ebird"}),
        ("ops.rebuild", "--yes"),
        ["bring 0", "load ebird", "gate"],
    ),
    "state": (("lost-state", {}), ("ops.rebuild", "--yes"), ["begin"]),
    "restore": (
        ("zero-file", {"file": "databox"}),
        ("ops.restore", "--snapshot=nightly", "--yes"),
        ["clone", "examine", "contracts of the past", "differ", "cut", "rows", "drift", "done seal"],
    ),
    "in place": (
        ("zero-file", {"file": "databox"}),
        ("ops.restore", "--snapshot=nightly", "--in-place", "--yes"),
        ["cut", "rows"],
    ),
    "repair": (("dropped-table", {}), ("ops.repair-state", "--yes"), ["mend"]),
}


def moment(step: str) -> tuple[str, str]:
    return ("done", step.removeprefix("done ")) if step.startswith("done ") else ("started", step)


@pytest.mark.parametrize("name", RECOVERIES)
def test_killed_at_every_step(saved: Sandbox, name: str) -> None:
    (fault, options), words, steps = RECOVERIES[name]
    breaks.apply(fault, saved.folder, **options)
    check_every(saved, saved.hashes(), words, [moment(step) for step in steps])


@pytest.mark.parametrize(
    ("name", "step", "appears"),
    [
        pytest.param("marts", "mend", "data/databox.duckdb.wal", id="computing"),
        pytest.param("in place", "cut", "data/.*.ops-new", id="bringing"),
        pytest.param("restore", "clone", ".ops/operations/*/past/files/data/*", id="laying out"),
        pytest.param("marts", "snapshot", ".ops/snapshots/.*.making/files/data/*", id="copying"),
    ],
)
def test_killed_inside_a_step(saved: Sandbox, name: str, step: str, appears: str) -> None:
    (fault, options), words, _ = RECOVERIES[name]
    breaks.apply(fault, saved.folder, **options)
    before = saved.hashes()
    kill_when(saved, words, lambda: journal_has(saved, step) and any(saved.folder.glob(appears)))
    assert saved.last_operation()["step"] == step
    check_both(saved, before)
