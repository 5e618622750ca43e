"""Runs whose work is gone again: an operation was rolled back, and with it whatever was written since it began."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops_tasks.operation.journal import history

if TYPE_CHECKING:
    from ops_tasks.scenarios.schedules import Ran

OPERATION = "ops/operation"
RESUME, WITH_RUNS = "ops.resume", ("daemon", "dead ")


@dataclass(frozen=True)
class Span:
    """An operation that was put back: what ended between its beginning and its end (epoch seconds) is undone."""

    operation: str
    began: float
    ended: float


def spans(home: Path) -> list[Span]:
    """Every operation of the stack that was rolled back and had changed something.

    And every resumption that has put itself back after it had begun with runs: by then it may have written dead ones
    down, its daemon may have fired others, and its end has ended those.
    """
    found: list[Span] = []
    for record in history(home):
        last = record.events[-1]
        resumed = record.planned.get("task") == RESUME and any(one.startswith(WITH_RUNS) for one in record.begun)
        if (record.status == "rolled_back" and not last.data.get("nothing_changed")) or (
            record.status == "put_back" and resumed
        ):
            found.append(Span(record.operation, record.began.timestamp(), record.ended.timestamp()))
    return found


def is_undone(run: Ran, rolled_back: list[Span]) -> bool:
    """Whether what a run has done was rolled back: it is the operation's own, or it ended in between."""
    return any(
        run.tags.get(OPERATION) == span.operation or (run.ended is not None and span.began <= run.ended <= span.ended)
        for span in rolled_back
    )
