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


@pytest.mark.parametrize(
    ("task", "step", "counts"),
    [
        ("ops.resume", "daemon", True),
        ("ops.resume", "dead 0a1b2c3d", True),
        ("ops.resume", "snapshot", False),
        ("ops.backfill", "daemon", False),
    ],
)
def test_a_resumption_that_puts_itself_back_undoes_the_runs_that_it_met(
    tmp_path: Path, task: str, step: str, counts: bool
) -> None:
    journal = Journal(operations(tmp_path) / "abc123")
    journal.append("planned", task=task)
    journal.append("started", step)
    journal.append("failed", step)
    journal.append("put_back")
    canceled = Ran("r", "job", "canceled", "3", 5.0, None, time.time(), {"ops/operation": "abc123"})
    assert is_undone(canceled, spans(tmp_path)) is counts
