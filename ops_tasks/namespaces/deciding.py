"""The common end of every task that plans an operation: show it, save it, ask, and run it under the lock."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops_tasks.namespaces.guards import agree, refuse_unfinished
from ops_tasks.namespaces.running import run_plan, steps
from ops_tasks.operation import lock
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.stack import Stack
    from ops_tasks.systems.crew import Crew


@dataclass(frozen=True)
class Asked:
    """What was asked for: only the plan, no question; the command that means this plan, and a file to save it in."""

    plan: bool
    yes: bool
    command: str
    plan_out: str = ""

    @property
    def looks(self) -> bool:
        """Whether nothing is to be done yet."""
        return self.plan or bool(self.plan_out)


def command(task: str, **given: str | bool | Sequence[str]) -> str:
    """The command line that asks for the same again: flags that were not given are left out."""
    words = ["invoke", task]
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] if value else []
        elif isinstance(value, str):
            words += [f"{flag}={shlex.quote(value)}"] if value else []
        else:
            words += [f"{flag}={shlex.quote(one)}" for one in value]
    return " ".join(words)


def decide(
    found: Stack,
    made: Plan,
    crew: Crew,
    terminal: Terminal,
    asked: Asked,
    more: dict[str, Any],
    findings: Sequence[Mapping[str, Any]] = (),
) -> Document:
    """Show a plan, and run it unless it has to be refused, was only to be shown or saved, or nobody agrees."""
    from ops_tasks.report.plan import show_plan
    from ops_tasks.systems.snapshots import free_bytes, refuse_foreign

    show_plan(terminal, made, free_bytes(found))
    if made.refusals:
        reasons = [asdict(refusal) for refusal in made.refusals]
        return Document(made.task, "refused", findings=reasons, steps=steps(made), more=more)
    if asked.plan_out:
        more = more | {"saved": str(_save(found, made, crew, terminal, asked))}
    if asked.looks:
        return Document(made.task, "ok", findings=findings, steps=steps(made), more=more)
    if not agree(terminal, "Run this plan?", yes=asked.yes, command=asked.command):
        terminal.show("Nothing was changed.")
        return Document(made.task, "refused", findings=[{"reason": "not confirmed", "way_out": ""}], more=more)
    with lock.held(found.home, made.task, made.operation) as descriptor:
        refuse_unfinished(found)
        refuse_foreign(found, crew)
        return run_plan(found, made, terminal, descriptor, more)


def _save(found: Stack, made: Plan, crew: Crew, terminal: Terminal, asked: Asked) -> Path:
    from ops_tasks.errors import UsageError
    from ops_tasks.operation import saved
    from ops_tasks.scenarios.basis import facts
    from ops_tasks.systems.secrets import survives

    path = Path(asked.plan_out).expanduser().resolve()
    kept = saved.of(made, asked.command, facts(found, made.task, made.arguments, crew))
    if not survives(asdict(kept)):
        raise UsageError("a secret is part of this plan: it cannot be saved", "rename what is called like it")
    saved.write(kept, path)
    terminal.show(f"\n[green]✓[/green] saved: {escape(str(path))}, resting on {len(kept.basis)} facts")
    terminal.show(f"  → invoke ops.apply {escape(shlex.quote(str(path)))}")
    return path
