"""Runs whose work is gone again: an operation was rolled back, and with it whatever was written since it began."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops_tasks.operation.journal import history

if TYPE_CHECKING:
    from ops_tasks.scenarios.schedules import Ran

OPERATION = "ops/operation"


@dataclass(frozen=True)
class Span:
    """A rolled-back operation: what ended between its beginning and the rollback (epoch seconds) is undone."""

    operation: str
    began: float
    ended: float


def spans(home: Path) -> list[Span]:
    """Every operation of the stack that was rolled back and had changed something."""
    found: list[Span] = []
    for record in history(home):
        last = record.events[-1]
        if record.status == "rolled_back" and not last.data.get("nothing_changed"):
            found.append(Span(record.operation, record.began.timestamp(), record.ended.timestamp()))
    return found


def is_undone(run: Ran, rolled_back: list[Span]) -> bool:
    """Whether what a run has done was rolled back: it is the operation's own, or it ended in between."""
    return any(
        run.tags.get(OPERATION) == span.operation or (run.ended is not None and span.began <= run.ended <= span.ended)
        for span in rolled_back
    )
