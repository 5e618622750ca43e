"""`watch.heartbeat`: whether the scheduler is alive, asked from outside of it."""

from __future__ import annotations

from functools import partial

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.watch_disk import PROM
from ops_tasks.namespaces.watched import watched
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal
from ops_tasks.stack import find


@ops_task(
    "heartbeat", public="watch.heartbeat", help={"prom": PROM, "yes": "Taken, as everywhere; there is no question."}
)
def heartbeat(
    _context: Context, prom: str = "", plan: bool = False, yes: bool = False, stack: str = "", *, terminal: Terminal
) -> Document:
    """Look whether Dagster's daemon lives, has fired what was due, and the marts come; for cron, a timer, or CI.

    The age of the raw heartbeats counts, not Dagster's own health, which stays good for half an hour after a death. The
    web server is asked separately (ops.dagster.webserver): it says nothing of the daemon. Exit 1 when something is
    wrong. A dead-man service (OPS_PING) hears of every run, and so of a machine on which nothing runs any more.

    Example: invoke watch.heartbeat --prom=/var/lib/node_exporter/ops_{watch}.prom
    """
    from ops_tasks.scenarios.heartbeat import judge
    from ops_tasks.scenarios.schedules import section_of

    found = find(stack)
    section_of(found)
    return watched(found, "heartbeat", terminal, partial(judge, note=not plan), prom=prom, plan=plan)
