"""The facts that a plan rests on, each with a value that can be compared and read: what a saved plan is checked by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios import backfill, basis_files, recovery_facts, restate, resume, resume_facts, schedules
from ops_tasks.scenarios import backfill_facts as windows
from ops_tasks.scenarios.backfill_diagnosis import room
from ops_tasks.scenarios.basis_files import SHORT, digest
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.local_files import touched

PACKAGES = ("ops-tasks", "duckdb", "sqlmesh", "dlt", "dagster", "soda-core")
# Where snapshots, locks and journals are, what runs beside, and how old a snapshot may be, changes no plan.
NO_PART = {"home", "watch", "guard"}


def facts(stack: Stack, task: str, arguments: Mapping[str, Any], crew: Crew) -> dict[str, str]:
    """Fact -> value now, for a plan of `task` with these arguments; reads only.

    Files, rows per table, configuration, models, contracts, the stack's code and settings, versions, the day; the
    snapshots that a restore takes from; of a resumption what the scheduler has done.
    """
    found = {f"file {path}": stamp[:SHORT] for path, stamp in snapshots.stamps(stack, crew).items()}
    found |= {f"rows of {name}": rows for name, rows in crew.call("counts", "counts", databases=stack.readable).items()}
    crew.dismiss("counts")
    section = stack.config.model_dump(mode="json", exclude=NO_PART)
    found |= {f"ops.{key}": value for key, value in _flat({**section, "backend": stack.backend})}
    found |= {fact: digest(file) for fact, file in basis_files.files(stack).items()}
    found |= {f"version of {name}": number for name in PACKAGES if (number := _version(name))}
    found["day"] = str(stack.today())
    found |= dict(_taken_from(stack, arguments, crew))
    if task == resume.TASK:
        found |= dict(_scheduler(stack, crew, resume_facts.from_json(arguments)))
    return dict(sorted(found.items()))


def written_since(stack: Stack, moment: datetime) -> list[str]:
    """What a plan rests on and somebody has written to after a moment: while the plan was being made."""
    files = [stack.file, *basis_files.files(stack).values()]
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
        yield f"file {place['source']}", digest(Path(str(place["source"])))
        yield f"file {place['source']}.wal", digest(Path(f"{place['source']}.wal"))


def _whole(stack: Stack, name: str, crew: Crew) -> str:
    try:
        problems = snapshots.verify(stack, name, crew=crew, note=False)
    except UsageError:
        return "gone"
    manifest = digest(snapshots.folder_of(stack, name) / snapshots.MANIFEST)
    return f"damaged: {problems[0]}" if problems else f"whole ({manifest})"


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


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
