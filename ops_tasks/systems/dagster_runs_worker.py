"""What is asked of Dagster: runs, switched schedules, tags. The runs are queued, and its own daemon executes them."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from typing import Any

from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster import __version__ as version
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget

from ops_tasks.errors import StepFailed
from ops_tasks.systems import dagster_going_worker as going_on
from ops_tasks.systems.dagster_going_worker import OPERATION
from ops_tasks.systems.dagster_worker import ACTIVE, again, told
from ops_tasks.systems.worker_main import progress

WORK = "ops/work"
NAMESPACE = uuid.UUID("6f70735f-7461-736b-732d-726573756d65")
POLL, LOOK, SILENT = 0.5, 10.0, 120.0
WAITING, QUEUED_SECONDS = ("not_started", "queued"), 600.0
CHECKS_PLANNED = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
MATERIALIZATION_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
CHECKED = DagsterEventType.ASSET_CHECK_EVALUATION

_open = ExitStack()
_found: dict[str, Any] = {}


def let_go() -> None:
    """End the code server."""
    _open.close()
    _found.clear()


def switch(module: str, root: str, workspace: str | None, schedule: str, on: bool) -> bool:
    """Turn a schedule on or off; whether that changed anything."""
    _, repository = _location(module, root, workspace)
    remote = repository.get_schedule(schedule)
    instance = _instance()
    stored = instance.get_instigator_state(remote.get_remote_origin_id(), remote.selector_id)
    if remote.get_current_instigator_state(stored).is_running == on:
        return False
    if on:
        instance.start_schedule(remote)
    else:
        instance.stop_schedule(remote.get_remote_origin_id(), remote.selector_id, remote)
    return True


def submit(
    module: str,
    root: str,
    workspace: str | None,
    job: str,
    config: dict[str, Any],
    tags: dict[str, str],
) -> dict[str, Any]:
    """Queue one run, unless one of the same operation and work (by `tags`) is there that has not failed; returns it.

    A run's id is made of operation, work and attempt, so that a process that died in between makes none twice.
    """
    instance: Any = _instance()
    wanted = {key: tags[key] for key in (OPERATION, WORK)}
    there = [told(record) for record in instance.get_run_records(RunsFilter(tags=wanted))]
    for one in there:
        if one["status"] == "success" or (one["status"].upper() in ACTIVE and not going_on.bury(instance, one)):
            if one["status"] == "not_started":  # the process died between making it and queueing it
                instance.submit_run(one["id"], _workspace(module, root, workspace))
            return one
    location, repository = _location(module, root, workspace)
    if not repository.has_job(job):
        raise StepFailed(f"dagster has no job {job!r} any more", "invoke ops.resume plans anew")
    remote = repository.get_full_job(job)
    plan = location.get_execution_plan(remote, config, step_keys_to_execute=None, known_state=None)
    run = instance.create_run(
        job_name=job,
        run_id=str(uuid.uuid5(NAMESPACE, "/".join([*wanted.values(), str(len(there))]))),
        run_config=config,
        resolved_op_selection=remote.resolved_op_selection,
        step_keys_to_execute=None,
        op_selection=remote.op_selection,
        status=DagsterRunStatus.NOT_STARTED,
        root_run_id=None,
        parent_run_id=None,
        tags={**remote.run_tags, **tags},
        job_snapshot=remote.job_snapshot,
        execution_plan_snapshot=plan.execution_plan_snapshot,
        parent_job_snapshot=remote.parent_job_snapshot,
        remote_job_origin=remote.get_remote_origin(),
        job_code_origin=remote.get_python_origin(),
        asset_selection=None,
        asset_check_selection=None,
        asset_graph=repository.asset_graph,
    )
    instance.submit_run(run.run_id, _workspace(module, root, workspace))
    return _run(run.run_id)


def wait(run: str) -> dict[str, Any]:
    """Wait until a run has ended, and return it; `status` is `deleted` of one that is not there any more.

    One whose process is gone has ended too, although it says that it goes on: it is written down as failed. Raises
    `StepFailed` when the daemon that should execute it falls silent, or lets it stand in the queue with nothing to wait
    for.
    """
    instance, looked, idle, before = _instance(), time.monotonic(), time.monotonic(), ""
    while True:
        found = _found_run(run)
        if found is None:
            return {"id": run, "job": "a job", "status": "deleted", "partition": None, "tags": {}}
        if found["status"].upper() not in ACTIVE:
            return found
        if found["status"] != before:
            before = found["status"]
            progress(f"run {run[:8]} of {found['job']}: {before}")
        if before not in WAITING:
            idle = time.monotonic()
        if time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            if going_on.bury(instance, found):
                continue
            heard = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
            if not heard or time.time() - max(heard) > SILENT:
                raise StepFailed(f"run {run[:8]} is {before}, and the daemon is silent", "look into the daemon's log")
            if going_on.going(instance):
                idle = time.monotonic()
            elif time.monotonic() - idle > QUEUED_SECONDS:
                since = f"{QUEUED_SECONDS / 60:.0f} min"
                reason = f"run {run[:8]} of {found['job']} is {before} for {since}, and no run goes on"
                raise StepFailed(reason, "look at the limits of Dagster's run queue, or cancel it; then ops.retry")
        time.sleep(POLL)


def quiet() -> None:
    """Wait until no run is queued or going on: DuckDB takes one writer, and schedules that catch up fire together.

    One that was made and never queued will not begin by itself, so nobody waits for it.
    """
    while active := [one for one in going_on.unfinished(_instance()) if one["status"] != "not_started"]:
        wait(active[-1]["id"])


def ticked(schedule: str, fire: float, partition: str | None, config: dict[str, Any]) -> dict[str, Any]:
    """What has become of one fire (epoch seconds): `status` of its tick, or None while there is none, and its `run`.

    A fire may ask for several runs: the one of this partition and configuration is meant. A tick that the daemon will
    evaluate once more is `started`.
    """
    instance = _instance()
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    for state in (one for one in states if one.instigator_name == schedule):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=fire - 1, before=fire + 1)
        for tick in ticks:
            ids = list(tick.run_ids or ())
            status = "started" if again(instance, tick) else tick.status.value.lower()
            runs = [told(one) for one in instance.get_run_records(RunsFilter(run_ids=ids))] if ids else []
            only = runs if len(runs) == 1 and status != "started" else []
            run = next((one["id"] for one in [*_same(runs, partition, config), *only]), None)
            return {"status": status, "run": run, "why": tick.skip_reason or ""}
    return {"status": None, "run": None, "why": ""}


def _same(runs: list[dict[str, Any]], partition: str | None, config: dict[str, Any]) -> list[dict[str, Any]]:
    text = json.dumps(config, sort_keys=True, default=str)
    return [one for one in runs if (one["partition"], one["config"]) == (partition, text)]


def tag(run: str, tags: dict[str, str]) -> None:
    """Add tags to a run, if it is there still."""
    if _found_run(run) is not None:
        _instance().add_run_tags(run, tags)


def evaluations(run: str) -> dict[str, Any]:
    """Checks of a run: `planned` and `passed` names, `failed` (name -> why); and `assets` that it was to make."""
    planned = [_name(one.asset_check_key) for one in _events(run, CHECKS_PLANNED)]
    passed: list[str] = []
    failed: dict[str, str] = {}
    for found in _events(run, CHECKED):
        name = _name(found.asset_check_key)
        if found.passed:
            passed.append(name)
        else:
            failed[name] = found.description or "it failed"
    assets = [one.asset_key.to_user_string() for one in _events(run, MATERIALIZATION_PLANNED)]
    return {"planned": sorted(planned), "passed": sorted(passed), "failed": failed, "assets": sorted(assets)}


def gone(runs: list[str]) -> list[str]:
    """Those of the runs that say they are starting or going on, and whose process is not there (on this machine)."""
    return [run for run in runs if going_on.is_gone(_instance(), _run(run))]


def going() -> list[dict[str, Any]]:
    """The runs that go on, each with its `pid` (None while it has named none)."""
    return going_on.going(_instance())


def end(operation: str, fired: bool) -> list[str]:
    """End every run of an operation, queued or going on, and wait until it is gone; see `dagster_going_worker.end`."""
    return going_on.end(_instance(), operation, fired)


def others(operation: str, fired: bool) -> list[dict[str, Any]]:
    """The runs that go on and that `end` would leave alone: somebody else's."""
    return [one for one in going() if not going_on.is_of(one, operation, fired)]


