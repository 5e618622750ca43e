"""`watch.disk`: an alarm before the disk is full."""

from __future__ import annotations

from functools import partial

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.watched import watched
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal
from ops_tasks.stack import find

PROM = "Write the measurements into this Prometheus textfile too (NAME.prom; {watch} is replaced)."


@ops_task("disk", public="watch.disk", help={"prom": PROM, "yes": "Taken, as everywhere; there is no question."})
def disk(
    _context: Context, prom: str = "", plan: bool = False, yes: bool = False, stack: str = "", *, terminal: Terminal
) -> Document:
    """Look whether every file system of the stack has room for the next snapshot and a rebuild, and for how long.

    Remembers what it saw, to tell in how many days a disk will be full. Exit 1 when there is too little of anything,
    or a disk is mounted read-only.

    Example: invoke watch.disk --prom=/var/lib/node_exporter/ops_{watch}.prom
    """
    from ops_tasks.scenarios.disk import judge

    return watched(find(stack), "disk", terminal, partial(judge, note=not plan), prom=prom, plan=plan)
