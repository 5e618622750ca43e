"""Dagster as its storage and its code tell it: heartbeats, schedules, ticks, runs, materializations. Only reads.

Dagster's own health says "live" for 1,800 seconds after the daemon's death, and `dagster schedule list` knows no ticks
(1.13), so what is read here is the raw storage of `DAGSTER_HOME`; no daemon and no code server are needed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter, build_schedule_context
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.definitions.schedule_definition import DefaultScheduleStatus
from dagster._core.scheduler.instigation import InstigatorType, ScheduleInstigatorData, TickStatus
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
from dagster._utils.schedules import schedule_execution_time_iterator

from ops_tasks.errors import StepFailed
from ops_tasks.systems import slas

PARTITION = "dagster/partition"
TICKS = 20_000
RUNS = 1_000
_kept: list[DagsterInstance] = []
OF_USERS = {"SCHEDULER", "SENSOR", "ASSET"}


class Declared(TypedDict):
    """A schedule in the code: `running` is its default, `crons` one or more cron strings in `zone`."""

    name: str
    job: str
    crons: list[str]
    zone: str
    running: bool
    partitioned: bool


class Sla(TypedDict):
    """An asset is to be made within `hours`, or for each fire of `cron` in `zone` at most `hours` early."""

    hours: float
    cron: str
    zone: str


class Code(TypedDict):
    """What the code location declares; `assets` maps an asset (slashes between its parts) to its SLA."""

    schedules: list[Declared]
    assets: dict[str, Sla]


def code(module: str, folder: str) -> Code:
    """Import the code location and tell what it declares."""
    repository = _repository(module, folder)
    schedules = [
        Declared(
            name=one.name,
            job=one.job_name,
            crons=[one.cron_schedule] if isinstance(one.cron_schedule, str) else list(one.cron_schedule),
            zone=one.execution_timezone or "UTC",
            running=one.default_status == DefaultScheduleStatus.RUNNING,
            partitioned=repository.get_job(one.job_name).partitions_def is not None,
        )
        for one in repository.schedule_defs
    ]
    graph = repository.asset_graph
    promises = [slas.declared(key, graph.get(key)) for key in graph.get_all_asset_keys()]
    assets = {
        one.key.to_user_string(): Sla(hours=one.window.total_seconds() / 3600, cron=one.cron, zone=one.zone)
        for one in promises
        if one is not None
    }
    return Code(schedules=schedules, assets=assets)


def beats() -> dict[str, float | None]:
    """Every daemon that this instance needs -> the time of its last heartbeat (seconds since the epoch), or None."""
    return _beats(_instance())


def storage(declared: Code, since: float, until: float) -> dict[str, Any]:
    """What the storage has: `beats`, `schedules` (name -> state), `runs` and `assets`; times are epoch seconds.

    A schedule's state: `status` (running, stopped or declared), `started` (since when it is on), `iterated` (how far
    the daemon has looked), `ticks` ([time, status, error, runs]) from `since` on, `first` (its first tick ever),
    `again` (its newest tick, if a daemon that starts evaluates that once more), `expected` (every fire between `since`
    and `until` by cron and zone), `older` (the newest fire before those that nobody has looked at, if there are none).
    """
    instance = _instance()
    states = {state.instigator_name: state for state in instance.all_instigator_state() if _is_schedule(state)}
    names = {one["name"] for one in declared["schedules"]}
    return {
        "beats": _beats(instance),
        "errors": _errors(instance),
        "schedules": {
            one["name"]: _with_fires(one, _state(instance, states.get(one["name"]), since), since, until)
            for one in declared["schedules"]
        },
        "undeclared": sorted(name for name, state in states.items() if name not in names and state.is_running),
        "runs": _runs(instance, {one["job"] for one in declared["schedules"]}, since),
        "active": _active(instance),
        "assets": _materialized(instance, declared["assets"], until),
    }


def expected(crons: list[str], zone: str, since: float, until: float) -> list[float]:
    """Every fire in `[since, until]` by Dagster's own iterator, which knows the days on which clocks change."""
    cron: Any = crons[0] if len(crons) == 1 else crons
    fires: Iterator[datetime] = schedule_execution_time_iterator(since, cron, zone)
    return [fire.timestamp() for fire in takewhile(lambda fire: fire.timestamp() <= until, fires)]


