"""When a disk will be full: by its pace of two weeks, of three days and of the last day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from statistics import median

from ops_tasks.scenarios.disk_history import DAY, Sample

HOUR = 3600.0
DIP = 4 * HOUR
WINDOW, LEAST = 14 * DAY, DAY
LATELY = (3 * DAY, DAY)
MOST_POINTS, ENOUGH = 120, 12
UNUSUAL, NEAR = 1.25, 1 / 3


def days_to_full(history: Sequence[Sample], disk: str, now: float) -> float | None:
    """Days until nothing is free, by the steepest of the paces of two weeks, three days and one day; None: unknown.

    A pace is the median slope of every two samples, one an hour (Theil and Sen): a clean-up in between moves few of the
    slopes. It is infinite while the disk does not get fuller, and unknown before there is a day of history.
    """
    mine = sorted((one for one in history if one.disk == disk and 0 <= now - one.at <= WINDOW), key=lambda one: one.at)
    if len(mine) < 3 or mine[-1].at - mine[0].at < LEAST:
        return None
    points = list({int(one.at // HOUR): one for one in mine}.values())
    slope = min(_pace(_fewer(points)), *(_late(points, span) for span in LATELY))
    return float("inf") if slope >= 0 else points[-1].free / -slope / DAY


def _pace(points: Sequence[Sample]) -> float:
    """Bytes that are won a second, by the median slope of every two points; less than 0 where they are lost."""
    slopes = [
        (later.free - earlier.free) / (later.at - earlier.at)
        for number, earlier in enumerate(points)
        for later in points[number + 1 :]
    ]
    return median(slopes) if slopes else 0.0


def _fewer(points: Sequence[Sample]) -> Sequence[Sample]:
    return points[:: -(1 + len(points) // MOST_POINTS)][::-1]


def _late(points: Sequence[Sample], span: float) -> float:
    """The pace of the last `span` seconds, where a disk that is well does not lose like that; else 0.

    It has to be known from enough points, to be more than what the disk takes and gives back as a habit (a rebuild at
    night, a prune a week), and to go on still: a load of last night is over.
    """
    last = points[-1]
    late = [one for one in points if last.at - one.at <= span]
    if len(late) < ENOUGH or last.at - late[0].at < span / 2:
        return 0.0
    slope = _pace(late)
    fall, habit = max(one.free for one in late) - last.free, _given_back(points)
    if slope >= 0 or (fall <= UNUSUAL * habit and last.free >= NEAR * habit) or not _goes_on(late, span, slope):
        return 0.0
    return slope


def _given_back(points: Sequence[Sample]) -> int:
    """The deepest dip, in bytes: how far it was at some time below what was free both before and after."""
    free = [one.free for one in points]
    before, after = accumulate(free, max), reversed(list(accumulate(reversed(free), max)))
    return max(min(left, right) - one for one, left, right in zip(free, before, after, strict=True))


def _goes_on(late: Sequence[Sample], span: float, slope: float) -> bool:
    """Whether the last third of the span has lost half of what `slope` says: hour by hour, or in a step a day."""
    third = span / 3
    ages = [(late[-1].at - one.at, one) for one in late]
    end = [one for age, one in ages if age <= third]
    if len(end) > 2 and _pace(end) <= slope / 2:
        return True
    before = [one.free for age, one in ages if third <= age <= third + DIP]
    now = [one.free for age, one in ages if age <= DIP]
    return third >= DAY and bool(before) and max(now) - max(before) <= slope * third / 2
