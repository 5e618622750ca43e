"""Durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

from ops_tasks.errors import UsageError

PATTERN = re.compile(r"(?=\d)(?:(\d{1,3})y)?(?:(\d{1,4})m)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?")
HOURS = (366 * 24, 31 * 24, 24, 1)


def parse(text: str, what: str) -> timedelta:
    """A duration as restic writes it (7d, 36h, 1y5m7d2h); a year has 366 days here, a month 31.

    Raises `UsageError`, naming `what` was to be set, for anything else and for no text.
    """
    found = PATTERN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{what}: {text!r} is no duration", "for example 24h, 7d, or 1y5m7d2h")
    counts = (int(number or 0) for number in found.groups())
    return timedelta(hours=sum(count * hours for count, hours in zip(counts, HOURS, strict=True)))


def told(span: timedelta) -> str:
    """A duration in the unit that a person would take: 40 minutes, 26 hours, 3 days."""
    minutes = int(span.total_seconds() // 60)
    for size, unit in ((2880, 1440), (120, 60)):
        if minutes >= size:
            return f"{minutes // unit} {'days' if unit == 1440 else 'hours'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
