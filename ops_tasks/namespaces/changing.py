"""What the changing tasks of the daily routine share: the outline of a plan, and the question before it runs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops_tasks.errors import Refused
from ops_tasks.namespaces.running import steps
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.stack import Stack


@contextmanager
def agreed(stack: Stack, task: str, operation: str, terminal: Terminal, question: str, *, yes: bool) -> Generator[int]:
    """Ask while nothing is held, then hold the stack's lock for the work; yields the lock's descriptor.

    Raises `Busy`, `Stopped` or `Refused` when it may not begin.
    """
    from ops_tasks.namespaces.guards import agree, refuse_unfinished, refuse_unless_free
    from ops_tasks.operation import lock
    from ops_tasks.systems.snapshots import refuse_foreign

    refuse_unless_free(stack)
    if not agree(terminal, question, yes=yes, command=f"invoke {task}"):
        raise Refused("not confirmed; nothing was changed")
    with lock.held(stack.home, task, operation) as descriptor:
        refuse_unfinished(stack)
        refuse_foreign(stack)
        yield descriptor


def outline(plan: Plan) -> Document:
    """The document of a plan that is only shown."""
    effects = [{"object": e.object, "what": e.what, "bytes": e.bytes} for e in plan.effects]
    return Document(plan.task, "ok", steps=steps(plan), more={"planned": True, "effects": effects})
