"""The watch over the disk: room for the next snapshot and a rebuild, inodes, and days until it is full."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ops_tasks.scenarios.disk_forecast import days_to_full
from ops_tasks.scenarios.disk_history import Sample, read, thinned, write
from ops_tasks.scenarios.verdict import Finding, Gauge, Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

REBUILD_ROOM = 2
LEAST_FREE, SMALL = 100_000_000, 0.1


@dataclass(frozen=True)
class Place:
    """A file system that the stack uses: where it is mounted, what for, and what is free; `inodes` None: no limit."""

    disk: str
    uses: tuple[str, ...]
    total: int
    free: int
    inodes: int | None
    inodes_total: int = 0


def judge(stack: Stack, _say: Callable[[str], None], *, note: bool = True) -> Verdict:
    """Measure every file system of the stack, remember it, and compare with what is needed and what is coming."""
    now = time.time()
    found = places(stack)
    history = read(stack.home)
    fresh = [Sample(now, one.disk, one.free, -1 if one.inodes is None else one.inodes) for one in found]
    if note:
        with suppress(OSError):
            write(stack.home, thinned([*history, *fresh], now))
    findings: list[Finding] = []
    said: list[str] = []
    gauges: list[Gauge] = []
    for one in found:
        left = days_to_full([*history, *fresh], one.disk, now)
        wanted = needs(stack) if "databases" in one.uses else {}
        found_here = _short(one, wanted, left, stack)
        findings += found_here
        gauges += _gauges(one, left)
        if not found_here:
            said.append(
                f"{one.disk} ({', '.join(one.uses)}): {_mb(one.free)} of {_mb(one.total)} free, {_coming(left)}"
            )
    return Verdict("disk", tuple(said), tuple(findings), tuple(gauges), {"places": [asdict(one) for one in found]})


def places(stack: Stack) -> list[Place]:
    """Every file system that the stack uses, in the order of its paths."""
    used: dict[int, tuple[Path, list[str]]] = {}
    wanted = [(path, "databases") for path in stack.duckdb_files]
    wanted += [(stack.home, "snapshots"), *((folder, "dlt") for folder in stack.folders)]
    if stack.config.dagster is not None:
        wanted.append((stack.root / stack.config.dagster.home, "dagster"))
    wanted.append((Path(tempfile.gettempdir()), "temporary files"))
    for path, what in wanted:
        there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
        _, uses = used.setdefault(there.stat().st_dev, (_mount(there), []))
        if what not in uses:
            uses.append(what)
    return [_place(mount, tuple(uses)) for mount, uses in used.values()]


def needs(stack: Stack) -> dict[str, int]:
    """Bytes that the next operations need where the databases are: snapshot, rebuild, checkpoint of the largest."""
    whole = snapshots.set_bytes(stack)
    largest = max((path.stat().st_size for path in stack.duckdb_files if path.is_file()), default=0)
    return {"a snapshot": whole, "a rebuild": REBUILD_ROOM * whole, "a checkpoint": largest}


def least(one: Place, percent: float) -> int:
    """Bytes that have to be free on any disk: `percent` of it or 100 MB, the larger; of a small one 10 % at most."""
    return round(min(max(LEAST_FREE, one.total * percent / 100), one.total * max(SMALL, percent / 100)))


def _mount(path: Path) -> Path:
    path = path.resolve()
    return next(one for one in (path, *path.parents) if one.is_mount())


def _place(mount: Path, uses: tuple[str, ...]) -> Place:
    usage, told = shutil.disk_usage(mount), os.statvfs(mount)
    inodes = told.f_favail if told.f_files else None
    return Place(str(mount), uses, usage.total, usage.free, inodes, told.f_files)


def _short(one: Place, wanted: dict[str, int], left: float | None, stack: Stack) -> list[Finding]:
    limits = stack.config.watch.disk
    found: list[Finding] = []
    if short := [f"{what} needs {_mb(need)}" for what, need in wanted.items() if need > one.free]:
        what = f"{_mb(one.free)} free, {', '.join(short)}"
        found.append(Finding(one.disk, what, "invoke snapshot.prune --keep-last=1"))
    elif one.free == 0:
        found.append(Finding(one.disk, f"full ({', '.join(one.uses)})", "free some space"))
    elif one.free < (floor := least(one, limits.percent)):
        what = f"{_mb(one.free)} of {_mb(one.total)} free ({', '.join(one.uses)}), at least {_mb(floor)} is wanted"
        found.append(Finding(one.disk, what, "free some space"))
    if one.inodes is not None and one.inodes < max(limits.inodes, one.inodes_total * limits.percent / 100):
        found.append(Finding(one.disk, f"{one.inodes:,} inodes left", "remove small files"))
    if left is not None and left < limits.days:
        what = f"full in {left:.1f} days, by what it lost lately"
        found.append(Finding(one.disk, what, "invoke snapshot.prune, or a larger disk"))
    return found


def _gauges(one: Place, left: float | None) -> list[Gauge]:
    label = {"disk": one.disk}
    found = [
        Gauge("ops_disk_free_bytes", "Bytes that are free", float(one.free), label),
        Gauge("ops_disk_size_bytes", "Bytes in all", float(one.total), label),
    ]
    if one.inodes is not None:
        found.append(Gauge("ops_disk_free_inodes", "Inodes that are free", float(one.inodes), label))
    if left is not None:
        found.append(Gauge("ops_disk_days_to_full", "Days until it is full, by what it lost lately", left, label))
    return found


def _coming(left: float | None) -> str:
    if left is None:
        return "days to full: not known yet"
    return "it does not get fuller" if left == float("inf") else f"full in {left:,.0f} days"


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
