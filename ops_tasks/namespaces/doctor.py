"""`ops.doctor`: what is wrong with the stack, with evidence, and which command mends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.scenarios.symptoms import Line


@ops_task(
    "doctor",
    public="ops.doctor",
    help={
        "deep": "Also read every value of every table.",
        "timeout": "Seconds after which a probe is given up (default: 120).",
    },
)
def doctor(
    _context: Context, deep: bool = False, timeout: int = 120, stack: str = "", *, terminal: Terminal
) -> Document:
    """Examine the whole stack: files, locks, disk, SQLMesh's state, contracts, loads, suspicious days, snapshots.

    Changes nothing and keeps nobody from writing. Exit 1 when anything is wrong; the last line is the verdict.

    Example: invoke ops.doctor --deep
    """
    from ops_tasks.scenarios.doctor import examine
    from ops_tasks.scenarios.symptoms import ranked, verdict
    from ops_tasks.stack import find

    if timeout < 1:
        raise UsageError(f"--timeout={timeout} is no number of seconds", "give 1 or more")
    found = find(stack)
    lines = examine(
        found,
        lambda text: terminal.step("progress", text, None),
        lambda line: show_line(terminal, line),
        deep=deep,
        limit=timeout,
    )
    judged = verdict(lines)
    symptoms = ranked(lines)
    terminal.show()
    mark = "[green]✓[/green]" if not symptoms else "[red]✗[/red]"
    terminal.show(f"{mark} [bold]{escape(judged.words)}[/bold]")
    if judged.first is not None:
        terminal.show(f"  {escape(judged.first.told())}")
        show_way(terminal, "  ", judged.first.way_out)
    findings = [asdict(symptom) | {"reason": symptom.told()} for symptom in symptoms]
    more = {
        "verdict": {"incident": judged.incident, "words": judged.words, "cause": judged.first and judged.first.cause},
        "probes": [asdict(line) for line in lines],
    }
    return Document("ops.doctor", "findings" if symptoms else "ok", findings=findings, more=more)


def show_line(terminal: Terminal, line: Line) -> None:
    """What one probe says, each finding with its object once."""
    mark = "[green]✓[/green]" if not line.symptoms else "[red]✗[/red]"
    if not line.symptoms and line.said.startswith(("not run", "not judged")):
        mark = "[yellow]–[/yellow]"
    seconds = f" [dim]{line.seconds:.1f} s[/dim]" if line.seconds else ""
    terminal.show(f"{mark} {escape(line.probe)}: {escape(line.said)}{seconds}")
    for note in line.notes:
        terminal.show(f"    [dim]{escape(note)}[/dim]")
    for symptom in line.symptoms:
        terminal.show(f"    {escape(symptom.cause)}: {escape(symptom.told(line.probe))}")
        show_way(terminal, "    ", symptom.way_out)


def show_way(terminal: Terminal, indent: str, way_out: str) -> None:
    """The command that mends it, where there is one."""
    if way_out:
        terminal.show(f"{indent}→ {escape(way_out)}")
