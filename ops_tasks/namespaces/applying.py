"""`ops.apply`: exactly the plan that was saved, or a refusal that says which fact changed since."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.operation.saved import Changed, Saved
    from ops_tasks.stack import Stack

TASK = "ops.apply"


@ops_task(
    "apply",
    public=TASK,
    positional=("file",),
    help={
        "file": "A plan that --plan-out=FILE has saved.",
        "plan": "Show the plan, and whether every fact that it rests on still holds; nothing is changed.",
    },
)
def apply(_context: Context, file: str, plan: bool = False, stack: str = "", *, terminal: Terminal) -> Document:
    """Run a saved plan without a question: exactly that one, or nothing when a fact that it rests on has changed.

    Facts are every file and every table's rows, the configuration, models, contracts, the stack's code and settings,
    versions, the day, and what the plan takes from. A refusal names each that changed: then, and now. A plan is applied
    once.

    Example: invoke ops.apply mend.json
    """
    from pathlib import Path

    from ops_tasks.errors import UsageError
    from ops_tasks.namespaces.guards import refuse_unfinished, refuse_unless_free
    from ops_tasks.namespaces.resuming import afterwards
    from ops_tasks.namespaces.running import run_plan, steps
    from ops_tasks.operation import lock, saved
    from ops_tasks.report.plan import show_plan
    from ops_tasks.stack import find
    from ops_tasks.systems.crew import Crew
    from ops_tasks.systems.snapshots import free_bytes, refuse_foreign

    kept = saved.read(Path(file).expanduser())
    found = find(stack)
    if kept.stack != str(found.file):
        raise UsageError(
            f"this is a plan of {kept.stack}, and the stack is {found.file}", "give its folder: --stack=DIR"
        )
    made = _plan_of(found, kept)
    _refuse_applied(found, kept)
    refuse_unless_free(found)
    show_plan(terminal, made, free_bytes(found))
    more: dict[str, Any] = {"made": kept.made, "facts": len(kept.basis), "changed": []}
    if plan:
        with Crew(found.root) as crew:
            changed = _changed(found, kept, made, crew)
        refused = _told(terminal, kept, made, changed, more) or _cramped(terminal, found, kept, made, more)
        return refused or Document(TASK, "ok", steps=steps(made), more=more)
    with lock.held(found.home, TASK, kept.operation) as descriptor:
        _refuse_applied(found, kept)
        refuse_unfinished(found)
        with Crew(found.root, held=(descriptor,)) as crew:
            refuse_foreign(found, crew)
            changed = _changed(found, kept, made, crew)
        if refused := _told(terminal, kept, made, changed, more) or _cramped(terminal, found, kept, made, more):
            return refused
        document = run_plan(found, made, terminal, descriptor, more)
    document = replace(document, task=TASK)
    return document if document.code else afterwards(found, kept.task, kept.arguments, document, terminal)


def _refuse_applied(found: Stack, kept: Saved) -> None:
    """Raise `Refused` for a plan whose operation is in the journal, however that ended: a plan is applied once."""
    from ops_tasks.errors import Refused
    from ops_tasks.namespaces.guards import ways_out
    from ops_tasks.operation.journal import history

    record = next((one for one in history(found.home) if one.operation == kept.operation), None)
    if record is not None:
        way_out = ways_out(record) if record.status == "stopped" else f"plan it again: {kept.command} --plan-out=FILE"
        raise Refused(f"plan {kept.operation} was applied already ({record.status})", way_out)


def _plan_of(found: Stack, kept: Saved) -> Plan:
    """The plan again, by the same way that a retry takes; `UsageError` where this version cannot read it."""
    from ops_tasks.errors import UsageError
    from ops_tasks.operation.journal import Event, Record, operations
    from ops_tasks.scenarios.registry import rebuild

    planned = {"task": kept.task, "title": kept.title, "arguments": kept.arguments}
    folder = operations(found.home) / kept.operation
    try:
        return rebuild(found, Record(kept.operation, folder, (Event(kept.made, "planned", None, planned),)))
    except (ValueError, KeyError, TypeError) as error:  # arguments of another version, pydantic's errors included
        what = str(error).splitlines()[0]
        raise UsageError(f"this version cannot read the plan: {what}", f"{kept.command} --plan-out=FILE") from None


def _changed(found: Stack, kept: Saved, made: Plan, crew: Any) -> list[Changed]:
    from ops_tasks.operation import saved
    from ops_tasks.scenarios.basis import facts

    again = saved.of(made, kept.command, kept.stack, {})
    shown = saved.differences(saved.shown(kept), saved.shown(again))
    return [*shown, *saved.differences(kept.basis, facts(found, kept.task, kept.arguments, crew))]


def _told(terminal: Terminal, kept: Saved, made: Plan, changed: list[Changed], more: dict[str, Any]) -> Document | None:
    from ops_tasks.namespaces.running import steps

    if not changed:
        terminal.show(f"\n[green]✓[/green] {len(kept.basis)} facts are as they were at {kept.made}")
        return None
    findings = [
        {"reason": f"{one.fact}: {one.then} at {kept.made}, {one.now} now", "way_out": kept.command} for one in changed
    ]
    for finding in findings:
        terminal.show(f"[red]✗[/red] {escape(finding['reason'])}")
    terminal.show(f"  → plan it again: {escape(kept.command)} --plan-out=FILE")
    return Document(
        TASK, "refused", findings=findings, steps=steps(made), more=more | {"changed": [asdict(one) for one in changed]}
    )


def _cramped(terminal: Terminal, found: Stack, kept: Saved, made: Plan, more: dict[str, Any]) -> Document | None:
    """The disk is no fact, but there has to be room as if the plan were made now."""
    from ops_tasks.namespaces.running import steps
    from ops_tasks.scenarios.basis import cramped

    refusal = cramped(found, kept.task, kept.arguments)
    if refusal is None:
        return None
    terminal.show(f"[red]✗[/red] {escape(refusal.reason)}")
    terminal.show(f"  → {escape(refusal.way_out)}")
    return Document(TASK, "refused", findings=[asdict(refusal)], steps=steps(made), more=more)
