"""Which snapshots stay: a keep-policy in restic's words, pins, and what an operation still needs."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.snapshots import CONSUMED, MANIFEST, Snapshot

KEEP = "keep.json"
REMOVING = ".removing"
FORENSIC_DAYS = 30
DAY = 86_400
SCRATCH = ("drill-", "smoke-")


@dataclass(frozen=True)
class Policy:
    """How many to keep: the `last` ones, the newest of each of the last days, weeks, months that have one, and all that
    are younger than `within` days."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    within: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is asked to be kept."""
        return not any((self.last, self.daily, self.weekly, self.monthly, self.within))


@dataclass(frozen=True)
class Decision:
    """One snapshot and why it is kept; without `reasons` it goes."""

    name: str
    created_at: datetime
    bytes: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Pin:
    """Somebody wants a snapshot kept; `until` None means for ever."""

    until: date | None
    why: str


def choose(
    taken: Sequence[Snapshot], policy: Policy, now: datetime, pins: Mapping[str, Pin], needed: Mapping[str, str]
) -> list[Decision]:
    """Decide on every snapshot, newest first; a snapshot stays when anything keeps it.

    `needed` is name -> who needs it. The newest verified one always stays. Copies of damaged sets are outside of the
    policy: they stay for FORENSIC_DAYS.
    """
    newest_first = sorted(taken, key=lambda one: one.created_at, reverse=True)
    ordinary = [one for one in newest_first if not one.forensic]
    reasons: dict[str, list[str]] = {one.name: [] for one in newest_first}
    proven = next((one.name for one in ordinary if one.verified_at), None)
    if proven is not None:
        reasons[proven].append("newest verified")
    for one in newest_first:
        pin = pins.get(one.name)
        if pin is not None and (pin.until is None or pin.until >= now.date()):
            reasons[one.name].append(f"kept until {pin.until}" if pin.until else "kept")
        if one.name in needed:
            reasons[one.name].append(needed[one.name])
        if one.forensic and now - one.created_at < timedelta(days=FORENSIC_DAYS):
            reasons[one.name].append(f"evidence, for {FORENSIC_DAYS} days")
        if policy.within and not one.forensic and now - one.created_at < timedelta(days=policy.within):
            reasons[one.name].append(f"within {policy.within} days")
    buckets: tuple[tuple[str, int, Callable[[Snapshot], str]], ...] = (
        ("last", policy.last, lambda one: one.name),
        ("daily", policy.daily, lambda one: f"{one.created_at:%Y-%m-%d}"),
        ("weekly", policy.weekly, lambda one: f"{one.created_at:%G-W%V}"),
        ("monthly", policy.monthly, lambda one: f"{one.created_at:%Y-%m}"),
    )
    for word, count, bucket in buckets:
        for one in _newest_of_each(ordinary, bucket, count):
            reasons[one.name].append(word)
    return [Decision(one.name, one.created_at, one.bytes, tuple(reasons[one.name])) for one in newest_first]


def pin(stack: Stack, name: str, until: date | None, why: str) -> None:
    """Keep a snapshot until a day, or for ever."""
    file = snapshots.get(stack, name).folder / KEEP
    fresh = file.with_name(f".{KEEP}.new")
    with fresh.open("w", encoding="utf-8") as opened:
        json.dump({"until": until.isoformat() if until else None, "why": why}, opened)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.rename(file)


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
        except (ValueError, KeyError, TypeError):
            found[one.name] = Pin(None, "its pin cannot be read")
    return found


def leftovers(stack: Stack) -> list[Path]:
    """Folders that nothing needs any more: used-up snapshots, half-made and half-removed ones, abandoned copies.

    All but the half-removed ones are older than a day: somebody may be at work in a younger one.
    """
    now = time.time()
    return [path for path in _candidates(stack) if path.name.endswith(REMOVING) or now - path.stat().st_mtime > DAY]


def remove(folder: Path) -> None:
    """Remove a snapshot or a leftover; killed in the middle it has a name that the next removal knows."""
    going = folder
    if not folder.name.endswith(REMOVING):
        going = folder.with_name(f".{folder.name.lstrip('.')}{REMOVING}")
        folder.rename(going)
    shutil.rmtree(going)


def size_of(folder: Path) -> int:
    """Bytes that removing a folder frees; a file that is linked from elsewhere frees nothing."""
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


def _newest_of_each(
    newest_first: Sequence[Snapshot], bucket: Callable[[Snapshot], str], count: int
) -> Iterator[Snapshot]:
    seen: set[str] = set()
    for one in newest_first:
        name = bucket(one)
        if name not in seen and len(seen) < count:
            seen.add(name)
            yield one


def _candidates(stack: Stack) -> list[Path]:
    folder = stack.home / "snapshots"
    found = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    half = [path for path in found if path.name.startswith(".")]
    used_up = [path for path in found if (path / MANIFEST).is_file() and (path / CONSUMED).is_file()]
    scratch = [path for path in stack.home.iterdir() if path.name.startswith(SCRATCH)] if stack.home.is_dir() else []
    return sorted({*half, *used_up, *scratch})
