"""Windows: what may be asked for, and which days look wrong."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.window import FEWEST, HISTORY, LOOKBACK, Window, clusters, flags, judge, parse
from ops_tasks.sections import GateSection

TODAY = date(2026, 4, 21)
LIMITS = GateSection()
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def series(days: int = HISTORY, rows: int = 100, **changed: int) -> dict[date, int]:
    """`rows` on every one of the last `days` days; `d3=0` changes the day three days ago."""
    return {ago(n): changed.get(f"d{n}", rows) for n in range(1, days + 1)}


@pytest.mark.parametrize(
    ("start", "end", "flag", "reason"),
    [
        pytest.param("18.04.2026", None, "--start", "is not a date", id="not ISO"),
        pytest.param("2026-02-30", None, "--start", "is not a date", id="no such day"),
        pytest.param(None, "2026-04-10", "--start=2026-04-10", "--end=2026-04-10 alone", id="only an end"),
        pytest.param("10000-01-01", None, "--start", "is not a date", id="a year too far"),
        pytest.param("2026-04-01", "x", "--end", "is not a date", id="end is no date"),
        pytest.param("   ", None, "--start", "is not a date", id="only spaces"),
        pytest.param("2026-04-01T00:00", None, "--start", "is not a date", id="a time"),
        pytest.param("2026-04-10", "2026-04-09", "--start", "ends before it starts", id="reversed"),
        pytest.param("2026-04-10", "2026-04-22", "--end", "in the future", id="tomorrow"),
        pytest.param("2026-04-22", None, "--start", "in the future", id="only a start, tomorrow"),
        pytest.param("2025-04-20", "2026-04-21", "", "at most 366", id="367 days"),
        pytest.param("1989-12-31", None, "--start", "before 1990-01-01", id="absurd year"),
    ],
)
def test_refuses_a_window(start: str | None, end: str | None, flag: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(start, end, TODAY)
    assert reason in str(caught.value)
    assert flag in str(caught.value)
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(None, None, None, id="nothing"),
        pytest.param("", "", None, id="empty"),
        pytest.param("2026-04-10", None, (date(2026, 4, 10), date(2026, 4, 10)), id="start alone is one day"),
        pytest.param(" 2026-04-10 ", "2026-04-12\n", (date(2026, 4, 10), date(2026, 4, 12)), id="spaces around"),
        pytest.param("2026-04-21", "2026-04-21", (TODAY, TODAY), id="today"),
        pytest.param("2025-04-21", "2026-04-21", (date(2025, 4, 21), TODAY), id="366 days"),
        pytest.param("1990-01-01", None, (date(1990, 1, 1), date(1990, 1, 1)), id="the earliest"),
    ],
)
def test_parses_a_window(start: str | None, end: str | None, expected: tuple[date, date] | None) -> None:
    assert parse(start, end, TODAY) == (None if expected is None else Window(*expected))


@settings(deadline=None)
@given(DAYS, st.integers(0, 400), DAYS)
def test_days_and_contains_agree(start: date, length: int, probe: date) -> None:
    window = Window(start, start + timedelta(days=length))
    assert len(window.days) == length + 1
    assert (probe in window) == (probe in window.days)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(series(d3=0), [(3, 0, "zero")], id="zero"),
        pytest.param({day: n for day, n in series().items() if day != ago(3)}, [(3, 0, "zero")], id="a day not there"),
        pytest.param(series(d3=59), [(3, 59, "low")], id="low"),
        pytest.param(series(d3=60), [], id="just not low"),
        pytest.param(series(d3=181), [(3, 181, "spike")], id="spike"),
        pytest.param(series(d3=180), [], id="just no spike"),
        pytest.param(series(d5=0, d3=300), [(5, 0, "zero"), (3, 300, "spike")], id="oldest first"),
        pytest.param(series() | {TODAY: 1}, [], id="today is not over"),
        pytest.param({}, [], id="an empty table"),
        pytest.param(series(d31=0), [], id="longer ago than is looked"),
        pytest.param(series(d30=0), [(30, 0, "zero")], id="as long ago as is looked"),
        pytest.param(dict.fromkeys(series(), 0), [], id="a table that is always empty"),
    ],
)
def test_flags(rows: dict[date, int], expected: list[tuple[int, int, str]]) -> None:
    found = flags("t", rows, TODAY, LIMITS)
    assert [((TODAY - flag.day).days, flag.rows, flag.kind) for flag in found] == expected
    assert all(flag.usual == 100 and flag.table == "t" for flag in found)


def test_weekdays_are_judged_by_their_own_kind() -> None:
    rows = {day: 1000 if day.weekday() < 5 else 10 for day in series()}
    assert flags("t", rows, TODAY, LIMITS) == []
    sunday = next(ago(n) for n in range(7, 14) if ago(n).weekday() == 6)
    assert [(flag.day, flag.kind) for flag in flags("t", rows | {sunday: 1000}, TODAY, LIMITS)] == [(sunday, "spike")]


def test_days_before_the_first_are_not_missing() -> None:
    assert flags("t", series(days=25), TODAY, LIMITS) == []


@pytest.mark.parametrize("weeks", range(1, 6))
def test_a_weekday_seen_too_rarely_is_not_judged(weeks: int) -> None:
    """The day itself is left out, so a history of n whole weeks has n - 1 others of its weekday."""
    found = flags("t", series(days=7 * weeks, d1=0), TODAY, LIMITS)
    assert bool(found) == (weeks - 1 >= FEWEST)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 90))
def test_a_constant_series_has_no_flags(rows: int, days: int) -> None:
    assert flags("t", series(days, rows), TODAY, LIMITS) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=80), st.integers(2, 1000))
def test_the_unit_does_not_matter(counts: list[int], factor: int) -> None:
    """Twice as many rows everywhere are no news."""
    one = {ago(n): count for n, count in enumerate(counts)}
    more = {day: count * factor for day, count in one.items()}
    kinds = [[(flag.day, flag.kind) for flag in flags("t", rows, TODAY, LIMITS)] for rows in (one, more)]
    assert kinds[0] == kinds[1]


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), max_size=80))
def test_only_whole_days_of_the_lookback_are_flagged(counts: list[int]) -> None:
    rows = {ago(n): count for n, count in enumerate(counts)}
    for flag in flags("t", rows, TODAY, LIMITS):
        assert min(rows) <= flag.day < TODAY
        assert (TODAY - flag.day).days <= LOOKBACK
        assert flag.usual > 0


def test_the_judged_day_and_days_left_out_have_no_say() -> None:
    """Three empty Mondays in a row would be the measure of each other."""
    rows = {day: count for day, count in series().items() if day < ago(21)}
    asked = Window(ago(21), ago(1))
    assert judge(ago(7), 10, rows, TODAY, LIMITS, without=asked) == ("low", 100)
    assert judge(ago(7), 0, rows, TODAY, LIMITS, without=asked) == ("zero", 100)


@settings(deadline=None)
@given(st.lists(DAYS, max_size=60))
def test_clusters_are_disjoint_ordered_and_cover_the_days_and_single_gaps_only(days: list[date]) -> None:
    found = clusters(days)
    assert found == sorted(found)
    for one, other in pairwise(found):
        assert (other.start - one.end).days > 2
    covered = {day for window in found for day in window.days}
    assert covered >= set(days)
    for gap in covered - set(days):
        assert {gap - timedelta(days=1), gap + timedelta(days=1)} <= set(days)
    assert {window.start for window in found} | {window.end for window in found} <= set(days)


@settings(deadline=None)
@given(st.lists(DAYS, max_size=30))
def test_clustering_again_changes_nothing(days: list[date]) -> None:
    found = clusters(days)
    assert clusters(day for window in found for day in window.days) == found
    assert clusters(reversed(days)) == found
