"""A guarded restatement: models are computed again from the raw data that is there, and can be put back afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from ops_tasks.errors import UsageError
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.backfill_diagnosis import Choice, facts, survey, suspicious
from ops_tasks.scenarios.backfill_facts import Facts, Options, Survey
from ops_tasks.scenarios.lineage import roots
from ops_tasks.scenarios.observer import Observer
from ops_tasks.scenarios.window import Flag, Window, judge
from ops_tasks.stack import Stack

TASK = "ops.restate"
NAMED = 40


def symptoms(stack: Stack, seen: Survey) -> list[Flag]:
    """Days of the raw tables, and of the models made of them, that do not look like their weekday."""
    return suspicious(stack, seen)


def look(observer: Observer, models: Sequence[str], sources: Sequence[str], window: Window) -> Survey:
    """Look at the models that are asked for (`schema.table`), at all that is made of a source, and at what is below."""
    if not models and not sources:
        raise UsageError("no model given", "--model=SCHEMA.TABLE, or --source=NAME for all that is made of it")
    for name in sources:
        observer.stack.source(name)
    return survey(observer, (), window, Choice(tuple(models), tuple(sources)))


def diagnose(observer: Observer, seen: Survey, window: Window, options: Options, found: Sequence[Flag] = ()) -> Facts:
    """The blast radius of a restatement, and every reason not to: above all raw data that is not there.

    SQLMesh computes an interval without raw rows to nothing, and ends well.
    """
    made = facts(observer, seen, window, options, found)
    chosen = "_".join(dict.fromkeys(seen.chosen))[:NAMED].strip("_.") or "models"
    name = f"pre_restate_{chosen}_{window.start:%Y%m%d}_{made.operation}".lower()
    refusals = [] if options.allow_shrink else hollow(observer.stack, seen, window)
    if not made.restatements:
        refusals.append(Refusal("SQLMesh would restate none of these models", "ops.restate --plan names their kinds"))
    return replace(made, task=TASK, snapshot=name, refusals=(*refusals, *made.refusals))


def hollow(stack: Stack, seen: Survey, window: Window) -> list[Refusal]:
    """Raw days in the window that are empty or low where a model has rows: restated, the model would lose them."""
    refusals: list[Refusal] = []
    for table in (one for one in seen.raw if one.date_column and not one.parents):
        made_of = [name for name in seen.affected if table.quoted in roots(seen.models, name)]
        rows = seen.series.get(table.name, {})
        held = {day for name in made_of for day in seen.series.get(seen.models[name]["name"], {})}
        nothing = rows and not any(rows.get(day) for day in window.days)
        days = [day for day in window.days if day in held and (nothing or _poor(stack, seen, rows, day, window))]
        if days:
            first, last = days[0], days[-1]
            told = f"{first}" if first == last else f"{len(days)} days of {first}..{last}"
            reason = f"{table.name} has no or few rows on {told}, and the models have: they would lose them"
            way = f"invoke ops.backfill --source={table.source} --start={first} --end={last} loads them; "
            refusals.append(Refusal(reason, way + "--allow-shrink if fewer rows are right"))
    return refusals


def _poor(stack: Stack, seen: Survey, rows: Mapping[date, int], day: date, window: Window) -> bool:
    """Whether a day has far fewer rows than its weekday usually has."""
    kind, _ = judge(day, rows.get(day, 0), rows, seen.today, stack.config.gate, without=window)
    return kind in ("zero", "low")


def command(models: Sequence[str], sources: Sequence[str], window: Window, options: Options) -> str:
    """What a person types to have this very plan."""
    words = [f"--model={name}" for name in models] + [f"--source={name}" for name in sources]
    words += [f"--start={window.start}", f"--end={window.end}"]
    words += [f"--exclude={name}" for name in options.exclude]
    words += [
        f"--{name.replace('_', '-')}" for name in ("allow_shrink", "allow_history_loss") if getattr(options, name)
    ]
    return shlex.join(["invoke", TASK, *words])
