"""The row of the appendix about freshness: judged by what the daemon has done, not by what the code declares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops_tasks.scenarios.prevention_sensor import freshness
from ops_tasks.stack import find

ROOT = Path(__file__).resolve().parents[2]
NAME = "freshness_violation_sensor"
CODE = """
import dagster as dg
from ops_tasks.dagster import freshness_violation_sensor
orders = dg.AssetSpec("orders", metadata={"freshness_sla_hours": 36})
defs = dg.Definitions(assets=[orders], sensors=[freshness_violation_sensor(minimum_interval_seconds=1)])
"""
OFF = CODE.replace("seconds=1)]", "seconds=1, default_status=dg.DefaultSensorStatus.STOPPED)]")
FOREIGN = """
import dagster as dg
@dg.sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def freshness_violation_sensor(): ...
defs = dg.Definitions(sensors=[freshness_violation_sensor])
"""
# What the daemon does in one round; then its ticks are made older, and somebody sets a status.
ROUND = """
import logging, sys
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

minutes, status = int(sys.argv[1]), sys.argv[2]
with DagsterInstance.get() as instance:
    target = ModuleTarget("shop_definitions", None, sys.argv[3], "shop")
    with create_test_daemon_workspace_context(target, instance) as context:
        list(execute_sensor_iteration(context, logging.getLogger("round"), None, None))
    (state,) = instance.all_instigator_state()
    for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id):
        data = tick.tick_data
        older = {"timestamp": data.timestamp - 60 * minutes, "end_timestamp": data.end_timestamp - 60 * minutes}
        instance.update_tick(tick._replace(tick_data=data._replace(**older)))
    if status:
        instance.update_instigator_state(state.with_status(InstigatorStatus[status]))
"""


def row(shop: Path, code: str = "") -> list[str]:
    """What the appendix says of freshness, as the task prints it."""
    if code:
        (shop / "shop_definitions.py").write_text(code)
    found = freshness(find(shop), "")
    assert found.check == NAME
    return [found.status, found.told, found.way_out]


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        (CODE, "does not work", f"{NAME} is on, but was never evaluated"),
        (OFF, "does not work", f"{NAME} is switched off"),
        (FOREIGN, "not installed", "shop_definitions has none that ops_tasks.dagster made"),
        ("defs = 1 / 0", "does not work", "dagster cannot load shop_definitions: ZeroDivisionError"),
        ("import time; time.sleep(60)", "does not work", "did not answer within 3 s"),
    ],
    ids=["never evaluated", "off", "of somebody else", "broken code", "code that hangs"],
)
def test_a_declared_sensor_is_not_yet_a_sensor_that_works(
    shop: Path, monkeypatch: pytest.MonkeyPatch, code: str, status: str, told: str
) -> None:
    if "sleep" in code:
        monkeypatch.setattr("ops_tasks.scenarios.prevention_sensor.SENSOR_SECONDS", 3.0)
    found = row(shop, code)
    assert found[0] == status
    assert told in found[1]
    assert found[2]
    assert list((shop / "home").iterdir()) == [], "looking has stored nothing"


def test_without_dagster_it_does_not_apply(shop: Path) -> None:
    config = shop / "invoke.yaml"
    config.write_text(config.read_text().replace("  dagster:", "  # dagster:"))
    assert row(shop) == ["does not apply", "the stack has no Dagster", ""]


@pytest.mark.rehearsal
def test_it_works_while_the_daemon_evaluates_it(shop: Path) -> None:
    """Through Dagster's own daemon code and code server."""

    def evaluated(minutes: int, status: str = "") -> None:
        path = os.pathsep.join([str(shop), str(ROOT)])
        env = os.environ | {"DAGSTER_HOME": str(shop / "home"), "PYTHONPATH": path, "DAGSTER_DISABLE_TELEMETRY": "1"}
        command = [sys.executable, "-c", ROUND, str(minutes), status, str(shop)]
        done = subprocess.run(command, cwd=shop, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    (shop / "shop_definitions.py").write_text(CODE)
    evaluated(70)
    assert row(shop)[:2] == ["does not work", f"{NAME} is on, but was last evaluated 70 minutes ago"]
    evaluated(0)
    fresh = "late: orders (never materialized, SLA 36 h); 0 of 1 assets with an SLA are fresh"
    assert row(shop) == ["works", f"{NAME} said 0 minutes ago: {fresh}", ""]
    evaluated(0, "STOPPED")
    assert row(shop) == ["does not work", f"{NAME} is switched off", f"dagster sensor start {NAME}"]
    (shop / "shop_definitions.py").write_text(CODE.replace("freshness_sla_hours", "something"))
    evaluated(0, "RUNNING")
    evaluated(0)
    status, told, _ = row(shop)
    assert status == "does not work"
    assert f"{NAME} failed 0 minutes ago" in told
    assert "so nothing is watched" in told
