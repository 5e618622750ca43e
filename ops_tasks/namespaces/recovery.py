"""Recoveries of the whole stack in the `ops` namespace: rebuild, repair-state, and their rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.namespaces.deciding import Asked, command, decide
from ops_tasks.namespaces.doctor import doctor
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.scenarios.recovery_facts import Facts
    from ops_tasks.stack import Stack
    from ops_tasks.systems.crew import Crew

HISTORY = "Accept that rows are lost which nobody can give back any more."
RED = "Accept audits and contracts that fail afterwards: they are told, not held against the recovery."


@ops_task(
    "rebuild",
    public="ops.rebuild",
    iterable=("reload",),
    help={
        "reload": "Source to load again although its database is healthy; may be given several times.",
        "allow_history_loss": HISTORY,
        "accept_red": RED,
    },
)
def rebuild(
    _context: Context,
    reload: Sequence[str],
    plan: bool = False,
    plan_out: str = "",
    yes: bool = False,
    allow_history_loss: bool = False,
    accept_red: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Make again what is broken: marts from the raw data, raw data from the newest snapshot and its source.

    Only broken files are taken away, and they are kept. What is healthy stays; history that the raw data no longer has
    is taken over from the broken file, as far as it can be read, or from the newest snapshot.

    Example: invoke ops.rebuild --plan
    """
    from ops_tasks.scenarios import rebuild as scenario
    from ops_tasks.scenarios.recovery_facts import Options

    said: list[str] = []

    def facts(found: Stack, crew: Crew) -> Facts:
        seen = scenario.symptoms(found, crew)
        said.extend(f"{file.path}: {evidence}" for file in seen for evidence in file.evidence)
        for line in said:
            terminal.show(f"[red]✗[/red] {escape(line)}")
        return scenario.diagnose(found, seen, crew, Options(allow_history_loss, accept_red), reload)

    told = command(scenario.TASK, reload=reload, allow_history_loss=allow_history_loss, accept_red=accept_red)
    asked = Asked(plan, yes, told, plan_out)
    return recovery(terminal, stack, scenario.TASK, facts, scenario.recover, asked=asked, seen=said)


@ops_task(
    "repair-state",
    public="ops.repair-state",
    help={"allow_history_loss": HISTORY, "accept_red": RED},
)
def repair_state(
    _context: Context,
    plan: bool = False,
    plan_out: str = "",
    yes: bool = False,
    allow_history_loss: bool = False,
    accept_red: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Make SQLMesh's state and the warehouse agree, in every environment: lost tables and views, days that are missing.

    Example: invoke ops.repair-state --plan
    """
    from ops_tasks.scenarios import mending
    from ops_tasks.scenarios import repair as scenario
    from ops_tasks.scenarios.recovery_facts import Options

    said: list[str] = []

    def facts(found: Stack, crew: Crew) -> Facts | None:
        models = scenario.symptoms(found, crew)
        said.extend(mending.disagreements(models))
        for line in said:
            terminal.show(f"[red]✗[/red] {escape(line)}")
        options = Options(allow_history_loss, accept_red)
        return scenario.diagnose(found, models, crew, options) if said else None

    told = command(scenario.TASK, allow_history_loss=allow_history_loss, accept_red=accept_red)
    asked = Asked(plan, yes, told, plan_out)
    return recovery(terminal, stack, scenario.TASK, facts, scenario.recover, asked=asked, seen=said)


@ops_task(
    "drill",
    public="ops.drill",
    help={
        "scenario": "What is rehearsed: restore (default), rebuild, repair or state.",
        "snapshot": "Name of the snapshot (default: the newest verified one).",
    },
)
def drill(
    _context: Context, scenario: str = "restore", snapshot: str = "", stack: str = "", *, terminal: Terminal
) -> Document:
    """Restore a snapshot into a throw-away copy, break and mend that, validate it, and write down how it went.

    The stack itself is only read. Exit 1 when the snapshot could not be proven restorable.

    Example: invoke ops.drill --scenario=rebuild
    """
    from ops_tasks.operation.lock import refuse_running
    from ops_tasks.scenarios.drill import rehearse
    from ops_tasks.stack import find

    found = find(stack)
    refuse_running(found.home)
    done = rehearse(found, scenario, snapshot, lambda text: terminal.step("progress", text, None), terminal.step)
    for problem in done.problems:
        terminal.show(f"[red]✗[/red] {escape(problem)}")
    if not done.problems:
        proven = f"{done.tables} tables, {done.rows:,} rows, in {done.seconds:.0f} s"
        terminal.show(f"[green]✓[/green] {escape(done.snapshot)} is proven restorable ({done.scenario}): {proven}")
    findings = [{"reason": problem, "way_out": "take a new snapshot"} for problem in done.problems]
    return Document("ops.drill", "findings" if findings else "ok", findings=findings, more={"drill": asdict(done)})


def recovery(
    terminal: Terminal,
    folder: str,
    task: str,
    diagnose: Callable[[Stack, Crew], Facts | None],
    recover: Callable[[Stack, Facts, Crew], Plan],
    *,
    asked: Asked,
    seen: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> Document:
    """Diagnose, and decide on the plan that follows; a diagnosis of nothing is good news.

    `seen`, and what is told besides with --json (`more`), are filled by the diagnosis.
    """
    from ops_tasks.namespaces.guards import refuse_unless_free
    from ops_tasks.stack import find
    from ops_tasks.systems.crew import Crew

    found = find(folder)
    asked.check(found)
    with Crew(found.root) as crew:
        refuse_unless_free(found, crew=crew)
        facts = diagnose(found, crew)
        if facts is None:
            terminal.show("[green]✓[/green] state and warehouse agree: nothing to mend")
            return Document(task, "ok")
        made = recover(found, facts, crew)
        return decide(found, made, crew, terminal, asked, {"plan": made.arguments, **(more or {})}, seen=seen)


tasks = (doctor, rebuild, repair_state, drill)
