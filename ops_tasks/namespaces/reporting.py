"""`ops.report`: an incident report to hand to someone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks import whole_files
from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.account_facts import Account

TASK = "ops.report"
LATEST, STDOUT = "latest", "-"


@ops_task(
    "report",
    public=TASK,
    positional=("operation",),
    help={
        "operation": "Id of an operation (ops.history lists them), or `latest`.",
        "html": "Write one HTML file that needs nothing else.",
        "md": "Write Markdown for a pull request; `-` is standard output.",
        "force": "Overwrite a file that is no report.",
    },
)
def report(
    _context: Context,
    operation: str,
    html: str = "",
    md: str = "",
    force: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Tell an operation to who was not there: timeline, what was found and done, rows per day, proofs, the way back.

    Reads the operation's journal only, so it works while the databases are broken. Secrets are hidden.

    Example: invoke ops.report latest --html=incident.html
    """
    from ops_tasks.operation import lock
    from ops_tasks.operation.journal import history, read
    from ops_tasks.report import incident, incident_markdown
    from ops_tasks.scenarios.account import account

    found = find(stack)
    if STDOUT in (html, md) and html and md:
        raise UsageError("one report only can go to standard output", "give the other one a file")
    for name in (html, md):
        if name and name != STDOUT:
            _refuse(Path(name), force=force)
    records = [record for record in history(found.home) if record.status != "noted"]
    if not records and operation in ("", LATEST):
        raise UsageError(f"there is no operation in {found.home} yet", "a report tells one: invoke ops.history")
    record = records[-1] if operation in ("", LATEST) else read(found.home, operation)
    told = account(found, record, running=lock.holder(found.home).get("operation") == record.operation)
    written: list[str] = []
    if html and html != STDOUT:
        written.append(_write(Path(html), incident.html(told)))
    if md and md != STDOUT:
        written.append(_write(Path(md), incident_markdown.markdown(told)))
    if STDOUT in (html, md):
        terminal.raw(incident.html(told) if html else incident_markdown.markdown(told))
    elif not written:
        _show(terminal, told)
    for name in written:
        terminal.show(f"[green]✓[/green] {escape(name)}")
    return Document(TASK, "ok", told.operation, more={"report": asdict(told), "written": written})


def _refuse(path: Path, *, force: bool) -> None:
    """Raise `UsageError` for a place where something else is."""
    from ops_tasks.report.incident import MARK

    path = path.expanduser().resolve()
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"{path} cannot be written: {what}", "name a file")
    if path.exists() and not (path.is_file() and (force or MARK.encode() in path.read_bytes()[:200])):
        raise UsageError(f"{path} is there and is no report", "give another name, or --force")


def _write(path: Path, text: str) -> str:
    """Write a report whole or not at all."""
    path = path.expanduser().resolve()
    whole_files.write(path, text, mode=0o644)
    return str(path)


def _show(terminal: Terminal, told: Account) -> None:
    from ops_tasks.report.incident import clock, headline, number, seconds, when

    colour = "green" if told.good else "red"
    terminal.show(f"[bold]{escape(headline(told))}[/bold]: [{colour}]{escape(told.words.said)}[/{colour}]")
    terminal.show(f"{escape(told.incident)}, {when(told.began)}, {told.duration}")
    if told.reason:
        terminal.show(f"[red]✗[/red] {escape(told.reason)}")
    if told.way_out:
        terminal.show(f"  → {escape(told.way_out)}")
    changed = [f"{one.table}: {number(one.before)} → {number(one.after)} rows; {one.what}" for one in told.changes]
    for heading, lines in (
        ("What was found", told.found),
        (
            told.words.changed if changed else "What changed",
            [*changed, *([told.changes_left] if told.changes_left else [])],
        ),
        ("What is proven untouched", told.untouched),
        ("Validation", [f"{'✓' if one.well else '✗'} {one.name}: {one.said}" for one in told.checks]),
        ("Timeline (UTC)", [f"{clock(one.at)} {one.what} {seconds(one.seconds)}".rstrip() for one in told.timeline]),
    ):
        if lines:
            terminal.show(f"\n[bold]{heading}[/bold]")
            for line in lines:
                terminal.show(f"  {escape(line)}")
    terminal.show(f"\n{escape(told.back)}")
    for way in told.ways:
        terminal.show(f"  {escape(way.what)} → {escape(way.command)}")