def fail(run: str, why: str) -> None:
    """Write down that a run has failed whose process is gone, unless it has come to an end since that was seen."""
    going_on.bury(_instance(), _run(run), why)


def _events(run: str, kind: DagsterEventType) -> list[Any]:
    entries: list[Any] = list(_instance().all_logs(run, of_type=kind))
    return [entry.dagster_event.event_specific_data for entry in entries]


def _name(key: Any) -> str:
    return f"{key.asset_key.to_user_string()}:{key.name}"


def _run(run: str) -> dict[str, Any]:
    found = _found_run(run)
    if found is None:
        raise StepFailed(f"run {run} is not there any more", "invoke ops.resume plans anew")
    return found


def _found_run(run: str) -> dict[str, Any] | None:
    records = _instance().get_run_records(RunsFilter(run_ids=[run]))
    return told(records[0]) if records else None


def _instance() -> DagsterInstance:
    if "instance" not in _found:
        _found["instance"] = _open.enter_context(DagsterInstance.get())
    return _found["instance"]


def _workspace(module: str, root: str, workspace: str | None) -> Any:
    if "context" not in _found:
        progress("starting a code server")
        target = WorkspaceFileTarget([workspace]) if workspace else ModuleTarget(module, None, root, None)
        process = WorkspaceProcessContext(
            instance=_instance(),
            workspace_load_target=target,
            version=version,
            read_only=False,
            code_server_log_level="WARNING",
        )
        _found["context"] = _open.enter_context(process).create_request_context()
    return _found["context"]


def _location(module: str, root: str, workspace: str | None) -> tuple[Any, Any]:
    """The code location that declares the stack's schedules, and its repository."""
    context = _workspace(module, root, workspace)
    for name in context.code_location_names:
        if not context.has_code_location(name):
            error = context.get_code_location_error(name)
            raise StepFailed(f"dagster cannot load {name}: {error.message.strip().splitlines()[-1] if error else ''}")
        location = context.get_code_location(name)
        origin = getattr(location.origin, "loadable_target_origin", None)
        if len(context.code_location_names) == 1 or getattr(origin, "module_name", None) == module:
            return location, next(iter(location.get_repositories().values()))
    raise StepFailed(f"no code location of {workspace} loads {module}", "say in ops.dagster.module which one is meant")
