"""What `watch.disk` has seen: one line of JSON for each measurement of each file system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ops_tasks import whole_files

HISTORY = "disk.jsonl"
DAY = 86400.0
KEPT, HOURLY_AFTER = 90 * DAY, DAY


@dataclass(frozen=True)
class Sample:
    """One measurement of one file system: `at` epoch seconds, `disk` its mount point, free bytes and free inodes."""

    at: float
    disk: str
    free: int
    inodes: int


def file_of(home: Path) -> Path:
    """Where the history of a stack with that `home` lies."""
    return home / "watch" / HISTORY


def thinned(history: Sequence[Sample], now: float) -> list[Sample]:
    """The samples of 90 days: every one of the last day, before that the first of each hour."""
    kept: list[Sample] = []
    hours: set[tuple[str, int]] = set()
    for one in sorted(history, key=lambda sample: sample.at):
        hour = (one.disk, int(one.at // 3600))
        if now - one.at > KEPT or one.at > now + DAY or (now - one.at > HOURLY_AFTER and hour in hours):
            continue
        hours.add(hour)
        kept.append(one)
    return kept


def read(home: Path) -> list[Sample]:
    """The history; lines that a crash has torn are left out."""
    try:
        lines = file_of(home).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[Sample] = []
    for text in lines:
        try:
            found.append(Sample(**json.loads(text)))
        except (ValueError, TypeError):
            continue
    return found


def write(home: Path, history: Sequence[Sample]) -> None:
    """Replace the history, whole or not at all.

    Raises `OSError` where it cannot be written, as on a full disk or one that is mounted read-only: the old one stays.
    """
    file = file_of(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    whole_files.write(file, "".join(json.dumps(asdict(one)) + "\n" for one in history))
