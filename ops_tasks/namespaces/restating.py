"""The guarded restatement, and how it and a backfill go from facts to an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import agree, refuse_unfinished, refuse_unless_free
from ops_tasks.namespaces.running import run_plan, steps
from ops_tasks.operation import lock
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.backfill_facts import Facts, Options
    from ops_tasks.scenarios.window import Window
    from ops_tasks.stack import Stack
    from ops_tasks.systems.crew import Crew


@dataclass(frozen=True)
class Asked:
    """What the person asked for: only the plan, no question, and the command that means this very plan."""

    plan: bool
    yes: bool
    command: str


@ops_task(
    "restate",
    public="ops.restate",
    iterable=("model", "source", "exclude"),
    help={
        "model": "Model to compute again (schema.table), with all that is made of it; may be given several times.",
        "source": "Source whose models are all computed again; may be given several times.",
        "start": "First day of the window, YYYY-MM-DD.",
        "end": "Last day of the window, included (default: --start).",
        "exclude": "Model to leave out (schema.table); may be given several times.",
        "allow_shrink": "Accept that raw days are empty or low where the models have rows.",
        "allow_history_loss": "Accept that whole-history models lose days which the raw data no longer has.",
    },
)
def restate(
    _context: Context,
    model: Sequence[str],
    source: Sequence[str],
    exclude: Sequence[str],
    start: str = "",
    end: str = "",
    plan: bool = False,
    yes: bool = False,
    allow_shrink: bool = False,
    allow_history_loss: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Compute models again for a window from the raw data that is there, with a snapshot to go back to.

    Shows what SQLMesh would rewrite, refuses where raw days are empty that the models still have, takes a named
    snapshot, restates, proves that only the window changed, validates. Any failure puts every file back.

    Example: invoke ops.restate --model=ebird.fct_daily_bird_observations --start=2026-04-18 --end=2026-04-20
    """
    from ops_tasks.report import backfill as report
    from ops_tasks.scenarios import restate as scenario
    from ops_tasks.scenarios.backfill_facts import Options
    from ops_tasks.scenarios.observer import Observer
    from ops_tasks.scenarios.window import parse
    from ops_tasks.systems.crew import Crew

    found = find(stack)
    window = parse(start, end, found.today())
    if window is None:
        raise UsageError("no window given", "--start=YYYY-MM-DD, and --end=YYYY-MM-DD for more than one day")
    with Crew(found.root) as crew:
        observer = Observer(found, crew)
        refuse_unless_free(found, crew=crew)
        seen = scenario.look(observer, model, source, window)
        flags = scenario.symptoms(found, seen)
        report.show_days(terminal, seen, flags)
        options = Options(allow_shrink, allow_history_loss, tuple(exclude))
        facts = scenario.diagnose(observer, seen, window, options, flags)
        observer.close()
        asked = Asked(plan, yes, scenario.command(model, source, window, options))
        return decide(found, facts, crew, terminal, asked, [asdict(flag) for flag in flags])


def decide(
    found: Stack, facts: Facts, crew: Crew, terminal: Terminal, asked: Asked, findings: list[dict[str, Any]]
) -> Document:
    """Show the plan of a window, and run it unless it has to be refused, was only to be shown, or nobody agrees."""
    from ops_tasks.report.plan import show_plan
    from ops_tasks.scenarios.backfill import recover, summary
    from ops_tasks.systems.snapshots import refuse_foreign

    made = recover(found, facts, crew)
    show_plan(terminal, made, facts.free_bytes)
    more: dict[str, Any] = {"plan": summary(facts)}
    if made.refusals:
        reasons = [asdict(refusal) for refusal in made.refusals]
        return Document(facts.task, "refused", findings=reasons, steps=steps(made), more=more)
    if asked.plan:
        return Document(facts.task, "ok", findings=findings, steps=steps(made), more=more)
    if not agree(terminal, "Run this plan?", yes=asked.yes, command=asked.command):
        terminal.show("Nothing was changed.")
        return Document(facts.task, "refused", findings=[{"reason": "not confirmed", "way_out": ""}], more=more)
    with lock.held(found.home, facts.task, facts.operation) as descriptor:
        refuse_unfinished(found)
        refuse_foreign(found, crew)
        return run_plan(found, made, terminal, descriptor, more)


def reload(
    found: Stack, names: tuple[str, ...], window: Window | None, options: Options, terminal: Terminal, asked: Asked
) -> Document:
    """Look at sources, plan the load of a window of them (default: the one the diagnosis finds), and decide on it."""
    from ops_tasks.report import backfill as report
    from ops_tasks.scenarios import backfill as scenario
    from ops_tasks.scenarios.backfill_diagnosis import survey
    from ops_tasks.scenarios.observer import Observer
    from ops_tasks.scenarios.window import clusters
    from ops_tasks.systems.crew import Crew

    with Crew(found.root) as crew:
        observer = Observer(found, crew)
        refuse_unless_free(found, crew=crew)
        if asked.yes and not asked.plan and window is not None:
            scenario.anticipate(found, names, window, crew)
        seen = survey(observer, names, window)
        flags = scenario.symptoms(found, seen)
        report.show_days(terminal, seen, flags)
        findings = [asdict(flag) for flag in flags]
        if window is None:
            windows = clusters(flag.day for flag in flags)
            if not windows:
                terminal.show("No suspicious day in the last 30; give --start and --end to load a window all the same.")
                return Document(scenario.TASK, "ok", findings=findings)
            window = windows[-1]
            others = f" (also suspicious: {', '.join(map(str, windows[:-1]))})" if windows[:-1] else ""
            terminal.show(f"\nThe window found is [bold]{window}[/bold]{others}.")
        facts = scenario.diagnose(observer, seen, window, options, flags)
        observer.close()
        told = replace(asked, command=scenario.command(names, window, options))
        return decide(found, facts, crew, terminal, told, findings)
