"""The state of the APIs: which days exist, which faults lie on them. One small JSON file, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from sandbox.errors import SandboxError, UsageError, choose

SOURCES = ("ebird", "noaa", "usgs")
CORRECTED = "corrected"
KINDS = ("error", "empty", CORRECTED, "half", "wrong", "spike", "slow")
FOLDER = ".sandbox"
FILE = "api.json"


@dataclass(frozen=True)
class Fault:
    """One fault of one source on the days `[start, end]`, both inclusive; `seconds` only for `slow`."""

    kind: str
    source: str
    start: date
    end: date
    seconds: float = 0.0

    def on(self, source: str, day: date) -> bool:
        """Whether it lies on this day of this source."""
        return self.source == source and self.start <= day <= self.end


@dataclass(frozen=True)
class State:
    """The days `[today - days, today - 1]` exist: the last complete day is yesterday, `today` has no data yet.

    A `corrected` fault is the new upstream truth, every other kind a passing lie.
    """

    today: date
    days: int
    faults: tuple[Fault, ...] = ()

    @property
    def first(self) -> date:
        """The first day with data."""
        return self.today - timedelta(days=self.days)

    @property
    def last(self) -> date:
        """The last day with data."""
        return self.today - timedelta(days=1)

    def has(self, day: date) -> bool:
        """Whether the APIs have data for this day."""
        return self.first <= day <= self.last

    def all_days(self) -> list[date]:
        """Every day with data, in order."""
        return [self.first + timedelta(days=offset) for offset in range(self.days)]

    def kinds(self, source: str, day: date) -> set[str]:
        """The faults that lie on this day."""
        return {fault.kind for fault in self.faults if fault.on(source, day)}

    def seconds(self, source: str, day: date) -> float:
        """How long an answer about this day is held back."""
        return max((f.seconds for f in self.faults if f.kind == "slow" and f.on(source, day)), default=0.0)


def path(folder: Path) -> Path:
    """The state file of the stack in `folder`."""
    return folder / FOLDER / FILE


def fault(kind: str, source: str, start: date, end: date, seconds: float = 0.0) -> Fault:
    """Return a checked `Fault`; raises `UsageError` for an unknown name, a reversed window or a wrong `seconds`."""
    choose(kind, KINDS, "fault")
    choose(source, SOURCES, "source")
    if end < start:
        raise UsageError(f"the window ends ({end}) before it starts ({start})")
    if (kind == "slow") != (seconds > 0):
        raise UsageError("'slow' needs --seconds above 0" if kind == "slow" else f"{kind!r} takes no --seconds")
    return Fault(kind, source, start, end, seconds)


def with_fault(state: State, new: Fault) -> State:
    """Add a fault; the same one twice is one."""
    return replace(state, faults=(*(old for old in state.faults if old != new), new))


def cleared(state: State, *, corrections: bool = False) -> State:
    """Take the passing faults away; corrections stay, being the truth, unless asked for."""
    kept = () if corrections else tuple(fault for fault in state.faults if fault.kind == CORRECTED)
    return replace(state, faults=kept)


def write(folder: Path, state: State) -> None:
    """Write the state beside its final name and rename it there, so that a reader never sees half a file."""
    target = path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(target, asdict(state))


def write_json(target: Path, content: object) -> None:
    """Write a JSON document atomically."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, default=str)
        file.write("\n")
    Path(name).replace(target)


def read(folder: Path) -> State:
    """Return the current state of the stack in `folder`; the file is parsed again only when it has changed."""
    file = path(folder)
    try:
        stat = file.stat()
    except FileNotFoundError:
        raise UsageError(f"{folder} is not a sandbox (no {FOLDER}/{FILE}); make one with sandbox.up") from None
    return _parse(file, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=32)
def _parse(file: Path, _mtime: int, _inode: int) -> State:
    try:
        loaded = cast("dict[str, Any]", json.loads(file.read_text(encoding="utf-8")))
        faults = tuple(
            fault(f["kind"], f["source"], date.fromisoformat(f["start"]), date.fromisoformat(f["end"]), f["seconds"])
            for f in loaded["faults"]
        )
        return State(date.fromisoformat(loaded["today"]), int(loaded["days"]), faults)
    except (KeyError, TypeError, ValueError) as error:
        raise SandboxError(f"{file} cannot be read: {error!r}") from None
