"""Decides whether a staged load may replace what is there. The loader's exit code has no say in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.window import Window, judge
from ops_tasks.sections import GateSection

SHRINK = "check the source; --allow-shrink if fewer rows are right"
GROWTH = "check the source; --allow-growth if that many rows are right"


@dataclass(frozen=True)
class Staged:
    """One raw table's staged load beside what is there: rows per day, and what does not fit.

    `history` is every day the live table holds; `children` maps child table -> (live rows, staged rows) in the window;
    `clashes` are live rows without a day whose key the load brings; `repeated` are rows of the window with a key that
    another one has already (live, staged).
    """

    table: str
    days: Mapping[date, int]
    history: Mapping[date, int]
    outside: int
    undated: int
    moved: tuple[date, date] | None
    new_columns: tuple[str, ...]
    children: Mapping[str, tuple[int, int]]
    clashes: int = 0
    repeated: tuple[int, int] = (0, 0)


def from_worker(table: str, found: Mapping[str, Any], history: Mapping[str, list[Any]]) -> Staged:
    """Read what `raw_worker.staged` and `duck_worker.measure` returned."""
    moved = found["moved"]
    return Staged(
        table,
        {date.fromisoformat(day): rows for day, rows in found["days"].items()},
        {date.fromisoformat(day): value[0] for day, value in history.items() if day != "none"},
        found["outside"],
        found["undated"],
        None if moved is None else (date.fromisoformat(moved[0]), date.fromisoformat(moved[1])),
        tuple(found["new_columns"]),
        {name: (live, staged) for name, (live, staged) in found["children"].items()},
        found["clashes"],
        (found["repeated"][0], found["repeated"][1]),
    )


def judge_source(
    source: str,
    tables: list[Staged],
    window: Window,
    today: date,
    limits: GateSection,
    *,
    allow_shrink: bool,
    allow_growth: bool = False,
) -> list[Refusal]:
    """Every reason not to take a staged load; an empty list lets it in."""
    if not any(table.days for table in tables):
        outside, undated = sum(table.outside for table in tables), sum(table.undated for table in tables)
        seen = f" ({outside} rows outside of it)" if outside else ""
        seen += f" ({undated} rows without a day)" if undated else ""
        return [Refusal(f"{source}: the source brought no rows for {window}{seen}", "is the API well? try again later")]
    refusals = [refusal for table in tables for refusal in _misfits(table, window, today)]
    if not allow_shrink:
        refusals += [refusal for table in tables for refusal in _shrunk(table, window, today, limits)]
    if not allow_growth:
        refusals += [refusal for table in tables for refusal in _grown(table, window, today, limits)]
    return refusals


def _misfits(table: Staged, window: Window, today: date) -> list[Refusal]:
    found: list[Refusal] = []
    if table.undated:
        found.append(Refusal(f"{table.table}: {table.undated} staged rows have no day", "check the date column"))
    if table.new_columns:
        names = ", ".join(table.new_columns)
        way = "let an ordinary load bring them first, then backfill"
        found.append(Refusal(f"{table.table}: the load brings columns that are not there yet: {names}", way))
    if table.moved is not None:
        start, end = min(table.moved[0], window.start), max(table.moved[1], window.end)
        reason = f"{table.table}: rows moved into the window from {Window(*table.moved)} (same key, other day)"
        way = f"take both days along: --start={start} --end={end}"
        if end > today:
            way = f"no load brings {end}: mend or delete these rows in the raw table first"
        found.append(Refusal(reason, way))
    if table.clashes:
        reason = f"{table.table}: {table.clashes} rows without a day have keys that the load brings again"
        found.append(Refusal(reason, "give them a day in the raw table, or delete them"))
    if table.repeated[1] > table.repeated[0]:
        reason = f"{table.table}: {table.repeated[1]} staged rows have a key that another one has already"
        found.append(Refusal(reason, "the source sends rows twice, or the load does not merge them: look at it"))
    return found


def _shrunk(table: Staged, window: Window, today: date, limits: GateSection) -> list[Refusal]:
    before = {day: table.history.get(day, 0) for day in window.days}
    had, has = sum(before.values()), sum(table.days.values())
    emptied = [day for day in window.days if before[day] and not table.days.get(day)]
    if emptied:
        gone = sum(before[day] for day in emptied)
        return [Refusal(f"{table.table}: no rows for {_days(emptied)}, where there were {gone}", SHRINK)]
    if has * 100 < had * limits.keep:
        share = has * 100 // had
        return [Refusal(f"{table.table}: {has} rows instead of {had} in {window} ({share} %)", SHRINK)]
    low = [
        day
        for day in window.days
        if day <= today - timedelta(days=1)
        and judge(day, table.days.get(day, 0), table.history, today, limits, without=window)[0] in ("zero", "low")
    ]
    if low:
        return [Refusal(f"{table.table}: {_days(low)} would still be low for the weekday", SHRINK)]
    lost = [name for name, (live, staged) in table.children.items() if live and not staged]
    if lost:
        return [Refusal(f"{table.table}: the load brings no rows for {', '.join(lost)}", SHRINK)]
    return [
        Refusal(f"{table.table}: {fresh} rows instead of {live} in {name} ({fresh * 100 // live} %)", SHRINK)
        for name, (live, fresh) in table.children.items()
        if fresh * 100 < live * limits.keep
    ]


def _grown(table: Staged, window: Window, today: date, limits: GateSection) -> list[Refusal]:
    """Days far above their weekday, unless they have been like that; child tables far fuller than they were."""
    grown: list[tuple[date, float]] = []
    for day in window.days:
        rows = table.days.get(day, 0)
        kind, usual = judge(day, rows, table.history, today, limits, without=window)
        if kind == "spike" and rows * limits.keep > table.history.get(day, 0) * 100:
            grown.append((day, usual))
    if grown:
        first, usual = grown[0]
        reason = f"{table.table}: far more rows than usual for {_days([day for day, _ in grown])}"
        return [Refusal(f"{reason} ({table.days[first]} on {first}, where {usual:.0f} are usual)", GROWTH)]
    had, has = sum(table.history.get(day, 0) for day in window.days), sum(table.days.values())
    return [
        Refusal(f"{table.table}: {fresh} rows in {name}, {live} before: far more for each row above them", GROWTH)
        for name, (live, fresh) in table.children.items()
        if live and has and fresh * 100 > live * limits.spike and fresh * had * 100 > live * has * limits.spike
    ]


def _days(days: list[date]) -> str:
    return ", ".join(str(day) for day in days[:3]) + (f" and {len(days) - 3} more days" if len(days) > 3 else "")
