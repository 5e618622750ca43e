"""The appendix' row on freshness: whether a sensor of ours is on, and was evaluated just now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from ops_tasks import durations
from ops_tasks.errors import OpsError, UsageError
from ops_tasks.scenarios import schedules
from ops_tasks.scenarios.prevention_row import ABSENT, BROKEN, MISSING, NO_DAGSTER, PAUSED, WORKS, Row
from ops_tasks.stack import Stack
from ops_tasks.systems.load import python_path
from ops_tasks.systems.worker import Worker, require

SENSOR = "freshness_violation_sensor"
# How long a code location may take to be imported, and by how much a tick of a busy daemon may be late.
SENSOR_SECONDS, TICK_GRACE = 60.0, 300


def freshness(stack: Stack | None, why_none: str) -> Row:
    """Whether a sensor of ours is on and has been evaluated just now: a declaration alone watches nothing."""
    cause, check = "data gets old unnoticed", SENSOR
    if stack is None:
        return Row(PAUSED, cause, check, MISSING, why_none, "ops.dagster in invoke.yaml")
    if stack.config.dagster is None:
        return Row(PAUSED, cause, check, ABSENT, NO_DAGSTER)
    try:
        found = _sensors(stack)
    except UsageError as error:
        return Row(PAUSED, cause, check, MISSING, error.reason, error.way_out)
    except OpsError as error:
        return Row(PAUSED, cause, check, BROKEN, error.reason, error.way_out or "dagster definitions validate")
    if not found:
        told = f"{stack.config.dagster.module} has none that ops_tasks.dagster made"
        return Row(PAUSED, cause, check, MISSING, told, f"{SENSOR}() in its Definitions, see docs/dagster.md")
    judged = [_sensor(one) for one in found]
    status, told, way_out = next((one for one in judged if one[0] == WORKS), judged[0])
    return Row(PAUSED, cause, check, status, told, way_out)


def _sensors(stack: Stack) -> list[dict[str, Any]]:
    section = stack.config.dagster
    assert section is not None
    require("dagster", "dagster")
    home = (stack.root / section.home).resolve()
    # In a home that nobody has used, opening the instance would make its databases.
    env = {"DAGSTER_HOME": str(home) if schedules.was_used(home) else "", "PYTHONPATH": python_path(stack)}
    with Worker("sensor", cwd=stack.root, env=env, limit=SENSOR_SECONDS) as worker:
        found = worker.call("freshness", module=section.module, folder=str(stack.root))
    return cast("list[dict[str, Any]]", found)


def _sensor(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Status, evidence and way out of one sensor."""
    name, age = found["name"], found["age"]
    if not found["on"]:
        return BROKEN, f"{name} is switched off", f"dagster sensor start {name}"
    if age is None:
        return BROKEN, f"{name} is on, but was never evaluated", "start Dagster's daemon: invoke dagster.dev"
    if age < -schedules.SKEW:
        told = durations.told(timedelta(seconds=int(-age)))
        return BROKEN, f"{name} was evaluated {told} from now: the clock was set back", "look again in a few minutes"
    ago = durations.told(timedelta(seconds=max(0, int(age))))
    if found["status"] not in ("skipped", "success"):
        return BROKEN, f"{name} failed {ago} ago: {found['said']}", "see its ticks in Dagster"
    if age > 2 * found["interval"] + TICK_GRACE:
        return BROKEN, f"{name} is on, but was last evaluated {ago} ago", "start Dagster's daemon: invoke dagster.dev"
    return WORKS, f"{name} said {ago} ago: {found['said']}", ""
