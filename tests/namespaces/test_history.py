"""`ops.history` tells what can be done about an operation that was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_tasks.operation.journal import Journal, operations
from tests.conftest import Sandbox


@pytest.fixture
def small(tmp_path: Path) -> Sandbox:
    """The smallest stack there can be, with three operations: ended, stopped, and half rolled back."""
    (tmp_path / "p").mkdir()
    text = "ops:\n  databases: {a: a.duckdb}\n  sqlmesh: {project: p}\n"
    (tmp_path / "invoke.yaml").write_text(text, encoding="utf-8")
    for name, events in (("aaaaaa", ["succeeded"]), ("bbbbbb", []), ("cccccc", ["rollback_started"])):
        journal = Journal(operations(tmp_path / ".ops") / name)
        journal.append("planned", task="ops.x", title=f"work {name}", arguments={})
        journal.append("started", "restate")
        for event in events:
            journal.append(event)
    return Sandbox(tmp_path)


def test_the_ways_out_of_a_stopped_operation(small: Sandbox) -> None:
    rows = small.invoke("ops.history").document["operations"]
    place = f"--stack={small.folder}"
    assert [row["way_out"] for row in rows] == [
        "",
        f"invoke ops.retry bbbbbb {place} (goes on), or invoke ops.rollback bbbbbb {place}",
        f"invoke ops.rollback cccccc {place}",
    ]
    told = small.invoke("ops.history", json_output=False).out
    for row, where in zip(rows[1:], ("at step 'restate'", "in its rollback"), strict=True):
        assert row["stopped"] == where
        assert f"{row['operation']} stopped {where} → {row['way_out']}" in told
