"""Rows of dlt child tables whose parent is not there: the doctor names them, a load of their source removes them.

A load gives a parent that it brings again a new id, and children of its own: the old ones would count a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios.lineage import RawTable, nested, raw_tables
from ops_tasks.scenarios.loads import load
from ops_tasks.scenarios.symptoms import Line, Symptom, counted
from ops_tasks.scenarios.verify import Say
from ops_tasks.scenarios.window import HISTORY, clusters, flags
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.worker import Worker

Ask = Callable[..., Any]


def orphans(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Child rows of every source that have no parent."""

    def ask(function: str, **arguments: Any) -> Any:
        return hands.call("duck", function, databases=stack.readable, **arguments)

    hands.call("duck", "be_polite")
    raw = _raw(stack, ask)
    children = nested(raw)
    if not children:
        return Line("orphans", "no source has a child table")
    found: dict[str, int] = ask("orphans:count", tables=children)
    symptoms = tuple(
        Symptom("orphans", one.name, f"{found[one.name]:,} rows have no parent", _way_out(stack, one, raw, ask))
        for one in raw
        if one.name in found
    )
    said = counted(len(children), "child table")
    said += f", {counted(sum(found.values()), 'row')} without a parent" if found else ""
    return Line("orphans", said, symptoms)


def load_whole(stack: Stack, name: str, run: Run) -> Result:
    """Load a source the ordinary way, inside an operation, and remove the child rows that have no parent then.

    `orphans` tells how many of which table were removed, `left` how many are there still.
    """
    loaded = load(stack, name, run.say, log=run.log, held=run.held)
    catalog = stack.source(name).catalog
    with Worker("duck", cwd=stack.root, log=run.log, held=run.held) as worker:

        def ask(function: str, **arguments: Any) -> Any:
            return worker.call(function, databases={catalog: stack.catalogs[catalog]}, **arguments)

        children = nested(table for table in _raw(stack, ask) if table.source == name)
        if not ask("orphans:count", tables=children):
            return {**loaded, "orphans": {}, "left": {}}
        removed: dict[str, int] = worker.call("orphans:remove", raw=stack.catalogs[catalog], tables=children)
        for table, rows in removed.items():
            run.say(f"{table}: {rows:,} rows without a parent removed")
        return {**loaded, "orphans": removed, "left": ask("orphans:count", tables=children)}


def none_left(_run: Run, result: Result) -> None:
    """Raise when a load has left child rows without a parent."""
    for table, rows in result["left"].items():
        raise StepFailed(f"{table} has {rows:,} rows without a parent", "look at the systems log of this operation")


def _raw(stack: Stack, ask: Ask) -> list[RawTable]:
    """The raw tables of the databases that are asked."""
    datasets = {name: [source.catalog, source.dataset] for name, source in stack.config.sources.items()}
    return raw_tables(stack, ask("dlt_schemas", datasets=datasets), ask("catalog")["columns"])


def _way_out(stack: Stack, table: RawTable, raw: Sequence[RawTable], ask: Ask) -> str:
    """A backfill of the days that look wrong, or of days to be chosen: rows without a parent have none."""
    if table.date_column is None:
        return f"invoke ops.rebuild --reload={table.source}"
    roots = [one for one in raw if one.source == table.source and one.date_column and not one.parents]
    asked = [
        {
            "name": one.name,
            "catalog": one.catalog,
            "schema": one.dataset,
            "table": one.table,
            "date_column": one.date_column,
        }
        for one in roots
    ]
    today = stack.today()
    rows = ask("rows_per_day", tables=asked, since=(today - timedelta(days=HISTORY)).isoformat())
    wrong = [
        flag.day
        for name, counts in rows.items()
        for flag in flags(
            name, {date.fromisoformat(day): count for day, count in counts.items()}, today, stack.config.gate
        )
    ]
    for days in clusters(wrong)[-1:]:
        return f"invoke ops.backfill --source={table.source} --start={days.start} --end={days.end}"
    return f"invoke ops.backfill --source={table.source} --start=DAY --end=DAY"
