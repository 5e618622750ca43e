"""An incident as a value: everything that a report of one operation tells, whatever it is written as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

ENDS = {
    "succeeded": "done and proven",
    "put_back": "failed, and everything was put back",
    "refused": "refused by its own gate; nothing was changed",
    "rolled_back": "rolled back",
    "stopped": "stopped in the middle",
    "noted": "noted",
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
    """One day of a table: rows before and after; `inside` the window that was to change."""

    day: date
    before: int
    after: int
    inside: bool


@dataclass(frozen=True)
class Chart:
    """Rows per day of one table, days without a gap."""

    table: str
    bars: tuple[Bar, ...]

    @property
    def most(self) -> int:
        """The highest bar."""
        return max((max(bar.before, bar.after) for bar in self.bars), default=0)

    @property
    def words(self) -> str:
        """The chart as a sentence, for who cannot see it."""
        changed = [bar for bar in self.bars if bar.before != bar.after]
        days = ", ".join(f"{bar.day}: {bar.before:,} to {bar.after:,}" for bar in changed[:10])
        more = f", and {len(changed) - 10} more days" if len(changed) > 10 else ""
        return f"{self.table}, rows per day. {days}{more}." if changed else f"{self.table}: no day changed."


@dataclass(frozen=True)
class Change:
    """One table that changed: rows in all before and after, days that changed, and what changed outside the window."""

    table: str
    before: int
    after: int
    days: str
    outside: str


@dataclass(frozen=True)
class Check:
    """One thing that was checked, what it said, and whether it was well."""

    name: str
    said: str
    well: bool = True


@dataclass(frozen=True)
class Account:
    """The whole report. `back` is the command that undoes it, or empty with the reason in `back_words`."""

    operation: str
    task: str
    title: str
    incident: str
    stack: str
    status: str
    began: datetime
    ended: datetime
    reason: str
    timeline: tuple[Moment, ...]
    found: tuple[str, ...]
    did: tuple[Did, ...]
    charts: tuple[Chart, ...]
    changes: tuple[Change, ...]
    untouched: tuple[str, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    back: str
    back_words: str
    versions: Mapping[str, str]

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return ENDS.get(self.status, self.status)

    @property
    def good(self) -> bool:
        """Whether it did what was asked for."""
        return self.status == "succeeded"

    @property
    def duration(self) -> str:
        """From the first to the last word, for people."""
        seconds = (self.ended - self.began).total_seconds()
        if seconds < 90:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
