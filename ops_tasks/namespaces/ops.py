"""The `ops` namespace: recovery tasks, and what becomes of an operation afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.errors import OpsError, Refused
from ops_tasks.namespaces import applying, init, prevention, recovery, reporting, restating, restoring, resuming
from ops_tasks.namespaces.deciding import Asked
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import agree, refuse_changed, refuse_unless_free, some, ways_out
from ops_tasks.namespaces.restating import reload
from ops_tasks.namespaces.running import run_plan, steps
from ops_tasks.namespaces.selftest import selftest
from ops_tasks.operation import lock
from ops_tasks.operation.journal import history, read
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Grid, Terminal, escape, size
from ops_tasks.stack import MD, find


@ops_task(
    "backfill",
    public="ops.backfill",
    iterable=("source", "exclude"),
    help={
        "source": "Source to load again; may be given several times.",
        "start": "First day of the window, YYYY-MM-DD (default: what the diagnosis finds).",
        "end": "Last day of the window, included (default: --start).",
        "exclude": "Model to leave out of the restatement (schema.table); may be given several times.",
        "allow_shrink": "Accept a load that brings fewer rows than there were.",
        "allow_growth": "Accept a load that brings far more rows than are usual.",
        "allow_history_loss": "Accept that whole-history models lose days which the raw data no longer has.",
    },
)
def backfill(
    _context: Context,
    source: Sequence[str],
    exclude: Sequence[str],
    start: str = "",
    end: str = "",
    plan: bool = False,
    plan_out: str = "",
    yes: bool = False,
    allow_shrink: bool = False,
    allow_growth: bool = False,
    allow_history_loss: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Load a bad window of one source again and restate everything made of it; nothing else is touched.

    Looks first, shows the plan, takes a named snapshot, loads beside the live tables, judges the load, exchanges the
    window, restates, proves that only the window changed, validates. Any failure puts every file back.

    Example: invoke ops.backfill --source=ebird --start=2026-04-18 --end=2026-04-20
    """
    from ops_tasks.scenarios.backfill_diagnosis import check_sources
    from ops_tasks.scenarios.backfill_facts import Options
    from ops_tasks.scenarios.window import parse

    found = find(stack)
    names = check_sources(found, source)
    window = parse(start, end, found.today())
    options = Options(allow_shrink, allow_history_loss, tuple(exclude), allow_growth)
    asked = Asked(plan, yes, "", plan_out)
    return reload(found, names, window, options, terminal, asked)


