"""The facts that a plan rests on, each with a value that can be compared and read: what a saved plan is checked by."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios import backfill, recovery_facts, restate, resume, resume_facts, schedules
from ops_tasks.scenarios import backfill_facts as windows
from ops_tasks.scenarios.backfill_diagnosis import room
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, git, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.local_files import touched

PACKAGES = ("ops-tasks", "duckdb", "sqlmesh", "dlt", "dagster", "soda-core")
# What SQLMesh reads of a project, and where others keep what they have made of it (and folders that begin with a dot).
READ = {".sql", ".py", ".yaml", ".yml", ".csv"}
CACHES = {"logs", "__pycache__", "node_modules", "venv"}
# Where snapshots, locks and journals are, what runs beside, and how old a snapshot may be, changes no plan.
NO_PART = {"home", "watch", "guard"}
SHORT = 12


def facts(stack: Stack, task: str, arguments: Mapping[str, Any], crew: Crew) -> dict[str, str]:
    """Fact -> value now, for a plan of `task` with these arguments; reads only.

    Files, rows per table, configuration, models, contracts, versions, the day; the snapshots that a restore takes from;
    of a resumption what the scheduler has done.
    """
    found = {f"file {path}": digest[:SHORT] for path, digest in snapshots.stamps(stack, crew).items()}
    found |= {f"rows of {name}": rows for name, rows in crew.call("counts", "counts", databases=stack.readable).items()}
    crew.dismiss("counts")
    section = stack.config.model_dump(mode="json", exclude=NO_PART)
    found |= {f"ops.{key}": value for key, value in _flat({**section, "backend": stack.backend})}
    found |= {f"model file {one.relative_to(stack.project)}": _digest(one) for one in _project(stack)}
    if stack.config.contracts is not None:
        folder = stack.root / stack.config.contracts.path
        found |= {f"contract {one.relative_to(folder)}": _digest(one) for one in _contracts(stack)}
    found |= {f"version of {name}": number for name in PACKAGES if (number := _version(name))}
    found["day"] = str(stack.today())
    found |= dict(_taken_from(stack, arguments, crew))
    if task == resume.TASK:
        found |= dict(_scheduler(stack, crew, resume_facts.from_json(arguments)))
    return dict(sorted(found.items()))


def written_since(stack: Stack, moment: datetime) -> list[str]:
    """What a plan rests on and somebody has written to after a moment: while the plan was being made."""
    files = [stack.file, *_project(stack), *_contracts(stack)]
    others = [str(one) for one in files if touched(one) > moment.timestamp()]
    return [*backends.of(stack).written_after(moment), *others]


def cramped(stack: Stack, task: str, arguments: Mapping[str, Any]) -> Refusal | None:
    """Why the plan itself would have been refused, had there been as little room on the disk as there is now."""
    need = snapshots.set_bytes(stack)
    if task in (backfill.TASK, restate.TASK):
        need = room(stack, windows.from_json(arguments).reloads, need)
    elif task != resume.TASK and "forensic" in arguments:
        need = recovery_facts.from_json(arguments).bytes
    free = snapshots.free_bytes(stack)
    if need <= free:
        return None
    return Refusal(f"{need:,} bytes are needed and {free:,} are free on {stack.root}", "free some space")


def _taken_from(stack: Stack, arguments: Mapping[str, Any], crew: Crew) -> Iterator[tuple[str, str]]:
    """The snapshots, read back, and the file that something is brought back from; what MotherDuck still remembers."""
    past = cast("dict[str, Any]", arguments.get("past") or {})
    brought = cast("list[dict[str, Any]]", [*(arguments.get("bring") or []), *(arguments.get("keeps") or [])])
    names = {str(one["snapshot"]) for one in [*brought, past] if one.get("snapshot")}
    for name in sorted(names - {str(arguments.get("snapshot"))}):
        yield f"snapshot {name}", _whole(stack, name, crew)
    if points := cast("dict[str, Any]", past.get("points") or {}):
        known = {str(point["id"]) for one in backends.of(stack).list(crew) for point in one.points.values()}
        for catalog, point in points.items():
            kept = "remembered" if str(point["id"]) in known else "gone"
            yield f"{catalog} as of {point['created_at']}", kept
    place = cast("dict[str, Any]", arguments.get("place") or {})
    if place:
        yield f"file {place['source']}", _digest(Path(str(place["source"])))
        yield f"file {place['source']}.wal", _digest(Path(f"{place['source']}.wal"))


def _whole(stack: Stack, name: str, crew: Crew) -> str:
    try:
        problems = snapshots.verify(stack, name, crew=crew, note=False)
    except UsageError:
        return "gone"
    digest = _digest(snapshots.folder_of(stack, name) / snapshots.MANIFEST)
    return f"damaged: {problems[0]}" if problems else f"whole ({digest})"


def _scheduler(stack: Stack, crew: Crew, asked: resume_facts.Facts) -> Iterator[tuple[str, str]]:
    """The daemon, what is on, what was missed and what has run since the begin of the gap; no heartbeats."""
    truth = schedules.read(stack, crew, since=asked.since)
    alive = truth.alive(stack.config.watch.daemon_seconds)
    pids = ", ".join(str(process.pid) for process in truth.processes)
    yield "daemon", "alive" if alive else f"not heard (PID {pids})" if pids else "not heard"
    for one in truth.schedules:
        yield f"schedule {one.name}", "on" if one.on else "off"
        if one.on or one.name in asked.on:
            missed = [schedules.clock(fire) for fire in one.unticked(truth.now)]
            yield f"missed fires of {one.name}", ", ".join(missed) or "none"
    for job, runs in truth.runs.items():
        yield f"runs of {job}", ", ".join(map(_run, (run for run in runs if run.created >= asked.since))) or "none"
    yield "runs that are going on", ", ".join(sorted(map(_run, truth.active))) or "none"


def _run(run: schedules.Ran) -> str:
    return f"{run.id[:8]} {run.partition or schedules.clock(run.created)} {run.status}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _project(stack: Stack) -> list[Path]:
    """What SQLMesh reads of its project; a project may be the whole stack, with databases, snapshots and the lock."""
    made = _ignored(stack.project) | {stack.home, *stack.folders}
    found: list[Path] = []
    for folder, below, names in os.walk(stack.project):
        here = Path(folder)
        below[:] = [one for one in below if one[0] != "." and one not in CACHES and here / one not in made]
        found += [here / name for name in names if Path(name).suffix in READ and here / name not in made]
    return sorted(file for file in found if file.is_file())


def _ignored(folder: Path) -> set[Path]:
    """What git ignores below a folder; nothing where it ignores that folder as a whole, or is not at work."""
    try:
        told = git.run(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    except UsageError:
        return set()
    names = [os.fsdecode(name) for name in told.split(b"\0") if name]
    return set() if "./" in names else {folder / name for name in names}


def _contracts(stack: Stack) -> list[Path]:
    if stack.config.contracts is None:
        return []
    folder = stack.root / stack.config.contracts.path
    return sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")])


def _digest(file: Path) -> str:
    if not file.is_file():
        return "absent"
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:SHORT]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
