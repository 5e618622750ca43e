"""The facts that a plan rests on, each with a value that can be compared and read: what a saved plan is checked by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from ops_tasks.scenarios import resume, schedules
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew

PACKAGES = ("ops-tasks", "duckdb", "sqlmesh", "dlt", "dagster", "soda-core")
CACHES = {".cache", "logs", "__pycache__"}
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
    found |= {f"ops.{key}": value for key, value in _flat(section)}
    found |= {f"model file {name}": digest for name, digest in _digests(stack.project)}
    if stack.config.contracts is not None:
        found |= {f"contract {name}": digest for name, digest in _digests(stack.root / stack.config.contracts.path)}
    found |= {f"version of {name}": number for name in PACKAGES if (number := _version(name))}
    found["day"] = str(stack.today())
    found |= dict(_taken_from(stack, arguments))
    if task == resume.TASK:
        found |= dict(_scheduler(stack, crew, float(arguments["since"])))
    return dict(sorted(found.items()))


def _taken_from(stack: Stack, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The snapshots and the file that something is brought back from."""
    past = cast("dict[str, Any]", arguments.get("past") or {})
    brought = cast("list[dict[str, Any]]", arguments.get("bring") or [])
    names = {str(one["snapshot"]) for one in [*brought, past] if one.get("snapshot")}
    for name in sorted(names - {str(arguments.get("snapshot"))}):
        manifest = snapshots.folder_of(stack, name) / snapshots.MANIFEST
        yield f"snapshot {name}", _digest(manifest)
    place = cast("dict[str, Any]", arguments.get("place") or {})
    if place:
        yield f"file {place['source']}", _digest(Path(str(place["source"])))


def _scheduler(stack: Stack, crew: Crew, since: float) -> Iterator[tuple[str, str]]:
    truth = schedules.read(stack, crew, since=since)
    yield "daemon", "alive" if truth.alive(stack.config.watch.daemon_seconds) else "not heard"
    for one in truth.schedules:
        yield f"schedule {one.name}", "on" if one.on else "off"
        yield f"ticks of {one.name}", str(len(one.ticks))
    for job, runs in truth.runs.items():
        yield f"runs of {job}", str(len(runs))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif value is not None:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not CACHES & set(file.relative_to(folder).parts):
            yield file.relative_to(folder).as_posix(), _digest(file)


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
