"""Which snapshots stay: a keep-policy in restic's words, pins, and what an operation still needs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ops_tasks import durations, whole_files
from ops_tasks.errors import UsageError
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.snapshot_files import CONSUMED, MANIFEST
from ops_tasks.systems.snapshots import Snapshot

KEEP = "keep.json"
REMOVING = ".removing"
FORENSIC_DAYS = 30
DAY = 86_400
SCRATCH = ("drill-", "smoke-")


@dataclass(frozen=True)
class Policy:
    """How many to keep: the `last` ones, the newest of each of the last hours, days, weeks, months that have one
    (UTC), and all that were taken less than `within` before the newest."""

    last: int = 0
    hourly: int = field(default=0, kw_only=True)
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    within: timedelta = timedelta()

    @property
    def empty(self) -> bool:
        """Whether nothing is asked to be kept."""
        return not any((self.last, self.hourly, self.daily, self.weekly, self.monthly, self.within))


Bucket = Callable[[Snapshot], str]
BUCKETS: dict[str, tuple[Callable[[Policy], int], Bucket]] = {
    "last": (lambda policy: policy.last, lambda one: one.name),
    "hourly": (lambda policy: policy.hourly, lambda one: f"{one.created_at:%Y-%m-%dT%H}"),
    "daily": (lambda policy: policy.daily, lambda one: f"{one.created_at:%Y-%m-%d}"),
    "weekly": (lambda policy: policy.weekly, lambda one: f"{one.created_at:%G-W%V}"),
    "monthly": (lambda policy: policy.monthly, lambda one: f"{one.created_at:%Y-%m}"),
}


@dataclass(frozen=True)
class Decision:
    """One snapshot and why it is kept; without `reasons` it goes."""

    name: str
    created_at: datetime
    bytes: int
    reasons: tuple[str, ...]
    damaged: bool = False


@dataclass(frozen=True)
class Pin:
    """Somebody wants a snapshot kept; `until` None means for ever."""

    until: date | None
    why: str

    def holds(self, today: date) -> bool:
        """Whether it still keeps its snapshot; on its last day it does."""
        return self.until is None or self.until >= today


def choose(
    taken: Sequence[Snapshot], policy: Policy, now: datetime, pins: Mapping[str, Pin], needed: Mapping[str, str]
) -> list[Decision]:
    """Decide on every snapshot, newest first; a snapshot stays when anything keeps it.

    `needed` is name -> who needs it. The newest verified one always stays. Copies of damaged sets are outside of the
    policy: they stay for FORENSIC_DAYS. One that is known to be damaged takes no whole one's place: the policy counts
    it only where there is no whole one. `within` counts from the newest snapshot and not from now, as in restic (0.18).
    """
    newest_first = sorted(taken, key=lambda one: (one.created_at, one.name), reverse=True)
    candidates = [one for one in newest_first if not one.forensic]
    ordinary = [one for one in candidates if not one.problems] or candidates
    reasons: dict[str, list[str]] = {one.name: [] for one in newest_first}
    proven = next((one.name for one in ordinary if one.verified_at), None)
    if proven is not None:
        reasons[proven].append("newest verified")
    for one in newest_first:
        pin = pins.get(one.name)
        if pin is not None and pin.holds(now.date()):
            reasons[one.name].append(f"kept until {pin.until}" if pin.until else "kept")
        if one.name in needed:
            reasons[one.name].append(needed[one.name])
        if one.forensic and now - one.created_at < timedelta(days=FORENSIC_DAYS):
            reasons[one.name].append(f"evidence, for {FORENSIC_DAYS} days")
    for word, (count, bucket) in BUCKETS.items():
        for one in _newest_of_each(ordinary, bucket, count(policy)):
            reasons[one.name].append(word)
    for one in ordinary:
        if ordinary[0].created_at - one.created_at < policy.within:
            reasons[one.name].append("within")
    return [
        Decision(one.name, one.created_at, one.bytes, tuple(reasons[one.name]), bool(one.problems))
        for one in newest_first
    ]


def pin(stack: Stack, name: str, until: date | None, why: str) -> None:
    """Keep a snapshot until a day, or for ever."""
    file = snapshots.get(stack, name).folder / KEEP
    whole_files.write(file, json.dumps({"until": until.isoformat() if until else None, "why": why}))


def unpin(stack: Stack, name: str) -> None:
    """Leave a snapshot to the policy again. Raises `UsageError` for one that nobody has pinned."""
    file = snapshots.get(stack, name).folder / KEEP
    if not file.is_file():
        raise UsageError(f"snapshot {name} is not kept by anybody", "invoke snapshot.list shows which are")
    file.unlink()


def pins(stack: Stack) -> dict[str, Pin]:
    """Every pinned snapshot; a pin that cannot be read keeps its snapshot for ever."""
    found: dict[str, Pin] = {}
    for one in snapshots.every(stack):
        file = one.folder / KEEP
        if not file.is_file():
            continue
        try:
            told = cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))
            until = date.fromisoformat(told["until"]) if told["until"] else None
            found[one.name] = Pin(until, str(told["why"]))
        except (OSError, ValueError, KeyError, TypeError):
            found[one.name] = Pin(None, "its pin cannot be read")
    return found


def used_up(stack: Stack) -> list[Path]:
    """Folders of the snapshots whose files were moved back into the stack."""
    folder = stack.home / "snapshots"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    shown = (path for path in found if not path.name.startswith("."))
    return [path for path in shown if (path / MANIFEST).is_file() and (path / CONSUMED).is_file()]


def leftovers(stack: Stack) -> list[Path]:
    """Folders that nothing needs any more: used-up snapshots, half-made and half-removed ones, abandoned copies.

    All but the half-removed ones are older than a day: somebody may be at work in a younger one.
    """
    now = time.time()
    home = [path for path in stack.home.iterdir() if path.is_dir()] if stack.home.is_dir() else []
    inside = list((stack.home / "snapshots").iterdir()) if (stack.home / "snapshots").is_dir() else []
    half = [path for path in inside if path.is_dir() and path.name.startswith(".")]
    scratch = [path for path in home if path.name.startswith(SCRATCH)]
    old = [path for path in {*half, *used_up(stack), *scratch} if now - path.stat().st_mtime > DAY]
    return sorted({*old, *(path for path in (*half, *home) if _half_removed(path))})


def set_apart(folder: Path) -> Path:
    """Give a snapshot or a leftover that goes the name that the next removal knows, and return where it is now."""
    if _half_removed(folder):
        return folder
    return folder.rename(folder.with_name(f".{folder.name.lstrip('.')}{REMOVING}"))


def remove(going: Path) -> None:
    """Remove what was set apart, the manifest first: without it nothing is given up there a second time."""
    if going.is_symlink():
        going.unlink()
        return
    (going / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(going)


def size_of(folder: Path) -> int:
    """Bytes that removing a folder frees; a file that is linked from elsewhere frees nothing."""
    if folder.is_symlink():
        return 0
    files = (path.stat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(stat.st_size for stat in files if stat.st_nlink == 1)


def parse_until(text: str, today: date) -> date | None:
    """A day that is still to come, or None for no text."""
    if not text:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--until: {text!r} is not a day", "YYYY-MM-DD") from None
    if until < today:
        raise UsageError(f"--until: {until} is over", f"today is {today}")
    return until


def parse_count(word: str, text: str) -> int:
    """How many `--keep-WORD` keeps, 0 for no text; Invoke (3.0) leaves with a stack trace where a number is none."""
    if text and not (text.isascii() and text.isdigit()):
        raise UsageError(f"--keep-{word}={text} is no number to keep", "0 or more")
    return int(text or 0)


def parse_within(text: str) -> timedelta:
    """A duration (see `durations.parse`), nothing for no text."""
    return durations.parse(text, "--keep-within") if text else timedelta()


def _half_removed(folder: Path) -> bool:
    return folder.name.startswith(".") and folder.name.endswith(REMOVING)


def _newest_of_each(newest_first: Sequence[Snapshot], bucket: Bucket, count: int) -> Iterator[Snapshot]:
    seen: set[str] = set()
    for one in newest_first:
        name = bucket(one)
        if name not in seen and len(seen) < count:
            seen.add(name)
            yield one
