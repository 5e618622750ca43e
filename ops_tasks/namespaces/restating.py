"""The guarded restatement, and how it and a backfill go from facts to an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.deciding import Asked, decide
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import refuse_unless_free
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.backfill_facts import Options
    from ops_tasks.scenarios.window import Window
    from ops_tasks.stack import Stack


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
    plan_out: str = "",
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
    from ops_tasks.scenarios import backfill
    from ops_tasks.scenarios import restate as scenario
    from ops_tasks.scenarios.backfill_facts import Options
    from ops_tasks.scenarios.observer import Observer
    from ops_tasks.scenarios.window import parse
    from ops_tasks.systems.crew import Crew

    found = find(stack)
    window = parse(start, end, found.today())
    if window is None:
        raise UsageError("no window given", "--start=YYYY-MM-DD, and --end=YYYY-MM-DD for more than one day")
    options = Options(allow_shrink, allow_history_loss, tuple(exclude))
    asked = Asked(plan, yes, scenario.command(model, source, window, options), plan_out)
    asked.check(found)
    with Crew(found.root) as crew:
        observer = Observer(found, crew)
        refuse_unless_free(found, crew=crew)
        seen = scenario.look(observer, model, source, window)
        flags = scenario.symptoms(found, seen)
        report.show_days(terminal, seen, flags)
        facts = scenario.diagnose(observer, seen, window, options, flags)
        observer.close()
        made = backfill.recover(found, facts, crew)
        more = {"plan": backfill.summary(facts)}
        return decide(found, made, crew, terminal, asked, more, [asdict(flag) for flag in flags])


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

    asked.check(found)
    with Crew(found.root) as crew:
        observer = Observer(found, crew)
        refuse_unless_free(found, crew=crew)
        if asked.yes and not asked.looks and window is not None:
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
        made = scenario.recover(found, facts, crew)
        return decide(found, made, crew, terminal, told, {"plan": scenario.summary(facts)}, findings)