def _with_fires(declared: Declared, state: dict[str, Any], since: float, until: float) -> dict[str, Any]:
    found = expected(declared["crons"], declared["zone"], since, until)
    last = state["last"] if state["again"] is None else state["again"] - 1
    looked = max(state["started"] or 0, state["iterated"] or 0, last or 0)
    past = expected(declared["crons"], declared["zone"], looked, since) if looked and not found else []
    return {**state, "expected": found, "older": next((fire for fire in reversed(past) if fire > looked), None)}


def requests(module: str, folder: str, schedule: str, fires: list[float]) -> list[dict[str, Any]]:
    """What a schedule would have asked for at each fire: `fire`, `partition`, `config`, `tags`; or `skipped`.

    The schedule's own function is asked, as the daemon would have asked it.
    """
    repository = _repository(module, folder)
    definition = repository.get_schedule_def(schedule)
    found: list[dict[str, Any]] = []
    instance = _instance()
    zone = ZoneInfo(definition.execution_timezone or "UTC")  # as the daemon asks it: a day is one of the schedule's
    for fire in fires:
        at = datetime.fromtimestamp(fire, zone)
        context = build_schedule_context(instance=instance, scheduled_execution_time=at, repository_def=repository)
        try:
            answer = definition.evaluate_tick(context)
        except Exception as error:
            cause = error.__cause__ or error
            raise StepFailed(f"schedule {schedule} cannot say what it would have run at {at}: {cause}") from error
        if not answer.run_requests:
            found.append({"fire": fire, "skipped": answer.skip_message or "nothing to run"})
        for one in answer.run_requests or ():
            if one.asset_selection or one.asset_check_keys:
                raise StepFailed(f"schedule {schedule} runs a selection of assets: fill its gap with dagster itself")
            found.append(
                {
                    "fire": fire,
                    # the daemon runs the job of the schedule, whatever job a request names (_scheduler/scheduler.py)
                    "job": definition.job_name,
                    "partition": one.partition_key,
                    "config": one.run_config,
                    "tags": dict(one.tags),
                }
            )
    return found


def _instance() -> DagsterInstance:
    """One for the life of this process: the code location keeps a weak reference to the first that it meets."""
    if not _kept:
        _kept.append(DagsterInstance.get())
    return _kept[0]


