"""What every changing task asks before it plans, is the stack free and the last operation finished; how it says no."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ops_tasks.errors import Refused, Stopped
from ops_tasks.operation import lock
from ops_tasks.operation.journal import Record, read, unfinished
from ops_tasks.report.terminal import Terminal, confirm
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew


def refuse_unless_free(
    stack: Stack,
    *,
    finishing: str | None = None,
    crew: Crew | None = None,
    ours: Callable[[int], bool] | None = None,
) -> None:
    """Raise `Busy` while somebody holds the stack, `Stopped` while an earlier operation wants a decision.

    `finishing` is the stopped operation that this task is about to finish, `ours` tells the processes that it ends.
    """
    lock.refuse_running(stack.home)
    refuse_unfinished(stack, finishing=finishing)
    snapshots.refuse_foreign(stack, crew, ours=ours)


def refuse_unfinished(stack: Stack, *, finishing: str | None = None) -> None:
    """Raise `Stopped`, naming the first operation that was neither finished nor put back."""
    for record in unfinished(stack.home):
        if record.operation == finishing:
            continue
        title = record.planned.get("title", "")
        raise Stopped(f"operation {record.operation} ({title}) stopped {record.stopped_at}", ways_out(record))


def ways_out(record: Record) -> str:
    """What can be done about a stopped operation; once a rollback has begun there is no way but back."""
    back = f"invoke ops.rollback {record.operation}"
    return back if record.rollback_begun else f"invoke ops.retry {record.operation} (goes on), or {back}"


def refuse_changed(stack: Stack, record: Record) -> None:
    """Raise `Refused` when somebody else has gone on with an operation since its journal was read."""
    if len(read(stack.home, record.operation).events) != len(record.events):
        raise Refused(f"operation {record.operation} has gone on meanwhile", "invoke ops.history")


def agree(terminal: Terminal, question: str, *, yes: bool, command: str) -> bool:
    """Ask, unless `yes`; without a terminal to ask on, refuse and say which command would go on."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("not confirmed, and there is no terminal to ask on", f"{command} --yes")
    terminal.show()
    return confirm(question)


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of many names, and how many more there are: a line is to be read."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
