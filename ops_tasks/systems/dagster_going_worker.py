"""Runs that say they are queued or going on: whether they are, by their processes; and their end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.launcher import DefaultRunLauncher

from ops_tasks.errors import StepFailed
from ops_tasks.systems import dagster_processes as processes
from ops_tasks.systems.dagster_worker import ACTIVE, told
from ops_tasks.systems.worker_main import progress

OPERATION, SCHEDULED = "ops/operation", "dagster/schedule_name"
GOING = ("starting", "started", "canceling")
LAUNCH = 180.0  # as long as Dagster's own run monitoring gives a run to start
POLL = 0.5


def unfinished(instance: DagsterInstance) -> list[dict[str, Any]]:
    """Every run that is made, queued or going on, newest first."""
    statuses = [DagsterRunStatus(status) for status in ACTIVE]
    return [told(record) for record in instance.get_run_records(RunsFilter(statuses=statuses))]


def process_of(instance: DagsterInstance, run: dict[str, Any]) -> psutil.Process | None:
    """The process of a run, if it is there."""
    named = processes.named(_log(instance, run))
    home = Path(instance.root_directory).resolve()
    return processes.living(named, run["created"], home) if named else None


def is_gone(instance: DagsterInstance, run: dict[str, Any]) -> bool:
    """Whether a run says that it is starting or going on, and is not.

    The process that it named is not there, or in all the time it had it has named none. Only of runs that Dagster's
    default launcher executes: those of others have no process here.
    """
    if run["status"] not in GOING or not isinstance(instance.run_launcher, DefaultRunLauncher):
        return False
    log = _log(instance, run)
    if processes.named(log) is not None:
        if process_of(instance, run) is not None:
            return False
    elif run["status"] == "started" or time.time() - max([at for _, at in log], default=run["created"]) <= LAUNCH:
        return False
    now = instance.get_run_by_id(run["id"])  # a process that is gone may have come to its end since
    return now is not None and not now.is_finished


def bury(instance: DagsterInstance, run: dict[str, Any], why: str = "its process is gone") -> bool:
    """Write a run down as failed if it is gone; whether it was."""
    found = instance.get_run_by_id(run["id"]) if is_gone(instance, run) else None
    if found is None:
        return False
    instance.report_run_failed(found, why)
    return True


def is_of(run: dict[str, Any], operation: str, fired: bool) -> bool:
    """Whether a run is of an operation: tagged so, or (`fired`) a schedule's of the daemon it has started."""
    return run["tags"].get(OPERATION) == operation or (fired and SCHEDULED in run["tags"])


def end(instance: DagsterInstance, operation: str, fired: bool) -> list[str]:
    """End every run of an operation that is not finished, with its processes; returns those runs.

    All get the operation's tag. When this returns none is queued or going on: a daemon that lives may have taken one
    from the queue meanwhile, so it looks again.
    """
    ended: list[str] = []
    while mine := [one for one in unfinished(instance) if is_of(one, operation, fired)]:
        for one in mine:
            progress(f"ending run {one['id'][:8]} of {one['job']}, which is {one['status']}")
            instance.add_run_tags(one["id"], {OPERATION: operation})
            if (process := process_of(instance, one)) is not None:
                processes.end(process)
            found = instance.get_run_by_id(one["id"])
            if found is None:
                raise StepFailed(f"run {one['id']} is not there any more")
            if not found.is_finished:
                instance.report_run_canceled(found, f"ended by the rollback of operation {operation}")
            ended.append(one["id"])
        time.sleep(POLL)
    return list(dict.fromkeys(ended))


def going(instance: DagsterInstance) -> list[dict[str, Any]]:
    """The runs that go on, each with its `pid`; those that are gone left out."""
    found = [one for one in unfinished(instance) if one["status"] in GOING and not is_gone(instance, one)]
    return [{**one, "pid": process.pid if (process := process_of(instance, one)) else None} for one in found]


def _log(instance: DagsterInstance, run: dict[str, Any]) -> list[tuple[str, float]]:
    return [(entry.message, entry.timestamp) for entry in instance.all_logs(run["id"])]
