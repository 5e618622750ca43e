"""Which scenario an operation is of: how a retry and a rollback find their way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops_tasks.errors import UsageError
from ops_tasks.operation.journal import Record
from ops_tasks.operation.plan import Plan, Run
from ops_tasks.stack import Stack

if TYPE_CHECKING:
    from ops_tasks.scenarios.past import Agree


def rebuild(stack: Stack, record: Record, agree: Agree | None = None) -> Plan:
    """Build an operation's plan again from what its journal says; `agree` is asked before a cut, see `recovery`."""
    from ops_tasks.scenarios import (
        backfill,
        recovery,
        recovery_facts,
        refresh,
        repair,
        restate,
        restore,
        resume,
        resume_facts,
        routine,
    )
    from ops_tasks.scenarios import rebuild as blown
    from ops_tasks.scenarios.backfill_facts import from_json

    task, arguments = str(record.planned.get("task")), record.planned.get("arguments", {})
    if task in (backfill.TASK, restate.TASK):
        return backfill.recover(stack, from_json(arguments))
    if task == routine.REFRESH:
        return refresh.refresh(stack, arguments)
    if task == routine.PROMOTE:
        return refresh.promote(stack, arguments)
    if task == resume.TASK:
        return resume.recover(stack, resume_facts.from_json(arguments))
    if task in (blown.TASK, restore.TASK, repair.TASK):
        return recovery.recover(stack, recovery_facts.from_json(arguments), agree=agree)
    raise UsageError(f"operation {record.operation} is of a task this version does not know: {task!r}")


def undo_outside(stack: Stack, record: Record, run: Run) -> None:
    """Undo what an operation has done outside the state set; most do nothing there."""
    from ops_tasks.scenarios import resume, resume_facts

    if record.planned.get("task") == resume.TASK:
        resume.outside(stack, resume_facts.from_json(record.planned["arguments"]), run, record.begun)


def ends(stack: Stack, record: Record, pid: int) -> bool:
    """Whether a rollback would end a process that holds a database: one that works for the daemon it has started."""
    from ops_tasks.scenarios import resume, schedules
    from ops_tasks.systems.dagster_processes import works_for

    return record.planned.get("task") == resume.TASK and works_for(pid, schedules.home_of(stack).resolve())


def refuse_beside(stack: Stack, record: Record) -> None:
    """Raise `Refused` for a rollback while somebody else's work, which it would not end, writes to the databases."""
    from ops_tasks.scenarios import resume, resume_facts

    if record.planned.get("task") == resume.TASK:
        resume.refuse_beside(stack, resume_facts.from_json(record.planned["arguments"]))
