"""`plan.*`, `promote` and `full-refresh`: look at a change, make it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.recovery import HISTORY
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.stack import Stack

DAYS = "Compute this many of the last days once more (default: 3)."


@ops_task("dev", help={"environment": "The SQLMesh environment to plan."}, public="plan.dev")
def dev(c: Context, stack: str = "", environment: str = "dev", *, terminal: Terminal) -> Document:
    """Print what a SQLMesh plan of a development environment would do; nothing is changed.

    Example: invoke plan.dev --environment=dev
    """
    from ops_tasks.stack import find

    return _look(terminal, find(stack), "plan.dev", environment)


@ops_task("prod", public="plan.prod")
def prod(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Print what a SQLMesh plan of prod would do; nothing is changed.

    Example: invoke plan.prod --json
    """
    from ops_tasks.stack import find

    found = find(stack)
    return _look(terminal, found, "plan.prod", found.config.sqlmesh.environment)


@ops_task("promote")
def promote(c: Context, stack: str = "", plan: bool = False, yes: bool = False, *, terminal: Terminal) -> Document:
    """Apply the SQLMesh plan of prod: snapshot, apply, audit, verify; put everything back when anything fails.

    Example: invoke promote --yes
    """
    from ops_tasks.namespaces.changing import agreed, outline
    from ops_tasks.namespaces.running import run_plan
    from ops_tasks.report.plan import show_plan
    from ops_tasks.scenarios.refresh import explain
    from ops_tasks.scenarios.refresh import promote as planned
    from ops_tasks.stack import find
    from ops_tasks.systems.snapshots import free_bytes

    found = find(stack)
    told = explain(found, found.config.sqlmesh.environment, lambda text: terminal.step("progress", text, None))
    terminal.show(escape(told["text"]))
    if not told["changes"]:
        return Document("promote", "ok", more={"changes": False})
    expected = {key: value for key, value in told.items() if key != "text"}
    made = planned(found, _arguments("promote", expected=expected))
    show_plan(terminal, made, free_bytes(found))
    if plan:
        return outline(made)
    with agreed(found, made.task, made.operation, terminal, "Apply this?", yes=yes) as lock:
        return run_plan(found, made, terminal, lock, {})


@ops_task("full-refresh", help={"days": DAYS, "allow_history_loss": HISTORY})
def full_refresh(
    c: Context,
    stack: str = "",
    days: int = 3,
    allow_history_loss: bool = False,
    plan: bool = False,
    yes: bool = False,
    *,
    terminal: Terminal,
) -> Document:
    """Load every source, compute the marts, audit and verify; put everything back when anything fails.

    Where SQLMesh has no state it would compute every mart from nothing, so there it asks for --allow-history-loss.

    Example: invoke full-refresh --yes
    """
    from ops_tasks.errors import UsageError
    from ops_tasks.namespaces.changing import agreed, outline
    from ops_tasks.namespaces.running import run_plan, steps
    from ops_tasks.report.plan import show_plan
    from ops_tasks.scenarios.refresh import models_without_state, refresh
    from ops_tasks.stack import find
    from ops_tasks.systems.crew import Crew
    from ops_tasks.systems.snapshots import free_bytes

    if days < 1:
        raise UsageError(f"--days={days} is no number of days", "give 1 or more")
    found = find(stack)
    if not found.config.sources:
        raise UsageError("no source is configured", "write `sources:` into the ops: section")
    with Crew(found.root) as hands:
        anew = models_without_state(found, hands)
    made = refresh(found, _arguments("full_refresh", days=days, anew=anew, allow_history_loss=allow_history_loss))
    show_plan(terminal, made, free_bytes(found))
    if made.refusals:
        reasons = [asdict(refusal) for refusal in made.refusals]
        return Document(made.task, "refused", findings=reasons, steps=steps(made))
    if plan:
        return outline(made)
    with agreed(found, made.task, made.operation, terminal, "Load everything?", yes=yes) as lock:
        return run_plan(found, made, terminal, lock, {})


def _look(terminal: Terminal, stack: Stack, task: str, environment: str) -> Document:
    from ops_tasks.scenarios.refresh import explain

    told = explain(stack, environment, lambda text: terminal.step("progress", text, None))
    terminal.show(escape(told["text"]))
    return Document(task, "ok", more={"environment": environment, **told})


def _arguments(word: str, **more: Any) -> dict[str, Any]:
    """What an operation is rebuilt from when it is retried."""
    from datetime import UTC, datetime

    from ops_tasks.operation.journal import new_id

    operation = new_id()
    name = f"pre_{word}_{datetime.now(UTC):%Y%m%d}_{operation}"
    return {"operation": operation, "snapshot": name, **more}


ns = Collection("plan", dev, prod)
top = [promote, full_refresh]
