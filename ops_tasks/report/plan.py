"""How any plan is shown: what it changes, its steps with the commands they stand for, every reason to refuse."""

from __future__ import annotations

from collections.abc import Collection

from ops_tasks.operation.plan import Plan
from ops_tasks.report.terminal import Terminal, escape, size


def show_plan(terminal: Terminal, plan: Plan, free_bytes: int, done: Collection[str] = ()) -> None:
    """Print a plan; `free_bytes` is what the disk has left, `done` are the steps that an earlier run has finished."""
    terminal.show()
    terminal.show(f"[bold]Plan {plan.operation}: {escape(plan.title)}[/bold]")
    for effect in plan.effects:
        amount = f" [dim]{size(effect.bytes)} of {size(free_bytes)} free[/dim]" if effect.bytes else ""
        terminal.show(f"  ~ {escape(effect.object)}: {escape(effect.what)}{amount}")
    for note in plan.notes:
        terminal.show(f"  [yellow]![/yellow] {escape(note)}")
    terminal.show("[bold]Steps[/bold]")
    for number, step in enumerate(plan.steps, 1):
        state = " [green](done)[/green]" if step.name in done else ""
        terminal.show(f"  {number}. {escape(step.title)}{state}")
        for line in filter(None, step.equivalent.splitlines()):
            terminal.show(f"     [dim]{step.prompt} {escape(line)}[/dim]")
    for refusal in plan.refusals:
        terminal.show(f"[red]✗[/red] {escape(refusal.reason)}")
        terminal.show(f"  → {escape(refusal.way_out)}")
