"""`ops.report`: an incident report to hand to someone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.account_facts import Account

TASK = "ops.report"
LATEST = "latest"


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
    from ops_tasks.operation.journal import history, read
    from ops_tasks.report import incident
    from ops_tasks.scenarios.account import account

    found = find(stack)
    records = [record for record in history(found.home) if record.status != "noted"]
    if operation == LATEST and not records:
        raise UsageError(f"there is no operation in {found.home} yet", "a report is of one: invoke ops.history")
    told = account(found, records[-1] if operation == LATEST else read(found.home, operation))
    written: list[str] = []
    if html:
        written.append(_write(Path(html), incident.html(told), force=force))
    if md == "-":
        terminal.raw(incident.markdown(told))
    elif md:
        written.append(_write(Path(md), incident.markdown(told), force=force))
    if not html and not md:
        _show(terminal, told)
    for name in written:
        terminal.show(f"[green]✓[/green] {escape(name)}")
    return Document(TASK, "ok", told.operation, more={"report": asdict(told), "written": written})


def _write(path: Path, text: str, *, force: bool) -> str:
    """Write a report at once; raises `UsageError` for a place where something else is."""
    import os
    import tempfile

    from ops_tasks.report.incident import MARK
    from ops_tasks.systems.secrets import redact

    path = path.expanduser().resolve()
    if not path.parent.is_dir() or path.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"{path} cannot be written: {what}")
    if path.exists() and not force and MARK.encode() not in path.read_bytes()[:200]:
        raise UsageError(f"{path} is there and is no report", "give another name, or --force")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(redact(text))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return str(path)


def _show(terminal: Terminal, told: Account) -> None:
    from ops_tasks.report.incident import clock, seconds, when

    colour = "green" if told.good else "red"
    terminal.show(f"[bold]{escape(told.title)}[/bold]: [{colour}]{escape(told.end)}[/{colour}]")
    terminal.show(f"{escape(told.incident)}, {when(told.began)}, {told.duration}")
    if told.reason:
        terminal.show(f"[red]✗[/red] {escape(told.reason)}")
    for heading, lines in (
        ("Found", list(told.found)),
        ("Changed", [f"{one.table}: {one.before:,} → {one.after:,} rows; {one.days}" for one in told.changes]),
        ("Untouched", list(told.untouched)),
        ("Checked", [f"{'✓' if one.well else '✗'} {one.name}: {one.said}" for one in told.checks]),
        ("Timeline", [f"{clock(one.at)} {one.what} {seconds(one.seconds)}".rstrip() for one in told.timeline]),
    ):
        if lines:
            terminal.show(f"\n[bold]{heading}[/bold]")
            for line in lines:
                terminal.show(f"  {escape(line)}")
    terminal.show(f"\n{escape(told.back_words)}")
    if told.back:
        terminal.show(f"  → {escape(told.back)}")
