"""What Dagster's storage and code tell, on a real storage: daemons that beat and fail, and every kind of SLA."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from ops_tasks.scenarios.schedules import Promise
from ops_tasks.scenarios.signs import late
from ops_tasks.systems import dagster_worker

CODE = """
from datetime import timedelta
import dagster as dg

@dg.asset(freshness_policy=dg.FreshnessPolicy.cron(
    deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=3), timezone="Europe/Berlin"))
def morning(): ...

@dg.asset(freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36)))
def weekly(): ...

@dg.asset(metadata={"freshness_sla_hours": 12})
def halfday(): ...

@dg.asset
def free(): ...

defs = dg.Definitions(assets=[morning, weekly, halfday, free])
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The storage of a DAGSTER_HOME of its own, which is the worker's too."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as found:
        monkeypatch.setattr(dagster_worker, "_kept", [found])
        yield found


def test_a_daemon_that_beats_and_fails_is_told_but_for_those_that_run_the_user_s_code(
    instance: DagsterInstance,
) -> None:
    error = SerializableErrorInfo("dagster.Error: first line\nno such host\n", [], None)
    for name in ("QUEUED_RUN_COORDINATOR", "SENSOR", "SCHEDULER"):
        instance.add_daemon_heartbeat(DaemonHeartbeat(1_780_000_000.0, name, "d", [error]))
    seen = dagster_worker.storage(dagster_worker.Code(schedules=[], assets={}), 1_779_000_000.0, 1_780_000_000.0)
    assert seen["errors"] == {"QUEUED_RUN_COORDINATOR": "no such host"}


def test_every_kind_of_sla_is_judged(
    instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code_with_slas.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    declared = dagster_worker.code("code_with_slas", str(tmp_path))
    assert set(declared["assets"]) == {"morning", "weekly", "halfday"}
    made = datetime(2026, 7, 15, 4, 30, tzinfo=UTC)  # 06:30 in Berlin: in time for 09:00, and not for the day after
    for name in declared["assets"]:
        instance.report_runless_asset_event(dg.AssetMaterialization(dg.AssetKey(name)))

    def judged(name: str, now: datetime) -> str:
        hours, _, words = dagster_worker.storage(declared, 0, now.timestamp())["assets"][name]
        return late(Promise(hours, made.timestamp(), words), now.timestamp())

    assert judged("morning", made + timedelta(hours=23)) == ""
    assert judged("morning", made + timedelta(hours=27)).endswith("its SLA is 0 9 * * * Europe/Berlin")
    assert judged("weekly", made + timedelta(hours=35)) == ""
    assert judged("weekly", made + timedelta(hours=37)).endswith("its SLA is 36 h")
    assert judged("halfday", made + timedelta(hours=13)).endswith("its SLA is 12 h")
