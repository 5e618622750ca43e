"""The prevention appendix as a task."""

from __future__ import annotations

from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks import whole_files
from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import agree
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Grid, Terminal, escape
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.prevention_row import Row
    from ops_tasks.stack import Stack

COLOURS = {"works": "green", "installed": "green", "does not apply": "dim"}
MARKS = {"green": "✓", "dim": "–", "red": "✗"}


@ops_task(
    "prevention",
    public="ops.prevention",
    help={"install": "Add the hooks that are missing to .pre-commit-config.yaml; comments and order stay."},
)
def prevention(
    _context: Context,
    install: bool = False,
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Show what would stop each incident before it happens, and whether it works in this repository.

    Hooks are tried on a staged example in a repository of their own. Ends with 1 while anything is not covered.

    Example: invoke ops.prevention --install
    """
    from ops_tasks.scenarios import prevention as scenario
    from ops_tasks.scenarios.prevention_row import FINE

    found, why = _stack(stack)
    top = scenario.top_of(found.root if found else Path.cwd())
    if install:
        return _install(top, found, terminal, plan=plan, yes=yes)
    rows: list[Row] = []
    for row in scenario.rows(top, found, why):
        rows.append(row)
        terminal.step("progress", f"{row.cause}: {row.status}", None)
    _show(terminal, rows)
    bad = [row for row in rows if row.status not in FINE]
    findings = [{"reason": f"{row.cause}: {row.check}: {row.told}", "way_out": row.way_out} for row in bad]
    more = {"rows": [asdict(row) for row in rows]}
    return Document(scenario.TASK, "findings" if bad else "ok", findings=findings, more=more)


def _stack(folder: str) -> tuple[Stack | None, str]:
    """The stack, or why there is none; one that was asked for by name has to be there."""
    try:
        return find(folder), ""
    except UsageError as error:
        if folder:
            raise
        return None, error.reason


def _show(terminal: Terminal, rows: list[Row]) -> None:
    heads = ("scenario", "cause", "check", "here")
    table = Grid(heads, whole=heads)
    for row in rows:
        colour = COLOURS.get(row.status, "red")
        table.add_row(row.scenario, row.cause, row.check, f"[{colour}]{row.status}[/{colour}]")
    terminal.show(table)
    terminal.show()
    for row in rows:
        colour = COLOURS.get(row.status, "red")
        mark = f"[{colour}]{MARKS[colour]}[/{colour}]"
        terminal.show(f"{mark} {escape(row.check)}: {escape(row.told)}")
        if row.way_out:
            terminal.show(f"  → {escape(row.way_out)}")


def _install(top: Path, found: Stack | None, terminal: Terminal, *, plan: bool, yes: bool) -> Document:
    from ops_tasks.scenarios.prevention import TASK
    from ops_tasks.scenarios.prevention_hooks import fitting
    from ops_tasks.systems import precommit
    from ops_tasks.systems.requirement import requirement

    file = top / precommit.FILE
    before = file.read_bytes().decode() if file.is_file() else ""
    after = precommit.with_hooks(before, fitting(top, found), [requirement()], file)
    if after == before:
        terminal.show(f"{file.name} has every hook that can work here.")
        return Document(TASK, "ok", more={"changed": False})
    lines = list(unified_diff(before.splitlines(), after.splitlines(), file.name, file.name, lineterm=""))
    terminal.show(escape("\n".join(lines)), verbatim=True)
    more = {"diff": lines, "changed": not plan}
    if plan:
        return Document(TASK, "ok", more=more)
    if not agree(terminal, f"Write {file.name}?", yes=yes, command="invoke ops.prevention --install"):
        return Document(TASK, "refused", findings=[{"reason": "not confirmed", "way_out": ""}])
    whole_files.write(file.resolve(), after, file.stat().st_mode & 0o777 if file.exists() else None)
    terminal.show(f"[green]✓[/green] {file.name} is written. → pre-commit install")
    return Document(TASK, "ok", more=more)
