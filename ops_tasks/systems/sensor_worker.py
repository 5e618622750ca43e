"""The freshness sensors of a code location, and when Dagster's daemon last evaluated them. Only reads."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any, TypedDict

from dagster import DagsterInstance, DefaultSensorStatus
from dagster._core.definitions.reconstruct import repository_def_from_target_def
from dagster._core.scheduler.instigation import InstigatorType, TickStatus
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

from ops_tasks.errors import StepFailed

# What `ops_tasks.dagster.freshness_violation_sensor` writes on each that it makes: a name proves nothing.
TAG = ("ops-tasks/sensor", "freshness")


class Found(TypedDict):
    """A sensor: `on` now, `interval` in seconds, its newest finished tick: `age` in seconds (None: never), `status`.

    `said` is the tick's skip reason, or the last line of its error.
    """

    name: str
    on: bool
    interval: int
    age: float | None
    status: str
    said: str


def freshness(module: str, folder: str) -> list[Found]:
    """Every freshness sensor of the code location; without `DAGSTER_HOME` nothing is known of their ticks."""
    instance = DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else None
    return [_found(sensor, instance) for sensor in _sensors(module, folder) if sensor.tags.get(TAG[0]) == TAG[1]]


def _sensors(module: str, folder: str) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the user's own code, which is not judged here
        try:
            targets = loadable_targets_from_python_module(module, folder)
            repository: Any = repository_def_from_target_def(targets[0].target_definition)
        except Exception as error:
            raise StepFailed(f"dagster cannot load {module}: {type(error).__name__}: {error}") from error
        return list(repository.sensor_defs)


def _found(sensor: Any, instance: DagsterInstance | None) -> Found:
    on = sensor.default_status == DefaultSensorStatus.RUNNING
    found = Found(name=sensor.name, on=on, interval=sensor.minimum_interval_seconds or 30, age=None, status="", said="")
    if instance is None:
        return found
    states = [
        state
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if state.instigator_name == sensor.name
    ]
    # A code location that was renamed leaves its states behind; the one with the newest tick is the one that lives.
    known = [(_newest(instance, state), state) for state in states]
    tick, state = max(known, key=lambda one: one[0].timestamp if one[0] else 0.0, default=(None, None))
    if state is not None and state.status.value != "DECLARED_IN_CODE":
        found["on"] = state.is_running
    if tick is None:
        return found
    said = _cause(tick.error) if tick.error else tick.skip_reason
    found["age"] = time.time() - (tick.end_timestamp or tick.timestamp)
    found["status"], found["said"] = tick.status.value.lower(), said or ""
    return found


def _cause(error: Any) -> str:
    """The last line of what a tick's error began with; Dagster's own says only that there was one."""
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip().splitlines()[-1]


def _newest(instance: DagsterInstance, state: Any) -> Any:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=5)
    return next((tick for tick in ticks if tick.status != TickStatus.STARTED), None)
