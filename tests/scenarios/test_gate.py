"""The gate between a staged load and the live tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ops_tasks.scenarios.gate import Staged, from_worker, judge_source
from ops_tasks.scenarios.window import Window
from ops_tasks.sections import GateSection

TODAY = date(2026, 4, 21)
WINDOW = Window(date(2026, 4, 14), date(2026, 4, 16))
LIMITS = GateSection()
HISTORY = {TODAY - timedelta(days=n): 100 for n in range(1, 64)}


def staged(**changed: Any) -> Staged:
    """A load that brings what was there."""
    well = Staged(
        table="raw.main.obs",
        days=dict.fromkeys(WINDOW.days, 100),
        history=HISTORY,
        outside=0,
        undated=0,
        moved=None,
        new_columns=(),
        children={"obs__media": (30, 30)},
    )
    return replace(well, **changed)


def judge(
    *tables: Staged, allow_shrink: bool = False, allow_growth: bool = False, window: Window = WINDOW
) -> list[tuple[str, str]]:
    found = judge_source(
        "ebird", list(tables), window, TODAY, LIMITS, allow_shrink=allow_shrink, allow_growth=allow_growth
    )
    return [(refusal.reason, refusal.way_out) for refusal in found]


def days(*rows: int) -> dict[date, int]:
    return {day: count for day, count in zip(WINDOW.days, rows, strict=True) if count}


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(staged(), id="what was there"),
        pytest.param(staged(days=days(80, 80, 80)), id="just enough"),
        pytest.param(staged(days=days(180, 180, 180)), id="more, and not yet far more"),
        pytest.param(staged(history={}, days=days(900, 900, 900)), id="far more, and nothing to measure by"),
        pytest.param(
            staged(history={**HISTORY, WINDOW.start: 300}, days=days(320, 100, 100)), id="a busy day that was as busy"
        ),
        pytest.param(staged(history={**HISTORY, WINDOW.start: 5}), id="a hole was filled"),
        pytest.param(
            staged(history={**HISTORY, WINDOW.start: 5}, children={"obs__media": (62, 90)}), id="children along with it"
        ),
        pytest.param(staged(repeated=(3, 3)), id="keys that are no keys, as before"),
        pytest.param(staged(outside=500), id="rows outside are not taken"),
        pytest.param(staged(history={}), id="a table that was empty"),
        pytest.param(staged(children={}), id="no children"),
        pytest.param(staged(children={"obs__media": (0, 0)}), id="children that were never there"),
        pytest.param(staged(history={**HISTORY, WINDOW.start: 0}, days=days(100, 100, 100)), id="a zero day filled"),
    ],
)
def test_lets_in(table: Staged) -> None:
    assert judge(table) == []


MISFITS = [
    pytest.param(staged(undated=3), "raw.main.obs: 3 staged rows have no day", "check the date column", id="undated"),
    pytest.param(
        staged(new_columns=("obs.colour", "obs__media.size")),
        "columns that are not there yet: obs.colour, obs__media.size",
        "let an ordinary load bring them first",
        id="new columns",
    ),
    pytest.param(
        staged(moved=(date(2026, 4, 10), date(2026, 4, 11))),
        "moved into the window from 2026-04-10..2026-04-11",
        "--start=2026-04-10 --end=2026-04-16",
        id="moved from before",
    ),
    pytest.param(
        staged(moved=(date(2026, 4, 18), date(2026, 4, 18))),
        "moved into the window from 2026-04-18",
        "--start=2026-04-14 --end=2026-04-18",
        id="moved from after",
    ),
    pytest.param(
        staged(moved=(date(2099, 1, 1), date(2099, 1, 1))),
        "moved into the window from 2099-01-01",
        "no load brings 2099-01-01: mend or delete these rows",
        id="moved from a day to come",
    ),
    pytest.param(staged(repeated=(1, 7)), "7 staged rows have a key that another one has", "twice", id="repeated keys"),
    pytest.param(staged(clashes=2), "2 rows without a day have keys", "give them a day", id="undated rows of that key"),
]
SHRUNK = [
    pytest.param(staged(days=days(100, 0, 100)), "no rows for 2026-04-15, where there were 100", id="an emptied day"),
    pytest.param(
        staged(days={}), "no rows for 2026-04-14, 2026-04-15, 2026-04-16, where there were 300", id="an emptied table"
    ),
    pytest.param(staged(days=days(79, 80, 80)), "239 rows instead of 300 in 2026-04-14..2026-04-16 (79 %)", id="less"),
    pytest.param(
        staged(history={**HISTORY, WINDOW.start: 40}, days=days(50, 100, 100)),
        "2026-04-14 would still be low",
        id="more than before, and still low for the weekday",
    ),
    pytest.param(
        staged(history={**HISTORY, WINDOW.start: 0}, days=days(0, 100, 100)),
        "2026-04-14 would still be low",
        id="a hole that stays a hole",
    ),
    pytest.param(staged(children={"obs__media": (30, 0)}), "brings no rows for obs__media", id="children lost"),
    pytest.param(
        staged(children={"obs__media": (30, 23)}), "23 rows instead of 30 in obs__media", id="children become fewer"
    ),
]


@pytest.mark.parametrize(("table", "reason", "way_out"), MISFITS)
@pytest.mark.parametrize("allow_shrink", [False, True])
def test_refuses_what_does_not_fit_whatever_is_allowed(
    table: Staged, reason: str, way_out: str, allow_shrink: bool
) -> None:
    found = judge(table, allow_shrink=allow_shrink)
    assert len(found) == 1
    assert reason in found[0][0]
    assert way_out in found[0][1]


@pytest.mark.parametrize(("table", "reason"), SHRUNK)
def test_refuses_too_little_unless_it_is_allowed(table: Staged, reason: str) -> None:
    whole = staged(table="raw.main.other")
    found = judge(whole, table)
    assert len(found) == 1
    assert reason in found[0][0]
    assert "--allow-shrink" in found[0][1]
    assert judge(whole, table, allow_shrink=True) == []


GROWN = [
    pytest.param(
        staged(days=days(100, 181, 900)),
        "far more rows than usual for 2026-04-15, 2026-04-16 (181 on 2026-04-15, where 100 are usual)",
        id="spikes",
    ),
    pytest.param(
        staged(history={**HISTORY, WINDOW.start: 150}, days=days(260, 100, 100)), "2026-04-14", id="a spike that grows"
    ),
    pytest.param(staged(children={"obs__media": (30, 60)}), "60 rows in obs__media, 30 before", id="children"),
]


@pytest.mark.parametrize(("table", "reason"), GROWN)
@pytest.mark.parametrize("allow_shrink", [False, True])
def test_refuses_too_much_unless_it_is_allowed(table: Staged, reason: str, allow_shrink: bool) -> None:
    found = judge(table, allow_shrink=allow_shrink)
    assert len(found) == 1
    assert reason in found[0][0]
    assert "--allow-growth" in found[0][1]
    assert judge(table, allow_growth=True) == []


@pytest.mark.parametrize("allow_shrink", [False, True])
@pytest.mark.parametrize(
    ("table", "seen"),
    [
        pytest.param(staged(days={}), "", id="nothing"),
        pytest.param(staged(days={}, outside=7), "7 rows outside of it", id="only other days"),
        pytest.param(staged(days={}, undated=9), "9 rows without a day", id="only rows without a day"),
    ],
)
def test_nothing_at_all_is_always_refused(table: Staged, seen: str, allow_shrink: bool) -> None:
    """A source that swallows its errors ends with exit 0 and no rows."""
    found = judge(table, staged(table="raw.main.other", days={}), allow_shrink=allow_shrink)
    assert len(found) == 1
    assert "ebird: the source brought no rows for 2026-04-14..2026-04-16" in found[0][0]
    assert seen in found[0][0]
    assert found[0][1]


def test_all_reasons_are_told_at_once() -> None:
    found = judge(staged(undated=1, new_columns=("obs.x",)), staged(table="raw.main.other", days=days(10, 10, 10)))
    assert len(found) == 3


def test_today_is_not_judged_by_its_weekday() -> None:
    window = Window(TODAY, TODAY)
    assert judge(staged(days={TODAY: 3}, history=HISTORY, children={}), window=window) == []


def test_a_long_window_does_not_measure_its_days_by_each_other() -> None:
    """Five weeks asked for at once leave four of nine weeks to measure by: each day is 40 % of those."""
    window = Window(TODAY - timedelta(days=35), TODAY - timedelta(days=1))
    history = {day: 100 if day not in window else 0 for day in HISTORY}
    found = judge(staged(days=dict.fromkeys(window.days, 40), history=history, children={}), window=window)
    assert len(found) == 1
    assert "and 32 more days would still be low" in found[0][0]


def test_reads_what_the_workers_say() -> None:
    found = {
        "days": {"2026-04-14": 3},
        "outside": 1,
        "undated": 2,
        "moved": ["2026-04-01", "2026-04-02"],
        "clashes": 4,
        "repeated": [1, 5],
        "new_columns": ["obs.x"],
        "children": {"obs__media": [5, 6]},
    }
    assert from_worker("obs", found, {"2026-04-14": [7, "123"], "none": [1, "4"]}) == Staged(
        "obs",
        {date(2026, 4, 14): 3},
        {date(2026, 4, 14): 7},
        1,
        2,
        (date(2026, 4, 1), date(2026, 4, 2)),
        ("obs.x",),
        {"obs__media": (5, 6)},
        4,
        (1, 5),
    )
