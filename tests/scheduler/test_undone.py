"""Whatever was rolled back counts as never run: by the journal of the operation and by the runs' own times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ops_tasks.operation.journal import ROLLBACK, Journal, operations
from ops_tasks.scenarios.schedules import Ran
from ops_tasks.scenarios.undone import Span, is_undone, spans

SPAN = Span("abc123", 1000.0, 2000.0)


def ran(ended: float | None, operation: str = "") -> Ran:
    tags = {"ops/operation": operation} if operation else {}
    return Ran("r", "job", "success", None, 900.0, 950.0, ended, tags)


@pytest.mark.parametrize(
    ("run", "undone"),
    [
        (ran(999.0), False),
        (ran(1500.0), True),
        (ran(2001.0), False),
        (ran(None), False),
        (ran(5.0, "abc123"), True),
        (ran(None, "abc123"), True),
        (ran(5.0, "fffff0"), False),
    ],
)
def test_what_is_undone(run: Ran, undone: bool) -> None:
    assert is_undone(run, [SPAN]) is undone
    assert not is_undone(run, [])


def test_only_a_rollback_that_put_something_back_undoes_runs(tmp_path: Path) -> None:
    for name, *ends in (
        ("aaa111", "succeeded"),
        ("bbb222", "succeeded", ROLLBACK, "rolled_back"),
        ("ccc333", "failed", ROLLBACK, "put_back"),
        ("ddd444", "succeeded", ROLLBACK),
    ):
        journal = Journal(operations(tmp_path) / name)
        for event in ("planned", *ends):
            journal.append(event)
    nothing = Journal(operations(tmp_path) / "eee555")
    nothing.append("planned")
    nothing.append("rolled_back", nothing_changed=True)
    (found,) = spans(tmp_path)
    assert found.operation == "bbb222"
    assert found.began <= found.ended <= time.time()
