"""Windows of days: given by a person, or found where a day's rows do not look like its weekday."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from ops_tasks.errors import UsageError
from ops_tasks.sections import GateSection

LONGEST = 366
EARLIEST = date(1990, 1, 1)
LOOKBACK = 30
HISTORY = 63
FEWEST = 3


@dataclass(frozen=True, order=True)
class Window:
    """Days from `start` to `end`, both included."""

    start: date
    end: date

    @property
    def days(self) -> list[date]:
        """Every day of the window."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    def __str__(self) -> str:
        return f"{self.start}..{self.end}" if self.start != self.end else f"{self.start}"


@dataclass(frozen=True)
class Flag:
    """A day that does not look like the others of its weekday; `kind` is zero, low or spike."""

    table: str
    day: date
    rows: int
    usual: float
    kind: str


def parse(start: str | None, end: str | None, today: date) -> Window | None:
    """Return the window of two ISO dates, None when neither is given; a start alone means that one day.

    Raises `UsageError` for anything that is not a date, an end alone, a reversed or absurdly long window, the future.
    """
    if not start:
        if end:
            raise UsageError(f"--end={end} alone is no window", f"give --start too; for that one day: --start={end}")
        return None
    first, last = _date("--start", start), _date("--end", end) if end else _date("--start", start)
    if last < first:
        raise UsageError(f"the window ends before it starts: {first}..{last}", f"--start={last} --end={first}?")
    if last > today:
        raise UsageError(f"{'--end' if end else '--start'}={last} is in the future", f"today is {today} (UTC)")
    if first < EARLIEST:
        raise UsageError(f"--start={first} is before {EARLIEST}", "is it a typing error?")
    if (last - first).days >= LONGEST:
        raise UsageError(f"{first}..{last} is {(last - first).days + 1} days", f"at most {LONGEST} at a time")
    return Window(first, last)


def flags(
    table: str, rows: Mapping[date, int], today: date, limits: GateSection, lookback: int = LOOKBACK
) -> list[Flag]:
    """Return the days of the last `lookback` that are zero, low or spiking against the median of their weekday.

    The day itself is left out of its median; today is never judged (it is not over), nor a day before the table's
    first, nor one whose weekday has been seen fewer than three times.
    """
    if not rows:
        return []
    first = max(min(rows), today - timedelta(days=HISTORY))
    found: list[Flag] = []
    for ago in range(lookback, 0, -1):
        day = today - timedelta(days=ago)
        if day < first:
            continue
        kind, usual = judge(day, rows.get(day, 0), rows, today, limits)
        if kind:
            found.append(Flag(table, day, rows.get(day, 0), usual, kind))
    return found


def judge(
    day: date,
    count: int,
    rows: Mapping[date, int],
    today: date,
    limits: GateSection,
    *,
    without: Window | None = None,
) -> tuple[str, float]:
    """Return (zero|low|spike|"", the median of the weekday) for a `count` of rows on `day`.

    Days of `without` have no say in the median: they are the ones in doubt.
    """
    first = max(min(rows, default=today), today - timedelta(days=HISTORY))
    same = [
        rows.get(other, 0)
        for weeks in range(-HISTORY // 7, HISTORY // 7 + 1)
        if weeks
        and first <= (other := day + timedelta(weeks=weeks)) < today
        and (without is None or other not in without)
    ]
    if len(same) < FEWEST or (usual := median(same)) <= 0:
        return "", 0.0
    if count == 0:
        return "zero", usual
    if count * 100 < usual * limits.low:
        return "low", usual
    if count * 100 > usual * limits.spike:
        return "spike", usual
    return "", usual


def clusters(days: Iterable[date]) -> list[Window]:
    """Join days into windows; a single good day between two bad ones does not part them. Newest last."""
    found: list[Window] = []
    for day in sorted(set(days)):
        if found and (day - found[-1].end).days <= 2:
            found[-1] = Window(found[-1].start, day)
        else:
            found.append(Window(day, day))
    return found


def _date(flag: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{flag}={text!r} is not a date", "write it as YYYY-MM-DD") from None