@ops_task(
    "retry",
    public="ops.retry",
    positional=("operation",),
    help={
        "operation": "Id of a stopped operation (ops.history lists them).",
        "accept_later_changes": "Go on although others have changed files since; they are kept in a snapshot.",
    },
)
def retry(
    _context: Context,
    operation: str,
    plan: bool = False,
    yes: bool = False,
    accept_later_changes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Go on with a stopped operation, from the step at which it stopped.

    Example: invoke ops.retry 3f9c2a
    """
    from ops_tasks.report.plan import show_plan
    from ops_tasks.scenarios.registry import rebuild
    from ops_tasks.scenarios.undo import keep_later, later_changes
    from ops_tasks.systems.snapshots import free_bytes

    found = find(stack)
    record = read(found.home, operation)
    if record.status != "stopped":
        raise Refused(f"operation {operation} is not stopped ({record.status})", "only a stopped one can go on")
    if record.rollback_begun:
        raise Refused(f"a rollback of {operation} has begun", f"invoke ops.rollback {operation}")
    refuse_unless_free(found, finishing=operation)
    made = rebuild(found, record, agree=restoring.asking(terminal, yes=yes))
    show_plan(terminal, made, free_bytes(found), done=record.results)
    later = [] if made.stays else later_changes(found, record)
    if later and not accept_later_changes:
        reason = f"changed since the operation was stopped: {some(later)}"
        on = f"invoke ops.retry {operation} --accept-later-changes"
        way = f"invoke ops.rollback {operation} puts it back, {on} goes on with them"
        terminal.show(f"[red]✗[/red] {escape(reason)}")
        terminal.show(f"  → {way}")
        findings = [{"reason": reason, "way_out": way, "files": later}]
        return Document("ops.retry", "refused", operation, findings=findings)
    if plan:
        return Document("ops.retry", "ok", operation, steps=steps(made, record))
    if not agree(terminal, "Go on?", yes=yes, command=f"invoke ops.retry {operation}"):
        return Document("ops.retry", "refused", operation, findings=[{"reason": "not confirmed", "way_out": ""}])
    with lock.held(found.home, "ops.retry", operation) as descriptor:
        refuse_changed(found, record)
        if later:
            kept = keep_later(found, record, lambda text: terminal.step("progress", text, None), (descriptor,))
            terminal.show(f"[green]✓[/green] everything as it was found is kept: {escape(kept)}")
        document = run_plan(found, made, terminal, descriptor, {}, record)
    if document.code:
        return document
    return resuming.afterwards(found, made.task, made.arguments, document, terminal)


@ops_task(
    "rollback",
    public="ops.rollback",
    positional=("operation",),
    help={
        "operation": "Id of a succeeded or stopped operation (ops.history lists them).",
        "discard_later_changes": "Accept that what was written after the operation is lost with it.",
    },
)
def rollback(
    _context: Context,
    operation: str,
    plan: bool = False,
    yes: bool = False,
    discard_later_changes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Put every file back as it was before an operation, from the snapshot it took; also after it succeeded.

    What is there now is moved to the quarantine, not deleted.

    Example: invoke ops.rollback 3f9c2a
    """
    from ops_tasks.scenarios import undo
    from ops_tasks.scenarios.registry import ends
    from ops_tasks.systems.pings import pinger

    found = find(stack)
    record = read(found.home, operation)
    refuse_unless_free(found, finishing=operation, ours=partial(ends, found, record))
    planned = undo.plan_undo(found, record)
    terminal.show(f"[bold]Roll back {operation}: {escape(planned.title)}[/bold]")
    if planned.snapshot is None:
        terminal.show("  It was stopped before it changed anything.")
    else:
        where = str(planned.quarantine.relative_to(found.root))
        if found.remote:
            where += f", of the catalogs clones: CATALOG__aside_{operation}"
        terminal.show(f"  ~ the state set: {planned.snapshot} of {planned.created_at}, {size(planned.bytes)}")
        terminal.show(f"  ~ what is there now: moved to {where}")
    if planned.later and not discard_later_changes:
        reason = f"changed since the operation ended: {some(planned.later)}"
        way = f"a rollback would lose that; if it may go: invoke ops.rollback {operation} --discard-later-changes"
        terminal.show(f"[red]✗[/red] {escape(reason)}")
        terminal.show(f"  → {way}")
        findings = [{"reason": reason, "way_out": way, "files": list(planned.later)}]
        return Document("ops.rollback", "refused", operation, findings=findings)
    more = {"snapshot": planned.snapshot, "quarantine": str(planned.quarantine), "later": list(planned.later)}
    if plan:
        return Document("ops.rollback", "ok", operation, more=more)
    if not agree(terminal, "Roll back?", yes=yes, command=f"invoke ops.rollback {operation}"):
        return Document("ops.rollback", "refused", operation, findings=[{"reason": "not confirmed", "way_out": ""}])
    ping = pinger(found, "ops.rollback", operation=True)
    with lock.held(found.home, "ops.rollback", operation) as descriptor:
        refuse_changed(found, record)
        ping.start()
        try:
            evidence = undo.undo(found, record, planned, partial(_progress, terminal), (descriptor,))
        except OpsError as error:
            ping.end(error.exit_code, error.reason)
            raise
    ping.end(0, f"{planned.title} ({operation}): rolled back")
    if "files" in evidence:
        theirs: list[str] = evidence.get("theirs", [])
        catalogs = ", every catalog holds what it held" if found.remote else ""
        same = evidence["files"] - sum(not path.startswith(MD) for path in theirs)
        terminal.show(f"[green]✓[/green] {same} files are byte-identical to the snapshot{catalogs}")
        for path in theirs:
            terminal.show(f"[yellow]![/yellow] {escape(path)} is as somebody else has written it since")
        if aside := evidence.get("aside"):
            terminal.show(f"  What was there until now is kept: {escape(', '.join(aside))}")
    else:
        terminal.show("[green]✓[/green] nothing had been changed; the operation is closed")
    return Document("ops.rollback", "ok", operation, more=more | {"evidence": evidence})


def _progress(terminal: Terminal, text: str) -> None:
    terminal.step("progress", text, None)


@ops_task("history", public="ops.history")
def show_history(_context: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """List every operation: when, what, how it ended; for a stopped one, what can be done about it.

    Example: invoke ops.history
    """
    found = find(stack)
    records = history(found.home)
    table = Grid(("operation", "began (UTC)", "what", "status", "why"))
    rows: list[dict[str, Any]] = []
    for record in records:
        failed = [event for event in record.events if event.event == "failed"]
        why = str(failed[-1].data["reason"]) if failed and record.status != "succeeded" else ""
        row = {
            "operation": record.operation,
            "began": record.events[0].at,
            "task": record.planned.get("task"),
            "title": record.planned.get("title"),
            "status": record.status,
            "step": record.last_step,
            "reason": why,
            "stopped": record.stopped_at if record.status == "stopped" else "",
            "way_out": ways_out(record) if record.status == "stopped" else "",
        }
        rows.append(row)
        table.add_row(record.operation, record.events[0].at[:19], escape(str(row["title"])), record.status, escape(why))
    if rows:
        terminal.show(table)
    else:
        terminal.show("No operation yet.")
    for row in rows:
        if row["way_out"]:
            terminal.show(f"{row['operation']} stopped {row['stopped']} → {row['way_out']}")
    return Document("ops.history", "ok", more={"operations": rows})


ns = Collection(
    "ops",
    backfill,
    restating.restate,
    restoring.restore,
    resuming.resume,
    applying.apply,
    init.init,
    reporting.report,
    prevention.prevention,
    retry,
    rollback,
    show_history,
    selftest,
    *recovery.tasks,
)
