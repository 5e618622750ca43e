"""What the changing tasks of the daily routine share: show, ask, run, tell."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ops_tasks.errors import Refused
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.stack import Stack


@contextmanager
def agreed(stack: Stack, task: str, operation: str, terminal: Terminal, question: str, *, yes: bool) -> Generator[int]:
    """Ask while nothing is held, then hold the stack's lock for the work; yields the lock's descriptor.

    Raises `Busy`, `Stopped` or `Refused` when it may not begin.
    """
    from ops_tasks.namespaces.guards import agree, refuse_unfinished, refuse_unless_free
    from ops_tasks.operation import lock
    from ops_tasks.systems.snapshots import refuse_foreign

    refuse_unless_free(stack)
    if not agree(terminal, question, yes=yes, command=f"invoke {task}"):
        raise Refused("not confirmed; nothing was changed")
    with lock.held(stack.home, task, operation) as descriptor:
        refuse_unfinished(stack)
        refuse_foreign(stack)
        yield descriptor


def show(terminal: Terminal, stack: Stack, plan: Plan) -> None:
    """What a plan will change, and in which steps."""
    from ops_tasks.report.plan import show_plan
    from ops_tasks.systems.snapshots import free_bytes

    show_plan(terminal, plan, free_bytes(stack))


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
