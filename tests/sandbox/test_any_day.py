"""The world is a function of the day, and tests run on any: on none of them may a gate decide otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ops_tasks.scenarios.window import flags
from ops_tasks.sections import GateSection
from sandbox.api import state as states
from sandbox.api.data import checklists, data

DAYS = [date(2026, 9, 1) + timedelta(days=number) for number in range(366)]
HEALTHY = states.State(DAYS[-1] + timedelta(days=1), len(DAYS))
EVERYWHERE = tuple(states.fault("corrected", source, DAYS[0], DAYS[-1]) for source in states.SOURCES)
CORRECTED = replace(HEALTHY, faults=EVERYWHERE)
LIMITS = GateSection()
Row = dict[str, Any]
TABLES: dict[str, tuple[str, Callable[[list[Row]], int]]] = {
    "observations": ("ebird", len),
    "evidence": ("ebird", lambda rows: sum(len(row["evidence"]) for row in rows)),
    "checklists": ("ebird", lambda rows: len(checklists(rows))),
    "daily_weather": ("noaa", len),
    "stations": ("noaa", lambda rows: len({row["station"] for row in rows})),
    "daily_values": ("usgs", len),
    "sites": ("usgs", lambda rows: len({row["site"] for row in rows})),
}


def counts(table: str, state: states.State) -> list[int]:
    source, count = TABLES[table]
    return [count(data(source, day, state)) for day in DAYS]


@pytest.mark.parametrize("table", [name for name in TABLES if name != "evidence"])
def test_a_healthy_day_is_never_suspicious(table: str) -> None:
    rows = dict(zip(DAYS, counts(table, HEALTHY), strict=True))
    for at in range(60, len(DAYS)):
        seen = {day: rows[day] for day in DAYS[at - 45 : at]}
        assert flags(table, seen, DAYS[at], LIMITS) == []


@pytest.mark.parametrize("table", TABLES)
def test_two_corrected_days_pass_the_gate(table: str) -> None:
    before, after = ([a + b for a, b in pairwise(counts(table, state))] for state in (HEALTHY, CORRECTED))
    for live, staged in zip(before, after, strict=True):
        assert staged * 100 >= live * LIMITS.keep
        assert staged * 100 <= live * LIMITS.spike


@pytest.mark.parametrize("table", [name for name, (source, _) in TABLES.items() if source != "noaa"])
def test_one_corrected_day_passes_the_gate(table: str) -> None:
    for live, staged in zip(counts(table, HEALTHY), counts(table, CORRECTED), strict=True):
        assert staged * 100 >= live * LIMITS.keep
