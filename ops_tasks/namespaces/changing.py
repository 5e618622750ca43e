"""What every changing task of the daily routine does: look who is there, show, ask, run, tell."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops_tasks.errors import Refused, Stopped
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, confirm, escape, size

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.stack import Stack


@contextmanager
def taken(stack: Stack, task: str) -> Generator[int]:
    """Hold the stack's lock; refuses while another process has a database open or an operation lies stopped."""
    from ops_tasks.operation.journal import unfinished
    from ops_tasks.operation.lock import held
    from ops_tasks.systems.snapshots import refuse_foreign

    with held(stack.home, task, operation="-") as lock:
        for record in unfinished(stack.home):
            raise Stopped(
                f"operation {record.operation} ({record.planned['title']}) stopped at {record.last_step}",
                f"invoke ops.retry {record.operation}, or: invoke ops.rollback {record.operation}",
            )
        refuse_foreign(stack)
        yield lock


def agree(yes: bool, question: str) -> None:
    """Return when the work may begin; without a terminal only `--yes` says so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("nobody is there to ask, and --yes was not given", "look at the plan above, then give --yes")
    if not confirm(question):
        raise Refused("not confirmed; nothing was changed")


def show(terminal: Terminal, plan: Plan) -> None:
    """What a plan will change, and in which steps."""
    terminal.show(f"[bold]{escape(plan.title)}[/bold] · operation {plan.operation}")
    for effect in plan.effects:
        much = f" ({size(effect.bytes)})" if effect.bytes is not None else ""
        terminal.show(f"  {escape(effect.object)}: {escape(effect.what)}{much}")
    for number, step in enumerate(plan.steps, 1):
        terminal.show(f"  {number}. {escape(step.title)}")


def outline(plan: Plan) -> Document:
    """The document of a plan that is only shown."""
    steps = [{"name": step.name, "title": step.title, "equivalent": step.equivalent} for step in plan.steps]
    effects = [{"object": e.object, "what": e.what, "bytes": e.bytes} for e in plan.effects]
    return Document(plan.task, "ok", steps=steps, more={"planned": True, "effects": effects})


def run(stack: Stack, plan: Plan, terminal: Terminal, lock: int) -> Document:
    """Run a plan to one of its ends, and tell which."""
    from ops_tasks.operation import runner
    from ops_tasks.operation.journal import Journal, operations
    from ops_tasks.systems.secrets import redact

    journal = Journal(operations(stack.home) / plan.operation, redact)
    outcome = runner.run(plan, journal, say=terminal.step, held=(lock,))
    steps = [{"name": name, "seconds": seconds} for name, seconds in outcome.seconds.items()]
    findings: list[dict[str, str]] = []
    if outcome.status == "succeeded":
        terminal.show(f"[green]{escape(plan.title)}: done[/green] · undo: invoke ops.rollback {plan.operation}")
    else:
        findings.append({"reason": outcome.reason, "way_out": outcome.way_out, "step": outcome.step or ""})
        terminal.show(f"[red]{escape(outcome.reason)}[/red]")
        if outcome.way_out:
            terminal.show(f"  → {escape(outcome.way_out)}")
        stopped = f"neither done nor put back: invoke ops.rollback {plan.operation}"
        terminal.show(stopped if outcome.status == "stopped" else "everything is as it was before")
    status = "ok" if outcome.status == "succeeded" else outcome.status
    return Document(plan.task, status, plan.operation, steps=steps, findings=findings)
