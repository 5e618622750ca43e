"""The common end of every task that plans an operation: show it, save it, ask, and run it under the lock."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops_tasks.namespaces.guards import agree, refuse_unfinished
from ops_tasks.namespaces.running import run_plan, steps
from ops_tasks.operation import lock
from ops_tasks.operation.saved import check_place
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.stack import Stack
    from ops_tasks.systems.crew import Crew


@dataclass(frozen=True)
class Asked:
    """What was asked for: only the plan, no question; the command that means this plan, and a file to save it in.

    `begun` is when, before anything was looked at. Raises `UsageError` for a file that a plan cannot be saved in.
    """

    plan: bool
    yes: bool
    command: str
    plan_out: str = ""
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        """Refuse a bad file before the long look at the stack."""
        if self.plan_out:
            check_place(self.path)

    def check(self, found: Stack) -> None:
        """Raise `UsageError` where the plan would lie in the way of what it rests on, before the long look as well."""
        from ops_tasks.scenarios.basis_files import refuse_place

        if self.plan_out:
            refuse_place(found, self.path)

    @property
    def path(self) -> Path:
        """Where the plan is saved."""
        return Path(self.plan_out).expanduser().resolve()

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
    seen: Sequence[str] = (),
) -> Document:
    """Show a plan, and run it unless it has to be refused, was only to be shown or saved, or nobody agrees.

    `seen` is the evidence that led to it, for the journal.
    """
    from ops_tasks.report.plan import show_plan
    from ops_tasks.systems.snapshots import free_bytes, refuse_foreign

    made = replace(made, seen=tuple(seen))
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
    from ops_tasks.errors import Refused, UsageError
    from ops_tasks.operation import saved
    from ops_tasks.scenarios.basis import facts, written_since
    from ops_tasks.systems.secrets import survives

    measured = facts(found, made.task, made.arguments, crew)
    if later := written_since(found, asked.begun):
        raise Refused(f"{later[0]} was written to while the plan was made; nothing was saved", asked.command)
    kept = saved.of(made, asked.command, str(found.file), measured)
    if not survives(asdict(kept)):
        reason = "a secret (of the environment, or of .dlt/secrets.toml) stands in this plan: it cannot be saved"
        raise UsageError(reason, "rename what is called like it; a load command can read it from the environment")
    path = asked.path
    saved.write(kept, path)
    terminal.show(f"\n[green]✓[/green] saved: {escape(str(path))}, resting on {len(kept.basis)} facts")
    terminal.show(f"  → invoke ops.apply {escape(shlex.quote(str(path)))}")
    return path
