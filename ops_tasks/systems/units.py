"""When systemd and cron run something, in the words of both, and how the files that say so get their place."""

from __future__ import annotations

import os
import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ops_tasks import whole_files
from ops_tasks.errors import UsageError

SPAN = re.compile(r"(?=\d)(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m(?:in)?)?", re.ASCII)
WORDS = {"hourly": "*:00", "daily": "00:00", "weekly": "Mon 00:00", "monthly": "*-*-01 00:00"}
CALENDAR = re.compile(
    r"(?:(?P<weekdays>[A-Za-z][A-Za-z,.]*)(?:\s+|$))?"
    r"(?:(?:\*-)?(?P<month>[\d*][\d.,/]*)-(?P<day>[\d*][\d.,/]*)(?:\s+|$))?"
    r"(?:(?P<hour>[\d*][\d.,/]*):(?P<minute>[\d*][\d.,/]*)(?::00)?)?",
    re.ASCII,
)
PART = re.compile(r"(\d{1,2})(?:\.\.(\d{1,2}))?(?:/(\d{1,2}))?", re.ASCII)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LIMITS = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59)}
EXAMPLES = "for example 1h, 30m, daily, or '*-*-* 12:00'"
LEAP_YEAR = 2024


@dataclass(frozen=True)
class Part:
    """One value, or the values `first..last`, every `step`th of them; without `last` up to the field's end."""

    first: int
    last: int | None = None
    step: int | None = None


Field = tuple[Part, ...]


@dataclass(frozen=True)
class Calendar:
    """When something runs, in local time to the minute; an empty field is every one. Monday is 1, Sunday 7."""

    weekdays: Field = ()
    month: Field = ()
    day: Field = ()
    hour: Field = ()
    minute: Field = ()

    def systemd(self) -> str:
        """As systemd's `OnCalendar` has it (systemd.time(7))."""
        days = ",".join(
            "..".join(DAYS[day - 1][:3].title() for day in (part.first, part.last) if day) for part in self.weekdays
        )
        month, day, hour, minute = (_systemd(field) for field in (self.month, self.day, self.hour, self.minute))
        return f"{days} *-{month}-{day} {hour}:{minute}:00".strip()

    def cron(self) -> str:
        """As a crontab's five fields have it (crontab(5)); `UsageError` for what those cannot say."""
        if self.day and self.weekdays:
            # Cron runs when either matches, systemd when both do.
            raise UsageError("--every: cron knows no weekday together with a day of the month", "--format=systemd")
        fields = [_cron(getattr(self, name), *LIMITS[name]) for name in ("minute", "hour", "day", "month")]
        return " ".join([*fields, _cron(self.weekdays, 1, 7)])


def span(text: str, what: str) -> timedelta:
    """A time of minutes, hours and days (50m, 1h30m, 2d): m is a minute here, as for a timer, and not a month.

    Raises `UsageError`, naming `what` was to be set, for anything else and for nothing at all.
    """
    found = SPAN.fullmatch(text.strip())
    days, hours, minutes = (int(number or 0) for number in found.groups()) if found else (0, 0, 0)
    if not days + hours + minutes:
        raise UsageError(f"{what}: {text!r} is no time", "for example 50m, 6h, or 1d")
    return timedelta(days=days, hours=hours, minutes=minutes)


def calendar(text: str) -> Calendar:
    """An interval that divides an hour or a day (15m, 6h, 1d), hourly to monthly, or a calendar as systemd writes it.

    Of systemd's grammar: weekdays, month, day, hour and minute with lists, `..` and `/`; no years, seconds, time zones.
    Raises `UsageError` for everything else, also for a day that never comes.
    """
    text = text.strip()
    if SPAN.fullmatch(text):
        return _interval(text)
    found = CALENDAR.fullmatch(WORDS.get(text, text))
    if found is None or not any(found.groups()):
        raise UsageError(f"--every: {text!r} is no interval and no calendar", EXAMPLES)
    given = found.groupdict()
    fields = {name: _field(given[name] or _default(name), name, text) for name in LIMITS}
    whole = Calendar(weekdays=_weekdays(given["weekdays"] or "", text), **fields)
    if not _comes(whole):
        raise UsageError(f"--every: {text!r} never comes", EXAMPLES)
    return whole


