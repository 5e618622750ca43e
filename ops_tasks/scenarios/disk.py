"""The watch over the disk: room for the next snapshot and a rebuild, inodes, and days until it is full."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ops_tasks.scenarios.disk_forecast import days_to_full
from ops_tasks.scenarios.disk_history import Sample, file_of, read, thinned, write
from ops_tasks.scenarios.verdict import Finding, Gauge, Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

REBUILD_ROOM = 2
LEAST_FREE, SMALL = 100_000_000, 0.1


@dataclass(frozen=True)
class Place:
    """A file system that the stack uses: where it is mounted, what for, and what is free; `inodes` None: no limit.

    `read_only`: those of `uses` whose folder is mounted read-only; a file system may be mounted more than once.
    """

    disk: str
    uses: tuple[str, ...]
    total: int
    free: int
    inodes: int | None
    inodes_total: int = 0
    read_only: tuple[str, ...] = ()


def judge(stack: Stack, _say: Callable[[str], None], *, note: bool = True) -> Verdict:
    """Measure every file system of the stack, remember it, and compare with what is needed and what is coming."""
    now = time.time()
    found = places(stack)
    history = read(stack.home)
    fresh = [Sample(now, one.disk, one.free, -1 if one.inodes is None else one.inodes) for one in found]
    findings = _unwritten(stack.home, thinned([*history, *fresh], now)) if note else []
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
    used: dict[int, tuple[Path, list[str], list[str]]] = {}
    wanted = [(path, "databases") for path in stack.duckdb_files]
    wanted += [(stack.home, "snapshots"), *((folder, "dlt") for folder in stack.folders)]
    if stack.config.dagster is not None:
        wanted.append((stack.root / stack.config.dagster.home, "dagster"))
    wanted.append((_temporary(), "temporary files"))
    for path, what in wanted:
        there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
        _, uses, read_only = used.setdefault(there.stat().st_dev, (_mount(there), [], []))
        if what not in uses:
            uses.append(what)
        if what not in read_only and os.statvfs(there).f_flag & os.ST_RDONLY:
            read_only.append(what)
    return [_place(mount, tuple(uses), tuple(read_only)) for mount, uses, read_only in used.values()]


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


def _temporary() -> Path:
    """Where temporary files go, full or read-only as it may be: `tempfile` passes over such a folder, or finds none."""
    named = [folder for name in ("TMPDIR", "TEMP", "TMP") if (folder := os.environ.get(name))]
    found = (Path(folder) for folder in (*named, "/tmp", "/var/tmp", "/usr/tmp"))  # noqa: S108 - as `tempfile` looks
    return next((folder for folder in found if folder.is_dir()), Path.cwd())


def _unwritten(home: Path, history: Sequence[Sample]) -> list[Finding]:
    """Write the history; what keeps it from being written is a finding: without it there is never a forecast."""
    try:
        write(home, history)
    except OSError as error:
        what = f"cannot be written ({error.strerror or error}): days to full are not known without it"
        return [Finding(str(file_of(home)), what, "make it possible to write there", "history")]
    return []


def _place(mount: Path, uses: tuple[str, ...], read_only: tuple[str, ...]) -> Place:
    usage, told = shutil.disk_usage(mount), os.statvfs(mount)
    inodes = told.f_favail if told.f_files else None
    return Place(str(mount), uses, usage.total, usage.free, inodes, told.f_files, read_only)


def _short(one: Place, wanted: dict[str, int], left: float | None, stack: Stack) -> list[Finding]:
    limits = stack.config.watch.disk
    found: list[Finding] = []
    if one.read_only:
        what = f"mounted read-only ({', '.join(one.read_only)})"
        way_out = "look into the kernel's log (dmesg); mount it to be written to"
        found.append(Finding(one.disk, what, way_out, "read-only"))
    if short := [f"{what} needs {_mb(need)}" for what, need in wanted.items() if need > one.free]:
        what = f"{_mb(one.free)} free, {', '.join(short)}"
        found.append(Finding(one.disk, what, "invoke snapshot.prune --keep-last=1", "room" if one.free else "full"))
    elif one.free == 0:
        found.append(Finding(one.disk, f"full ({', '.join(one.uses)})", "free some space", "full"))
    elif one.free < (floor := least(one, limits.percent)):
        what = f"{_mb(one.free)} of {_mb(one.total)} free ({', '.join(one.uses)}), at least {_mb(floor)} is wanted"
        found.append(Finding(one.disk, what, "free some space", "least"))
    if one.inodes is not None and one.inodes < max(limits.inodes, one.inodes_total * limits.percent / 100):
        found.append(Finding(one.disk, f"{one.inodes:,} inodes left", "remove small files", "inodes"))
    if left is not None and left < limits.days:
        what = f"full in {left:.1f} days, by what it lost lately"
        found.append(Finding(one.disk, what, "invoke snapshot.prune, or a larger disk", "days"))
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
