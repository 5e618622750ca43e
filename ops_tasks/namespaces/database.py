"""`db.*`: the database files as a whole."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape, size


@ops_task("reset", public="db.reset")
def reset(c: Context, stack: str = "", plan: bool = False, yes: bool = False, *, terminal: Terminal) -> Document:
    """Move every database, WAL, SQLMesh's state and dlt's working state aside, into the quarantine. Deletes nothing.

    Example: invoke db.reset --plan
    """
    from ops_tasks.errors import Refused
    from ops_tasks.namespaces.changing import agreed
    from ops_tasks.scenarios.reset import plan_reset, way_back
    from ops_tasks.scenarios.reset import reset as move
    from ops_tasks.stack import find

    found = find(stack)
    planned = plan_reset(found)
    if not planned.paths:
        terminal.show("there is no database to move")
        return Document("db.reset", "ok", more={"moved": [], "quarantine": None})
    terminal.show(f"[bold]{size(planned.bytes)} go to {escape(str(planned.quarantine))}[/bold]")
    for path in planned.paths:
        terminal.show(f"  {escape(path)}")
    more = {"moved": list(planned.paths), "quarantine": str(planned.quarantine), "planned": plan}
    if plan:
        return Document("db.reset", "ok", more=more)
    with agreed(found, "db.reset", "-", terminal, "Move all of them?", yes=yes):
        if plan_reset(found).paths != planned.paths:
            raise Refused("there are other files now than those that were shown", "look again: invoke db.reset --plan")
        move(found, planned)
    terminal.show(f"moved; the way back: {escape(way_back(found, planned))}")
    return Document("db.reset", "ok", more=more)


ns = Collection("db", reset)
