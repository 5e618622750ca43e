"""Which scenario builds the plan of which task: how a retry finds its way back."""

from __future__ import annotations

from ops_tasks.errors import UsageError
from ops_tasks.operation.journal import Record
from ops_tasks.operation.plan import Plan
from ops_tasks.stack import Stack


def rebuild(stack: Stack, record: Record) -> Plan:
    """Build an operation's plan again from what its journal says."""
    from ops_tasks.scenarios import backfill, recovery, recovery_facts, refresh, repair, restate, restore
    from ops_tasks.scenarios import rebuild as blown
    from ops_tasks.scenarios.backfill_facts import from_json

    task, arguments = str(record.planned.get("task")), record.planned.get("arguments", {})
    if task in (backfill.TASK, restate.TASK):
        return backfill.recover(stack, from_json(arguments))
    if task == refresh.REFRESH:
        return refresh.refresh(stack, arguments)
    if task == refresh.PROMOTE:
        return refresh.promote(stack, arguments)
    if task in (blown.TASK, restore.TASK, repair.TASK):
        return recovery.recover(stack, recovery_facts.from_json(arguments))
    raise UsageError(f"operation {record.operation} is of a task this version does not know: {task!r}")
