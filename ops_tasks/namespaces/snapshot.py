"""The `snapshot` namespace: named, verified copies of the whole state set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.errors import Refused, UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import refuse_unless_free
from ops_tasks.operation import lock
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape, size
from ops_tasks.stack import find
from ops_tasks.systems import snapshots


@ops_task(
    "create",
    public="snapshot.create",
    help={"name": "Its name: say why it exists (pre_mart_rewrite).", "why": "The reason, in words."},
)
def create(
    _context: Context, name: str, why: str = "", plan: bool = False, stack: str = "", *, terminal: Terminal
) -> Document:
    """Copy the whole state set as of one moment (databases, WALs, SQLMesh state, dlt working state) and verify it.

    Example: invoke snapshot.create --name=pre_mart_rewrite --why="new species codes"
    """
    if not name:
        raise UsageError("no name given", "--name=NAME; say why it exists")
    found = find(stack)
    snapshots.check_name(name)
    refuse_unless_free(found)
    need, free = snapshots.set_bytes(found), snapshots.free_bytes(found)
    where = snapshots.folder_of(found, name).relative_to(found.root)
    terminal.show(f"{escape(name)}: {size(need)} into {where} ({size(free)} free)")
    more: dict[str, Any] = {"name": name, "bytes": need, "free_bytes": free}
    if need > free:
        raise Refused(f"a snapshot needs {size(need)} and {size(free)} are free", "free some space")
    if plan:
        return Document("snapshot.create", "ok", more=more)
    with lock.held(found.home, "snapshot.create", name) as descriptor:
        taken = snapshots.create(
            found,
            name,
            why=why or "by hand",
            say=lambda text: terminal.step("progress", text, None),
            held=(descriptor,),
        )
    files = len(taken.manifest["files"])
    terminal.show(f"[green]✓[/green] {escape(name)}: {files} files, {size(taken.bytes)}, verified")
    return Document("snapshot.create", "ok", more=more | {"bytes": taken.bytes, "files": files})


@ops_task("list", public="snapshot.list")
def show_list(_context: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """List the snapshots: when they were taken, how large they are, when they were verified last.

    Example: invoke snapshot.list
    """
    from rich.table import Table

    found = find(stack)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("snapshot", "taken (UTC)", "age", "size", "verified (UTC)", "why"):
        table.add_column(column)
    rows: list[dict[str, Any]] = []
    for snapshot in snapshots.every(found):
        verified = snapshot.verified_at
        rows.append(
            {
                "name": snapshot.name,
                "created_at": snapshot.created_at.isoformat(),
                "bytes": snapshot.bytes,
                "verified_at": verified.isoformat() if verified else None,
                "why": snapshot.why,
            }
        )
        age = datetime.now(UTC) - snapshot.created_at
        table.add_row(
            snapshot.name,
            f"{snapshot.created_at:%Y-%m-%d %H:%M}",
            f"{age.days} d" if age.days else f"{age.seconds // 3600} h {age.seconds % 3600 // 60} min",
            size(snapshot.bytes),
            f"{verified:%Y-%m-%d %H:%M}" if verified else "[red]never[/red]",
            escape(snapshot.why),
        )
    if rows:
        terminal.show(table)
    else:
        terminal.show("No snapshot yet: invoke snapshot.create --name=NAME")
    return Document("snapshot.list", "ok", more={"snapshots": rows})


@ops_task("verify", public="snapshot.verify", positional=("name",), help={"name": "The snapshot to read back."})
def verify(_context: Context, name: str, stack: str = "", *, terminal: Terminal) -> Document:
    """Read a snapshot back: every file's presence, size and sha256, every database block's checksum.

    Example: invoke snapshot.verify pre_mart_rewrite
    """
    found = find(stack)
    problems = snapshots.verify(found, name, lambda text: terminal.step("progress", text, None))
    for problem in problems:
        terminal.show(f"[red]✗[/red] {escape(problem)}")
    if not problems:
        terminal.show(f"[green]✓[/green] {escape(name)} is whole")
    findings = [{"reason": problem, "way_out": "take a new one"} for problem in problems]
    return Document("snapshot.verify", "findings" if problems else "ok", findings=findings, more={"name": name})


ns = Collection("snapshot", create, show_list, verify)
