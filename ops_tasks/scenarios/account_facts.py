"""An incident as a value: everything that a report of one operation tells, whatever it is written as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from typing import Any, TypeVar, cast

RUNNING = "running"
T = TypeVar("T")


@dataclass(frozen=True)
class End:
    """One way to end, in words: of the operation, of its changes, and of what "after" means in a chart."""

    said: str
    changed: str = "What changed"
    after: str = "after"


ENDS = {
    "succeeded": End("done and proven"),
    "put_back": End("failed; everything was put back", "What it had changed until it was put back", "when it failed"),
    "refused": End("refused by its own checks; nothing was changed", "What it had changed", "when it failed"),
    "rolled_back": End("rolled back", "What it had changed until it was rolled back", "until the rollback"),
    "stopped": End("stopped in the middle", "What it had changed when it was last measured", "when last measured"),
    RUNNING: End("still running", "What it had changed when it was last measured", "when last measured"),
    "noted": End("noted"),
}


@dataclass(frozen=True)
class Moment:
    """One line of the timeline: when (UTC), what, how long it took in seconds, and whether it is bad news."""

    at: datetime
    what: str
    seconds: float | None = None
    bad: bool = False


@dataclass(frozen=True)
class Did:
    """One step: `status` is done, failed or pending; `equivalent` is what a person would have typed."""

    title: str
    equivalent: str
    status: str
    seconds: float | None


@dataclass(frozen=True)
class Bar:
    """One day of a table: rows before and after; `inside` the window that was to change; whether anything differs."""

    day: date
    before: int
    after: int
    inside: bool
    differs: bool


@dataclass(frozen=True)
class Chart:
    """Rows per day of one table, days without a gap; `before` and `after` are the names of the two sides."""

    table: str
    bars: tuple[Bar, ...]
    before: str = "before"
    after: str = "after"

    @property
    def most(self) -> int:
        """The highest bar."""
        return max((max(bar.before, bar.after) for bar in self.bars), default=0)

    @property
    def words(self) -> str:
        """The chart as a sentence, for who cannot see it."""
        changed = [bar for bar in self.bars if bar.before != bar.after]
        if not changed:
            differing = sum(bar.differs for bar in self.bars)
            return f"{self.table}: no day has more or fewer rows; the contents of {differing} differ."
        days = ", ".join(f"{bar.day}: {bar.before:,} to {bar.after:,}" for bar in changed[:10])
        more = f", and {len(changed) - 10} more days" if len(changed) > 10 else ""
        return f"{self.table}, rows per day, {self.before} to {self.after}. {days}{more}."


@dataclass(frozen=True)
class Change:
    """One table that changed: rows in all (None: not there, or not readable), what about it, what changed outside.

    `outside` is None where there was no window.
    """

    table: str
    before: int | None
    after: int | None
    what: str
    outside: str | None = None


@dataclass(frozen=True)
class Check:
    """One thing that was checked, what it said, and whether it was well."""

    name: str
    said: str
    well: bool = True


@dataclass(frozen=True)
class Way:
    """A command, and what it is for."""

    what: str
    command: str


@dataclass(frozen=True)
class Account:
    """The whole report. `figures` are number and label; `same` are tables proven untouched, with their rows.

    `ways` are the commands that are left to choose from; `back` says so in a sentence, or why there is none. `ended`
    is the end of the work, `undone` that of a rollback after it.
    """

    operation: str
    task: str
    title: str
    incident: str
    stack: str
    status: str
    began: datetime
    ended: datetime
    undone: datetime | None
    reason: str
    way_out: str
    figures: tuple[tuple[str, str], ...]
    timeline: tuple[Moment, ...]
    found: tuple[str, ...]
    did: tuple[Did, ...]
    charts: tuple[Chart, ...]
    changes: tuple[Change, ...]
    changes_left: str
    untouched: tuple[str, ...]
    same: tuple[tuple[str, int], ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    back: str
    ways: tuple[Way, ...]
    versions: Mapping[str, str]

    @property
    def words(self) -> End:
        """How it ended, in words."""
        return ENDS[self.status]

    @property
    def good(self) -> bool:
        """Whether it did what was asked for, and still stands."""
        return self.status == "succeeded"

    @property
    def duration(self) -> str:
        """How long the work took, for people."""
        seconds = (self.ended - self.began).total_seconds()
        if seconds < 90:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def in_every_text(value: T, change: Callable[[str], str]) -> T:
    """The same value with every text in it changed."""
    made: Any = value
    if isinstance(value, str):
        made = change(value)
    elif isinstance(value, tuple):
        made = tuple(in_every_text(one, change) for one in cast("tuple[Any, ...]", value))
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: in_every_text(getattr(value, one.name), change) for one in fields(value)}
        made = replace(value, **changed)
    return cast("T", made)