def differing(files: Mapping[Path, str]) -> list[Path]:
    """Those of the files that are there already, and hold something else."""
    return [file for file, text in files.items() if os.path.lexists(file) and not _holds(file, text)]


def write(files: Mapping[Path, str]) -> list[Path]:
    """Write every file that does not hold its text already, each one whole or not at all; returns those written."""
    written = [file for file, text in files.items() if not _holds(file, text)]
    for file in written:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            whole_files.write(file, files[file])
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}", "--write=DIR, a folder of yours") from None
    return written


def _holds(file: Path, text: str) -> bool:
    try:
        return not file.is_symlink() and file.read_bytes() == text.encode()
    except OSError:
        return False


def _interval(text: str) -> Calendar:
    minutes = int(span(text, "--every").total_seconds()) // 60
    hours = minutes // 60
    if 60 % minutes == 0:
        return Calendar(minute=() if minutes == 1 else (Part(0, step=minutes if minutes < 60 else None),))
    if minutes % 60 == 0 and 24 % hours == 0:
        return Calendar(hour=(Part(0, step=hours if hours < 24 else None),), minute=(Part(0),))
    raise UsageError(f"--every: {text} divides neither an hour nor a day", "say at what times: '*-*-* 00/5:30'")


def _default(name: str) -> str:
    return "0" if name in ("hour", "minute") else "*"


def _field(text: str, name: str, whole: str) -> Field:
    if text == "*":
        return ()
    low, high = LIMITS[name]
    parts: list[Part] = []
    for word in text.split(","):
        found = PART.fullmatch(word)
        first, last, step = (int(number) if number else None for number in found.groups()) if found else (None,) * 3
        if first is None or not low <= first <= (first if last is None else last) <= high or step == 0:
            raise UsageError(f"--every: {whole!r}: {word!r} is no {name}", f"{low} to {high}")
        parts.append(Part(first, last, step))
    return tuple(parts)


def _weekdays(text: str, whole: str) -> Field:
    parts: list[Part] = []
    for word in text.split(",") if text else ():
        numbers = [_weekday(name) for name in word.split("..")]
        if 0 in numbers or len(numbers) > 2 or numbers[0] > numbers[-1]:
            raise UsageError(f"--every: {whole!r}: {word!r} is no weekday", EXAMPLES)
        parts.append(Part(numbers[0], numbers[-1] if len(numbers) == 2 else None))
    return tuple(parts)


def _weekday(name: str) -> int:
    """1 to 7, or 0 for what is none."""
    return next((at for at, day in enumerate(DAYS, 1) if name.lower() in (day, day[:3])), 0)


def _comes(whole: Calendar) -> bool:
    """Whether any month has one of the days."""
    earliest = min((part.first for part in whole.day), default=1)
    months = {
        month
        for part in whole.month or (Part(1, 12),)
        for month in range(part.first, (part.last or (12 if part.step else part.first)) + 1, part.step or 1)
    }
    return any(earliest <= monthrange(LEAP_YEAR, month)[1] for month in months)


def _systemd(field: Field) -> str:
    return ",".join(_systemd_part(part) for part in field) or "*"


def _systemd_part(part: Part) -> str:
    last = "" if part.last is None else f"..{part.last:02}"
    return f"{part.first:02}{last}" + (f"/{part.step}" if part.step else "")


def _cron(field: Field, low: int, high: int) -> str:
    words: list[str] = []
    for part in field:
        last = high if part.last is None and part.step else part.last
        word = f"{part.first}" if last is None else "*" if (part.first, last) == (low, high) else f"{part.first}-{last}"
        words.append(word + (f"/{part.step}" if part.step else ""))
    return ",".join(words) or "*"