def _repository(module: str, folder: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the user's own code, which is not judged here
        try:
            targets = loadable_targets_from_python_module(module, folder)
        except Exception as error:
            raise StepFailed(f"dagster cannot load {module}: {type(error).__name__}: {error}") from error
        return repository_def_from_target_def(targets[0].target_definition)


def _beats(instance: DagsterInstance) -> dict[str, float | None]:
    found = instance.get_daemon_heartbeats()
    return {name: found[name].timestamp if name in found else None for name in instance.get_required_daemon_types()}


def _errors(instance: DagsterInstance) -> dict[str, str]:
    """Daemon -> what it failed with in its last minutes, though it beats (Dagster keeps errors for 5 minutes).

    Not of those that run the user's own code: a tick that fails is told of its schedule.
    """
    found = instance.get_daemon_heartbeats()
    errors = {name: beat.errors[0] for name, beat in found.items() if beat.errors and name not in OF_USERS}
    return {name: error.message.strip().splitlines()[-1] for name, error in errors.items()}


def _is_schedule(state: Any) -> bool:
    return state.instigator_type == InstigatorType.SCHEDULE


def _error(tick: Any) -> str:
    """The last line of what a tick failed with; nothing of one that did not fail."""
    failed = tick.status == TickStatus.FAILURE
    return tick.error.message.strip().splitlines()[-1] if failed and tick.error else "it failed" if failed else ""


def again(instance: DagsterInstance, tick: Any) -> bool:
    """Whether the daemon evaluates a schedule's newest tick once more (1.13, _scheduler/scheduler.py).

    It was interrupted, or failed no more often than the scheduler may try again: a code server that does not answer
    counts as no failure.
    """
    tries = getattr(instance.scheduler, "max_tick_retries", 0)
    return tick.status == TickStatus.STARTED or (tick.status == TickStatus.FAILURE and tick.failure_count <= tries)


def _state(instance: DagsterInstance, state: Any, since: float) -> dict[str, Any]:
    if state is None:
        unseen = dict.fromkeys(("status", "started", "iterated", "first", "last", "again"))
        return {**unseen, "error": "", "ticks": []}
    data = state.instigator_data if isinstance(state.instigator_data, ScheduleInstigatorData) else None
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=TICKS)
    return {
        "status": {"RUNNING": "running", "STOPPED": "stopped"}.get(state.status.value, "declared"),
        "started": data.start_timestamp if data else None,
        "iterated": data.last_iteration_timestamp if data else None,
        "first": min((tick.timestamp for tick in ticks), default=None),
        "last": max((tick.timestamp for tick in ticks), default=None),
        "error": _error(ticks[0]) if ticks else "",
        "again": ticks[0].timestamp if ticks and again(instance, ticks[0]) else None,
        "ticks": [
            [
                tick.timestamp,
                tick.status.value.lower(),
                _error(tick),
                list(tick.run_ids or ()),
            ]
            for tick in sorted(ticks, key=lambda tick: tick.timestamp)
            if tick.timestamp >= since
        ],
    }


def _runs(instance: DagsterInstance, jobs: Iterable[str], since: float) -> dict[str, list[dict[str, Any]]]:
    """The runs of each job that were made since then, oldest first, and its newest one in any case."""
    after = datetime.fromtimestamp(since, UTC)
    found: dict[str, list[dict[str, Any]]] = {}
    for job in sorted(jobs):
        records = instance.get_run_records(RunsFilter(job_name=job, created_after=after), limit=RUNS)
        records = records or instance.get_run_records(RunsFilter(job_name=job), limit=1)
        found[job] = [told(record) for record in reversed(records)]
    return found


def _active(instance: DagsterInstance) -> list[dict[str, Any]]:
    statuses = [status for status in DagsterRunStatus if status.value in ACTIVE]
    return [told(record) for record in instance.get_run_records(RunsFilter(statuses=statuses), limit=RUNS)]


ACTIVE = ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING")


def told(record: Any) -> dict[str, Any]:
    """A run in our words: `id`, `job`, `status` (lower case), `partition`, `created`, `started`, `ended`, `tags`."""
    run = record.dagster_run
    return {
        "id": run.run_id,
        "job": run.job_name,
        "status": run.status.value.lower(),
        "partition": run.tags.get(PARTITION),
        "created": record.create_timestamp.timestamp(),
        "started": record.start_time,
        "ended": record.end_time,
        "tags": {
            key: value
            for key, value in run.tags.items()
            if key.startswith(("dagster/sched", "dagster/run_key")) or not key.startswith("dagster/")
        },
        "config": json.dumps(dict(run.run_config), sort_keys=True, default=str),
    }


def _materialized(instance: DagsterInstance, declared: Mapping[str, Sla], now: float) -> dict[str, list[Any]]:
    """Asset -> how many hours old it may be at `now`, when it was materialized last (or None), and its SLA in words."""
    keys = {AssetKey.from_user_string(name): name for name in declared}
    newest: dict[str, float] = {}
    for record in instance.get_asset_records(list(keys)) if keys else ():
        if (last := record.asset_entry.last_materialization) is not None:
            newest[keys[record.asset_entry.asset_key]] = last.timestamp
    found: dict[str, list[Any]] = {}
    for key, name in keys.items():
        one = declared[name]
        sla = slas.Sla(key, timedelta(hours=one["hours"]), one["cron"], one["zone"])
        found[name] = [sla.allowed(datetime.fromtimestamp(now, UTC)) / timedelta(hours=1), newest.get(name), sla.words]
    return found
