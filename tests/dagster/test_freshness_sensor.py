"""The sensor on a real instance, with a clock that moves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine
from dagster._core.definitions.freshness import FreshnessPolicy

from ops_tasks.dagster import Violation, freshness_violation_sensor
from ops_tasks.errors import UsageError

NOON = datetime(2026, 4, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = dg.DailyPartitionsDefinition("2026-04-01")


@dg.asset(freshness_policy=FreshnessPolicy.time_window(fail_window=36 * HOUR))
def windowed() -> None: ...


@dg.asset(freshness_policy=FreshnessPolicy.cron("0 10 * * *", lower_bound_delta=HOUR, timezone="Europe/Zurich"))
def by_ten() -> None: ...


@dg.asset(metadata={"freshness_sla_hours": 6}, partitions_def=DAYS)
def daily() -> None: ...


@dg.asset
def free() -> None: ...


DEFS = dg.Definitions(assets=[windowed, by_ten, daily, free])
EVERYTHING = ("windowed", "by_ten", "daily")


class Ticks:
    """Ticks one after the other, with the cursor kept as the daemon keeps it."""

    def __init__(self, instance: dg.DagsterInstance, defs: dg.Definitions = DEFS, **options: Any) -> None:
        self.instance = instance
        self.sensor = freshness_violation_sensor(**options)
        self.repository = dg.Definitions.merge(defs, dg.Definitions(sensors=[self.sensor])).get_repository_def()
        self.cursor: str | None = None

    def tick(self) -> str:
        context = dg.build_sensor_context(self.instance, cursor=self.cursor, repository_def=self.repository)
        told = self.sensor.evaluate_tick(context)
        assert not told.run_requests
        self.cursor = told.cursor
        assert told.skip_message
        return told.skip_message


@pytest.fixture
def materialize(instance: dg.DagsterInstance) -> Callable[..., None]:
    """Write materializations; the moment is that of the clock."""

    def made(*names: str, partition: str | None = None) -> None:
        for name in names:
            event = dg.AssetMaterialization(name, partition=partition if name == "daily" else None)
            instance.report_runless_asset_event(event)

    return made


def test_it_is_on_without_anybody_switching_it_on() -> None:
    sensor = freshness_violation_sensor()
    assert (sensor.name, sensor.minimum_interval_seconds) == ("freshness_violation_sensor", 300)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    stopped = dg.DefaultSensorStatus.STOPPED
    other = freshness_violation_sensor(name="sla", minimum_interval_seconds=60, default_status=stopped)
    assert (other.name, other.minimum_interval_seconds, other.default_status) == ("sla", 60, stopped)


def test_what_was_never_materialized_is_late(instance: dg.DagsterInstance) -> None:
    ticks = Ticks(instance)
    assert ticks.tick() == (
        "late: by_ten (never materialized, SLA 0 10 * * * Europe/Zurich), daily (never materialized, SLA 6 h), "
        "windowed (never materialized, SLA 36 h); 0 of 3 assets with an SLA are fresh"
    )


@pytest.mark.parametrize(
    ("age", "late"),
    [
        (0 * HOUR, ""),
        (5 * HOUR, ""),  # 9 o'clock in Zurich, where the window of today begins
        (5.1 * HOUR, "by_ten"),
        (6 * HOUR, "by_ten daily"),
        (35.9 * HOUR, "by_ten daily"),
        (36 * HOUR, "by_ten daily windowed"),
        (-1 * HOUR, "by_ten daily windowed"),
        (-timedelta(minutes=4), ""),
    ],
    ids=str,
)
def test_an_asset_is_late_when_its_sla_says_so(
    instance: dg.DagsterInstance, materialize: Callable[..., None], age: timedelta, late: str
) -> None:
    with time_machine.travel(NOON - age, tick=False):
        materialize(*EVERYTHING, partition="2026-04-19")
    with time_machine.travel(NOON, tick=False):
        told = Ticks(instance).tick()
    assert " ".join(one for one in sorted(EVERYTHING) if f"{one} (" in told) == late
    assert (told == "3 of 3 assets with an SLA are fresh") == (not late)
    assert ("in the future" in told) == (age == -1 * HOUR)


def test_the_newest_partition_made_counts_whichever_it_is(
    instance: dg.DagsterInstance, materialize: Callable[..., None]
) -> None:
    ticks = Ticks(instance, dg.Definitions(assets=[daily]))
    with time_machine.travel(NOON - 7 * HOUR, tick=False):
        materialize("daily", partition="2026-04-20")
    with time_machine.travel(NOON, tick=False):
        assert "daily (7.0 h old, SLA 6 h)" in ticks.tick()
        materialize("daily", partition="2026-04-02")
        assert ticks.tick() == "recovered: daily; 1 of 1 assets with an SLA are fresh"


def test_each_late_asset_is_one_warning_and_recovery_is_told_once(
    instance: dg.DagsterInstance, materialize: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    ticks = Ticks(instance)
    with time_machine.travel(NOON, tick=False):
        materialize("by_ten", "daily", partition="2026-04-20")
        context = dg.build_sensor_context(instance, repository_def=ticks.repository)
        context.log.addHandler(caplog.handler)
        ticks.sensor.evaluate_tick(context)
        context.log.removeHandler(caplog.handler)
        warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert warned == ["windowed is late: never materialized, SLA 36 h"]
        first = ticks.tick()
        assert first == "late: windowed (never materialized, SLA 36 h); 2 of 3 assets with an SLA are fresh"
        materialize("windowed")
        assert ticks.tick() == "recovered: windowed; 3 of 3 assets with an SLA are fresh"
        assert ticks.tick() == "3 of 3 assets with an SLA are fresh"


@pytest.mark.parametrize("cursor", ["not json", "7", '{"a": 1}', "[1, null]"])
def test_a_cursor_of_somebody_else_does_no_harm(instance: dg.DagsterInstance, cursor: str) -> None:
    ticks = Ticks(instance)
    ticks.cursor = cursor
    assert ticks.tick().startswith("late: by_ten")
    assert json.loads(str(ticks.cursor)) == sorted(EVERYTHING)


def test_whoever_wants_to_know_is_called_and_may_fail_the_tick(
    instance: dg.DagsterInstance, materialize: Callable[..., None]
) -> None:
    told: list[list[Violation]] = []
    ticks = Ticks(instance, on_violation=told.append)
    materialize("by_ten", "daily", partition="2026-04-20")
    with time_machine.travel(datetime.now(UTC), tick=False):
        ticks.tick()
        ticks.tick()
        materialize("windowed")
        ticks.tick()
    assert [[(one.asset, one.sla, one.last, one.new) for one in late] for late in told] == [
        [("windowed", "36 h", None, True)],
        [("windowed", "36 h", None, False)],
    ]

    def fail(late: list[Violation]) -> None:
        raise ConnectionError("no pager")

    failing = Ticks(instance, on_violation=fail, hours={"free": 1})
    with pytest.raises(ConnectionError, match="no pager"):
        failing.tick()
    assert failing.cursor is None


def test_what_the_user_says_adds_and_counts_more(
    instance: dg.DagsterInstance, materialize: Callable[..., None]
) -> None:
    with time_machine.travel(NOON - 12 * HOUR, tick=False):
        materialize(*EVERYTHING, "free", partition="2026-04-20")
    with time_machine.travel(NOON, tick=False):
        told = Ticks(instance, hours={"free": 1, dg.AssetKey("daily"): 24, "windowed": 0.5}).tick()
    assert told.startswith("late: by_ten (12.0 h old")
    assert "free (12.0 h old, SLA 1 h), windowed (12.0 h old, SLA 0.5 h); 1 of 4" in told


def test_a_sensor_that_watches_nothing_fails(instance: dg.DagsterInstance) -> None:
    def failure(defs: dg.Definitions, **options: Any) -> UsageError:
        with pytest.raises(UsageError) as raised:
            Ticks(instance, defs, **options).tick()
        return raised.value

    assert "so nothing is watched" in str(failure(dg.Definitions(assets=[free])))
    assert "so nothing is watched" in str(failure(dg.Definitions()))
    assert "no asset fre (did you mean 'free'?)" in str(failure(DEFS, hours={"fre": 1}))
    odd = dg.AssetSpec("odd", metadata={"freshness_sla_hours": "36"})
    assert "odd: '36' is no number of hours" in str(failure(dg.Definitions(assets=[odd])))


@pytest.mark.parametrize("hours", [0, -1, True, float("nan"), "12"])
def test_hours_are_positive_numbers(hours: Any) -> None:
    with pytest.raises(UsageError, match="is no number of hours"):
        freshness_violation_sensor({"a": hours})


def test_without_a_code_location_only_what_the_user_says_is_known(instance: dg.DagsterInstance) -> None:
    told = freshness_violation_sensor({"a/b": 2})(dg.build_sensor_context(instance))
    assert isinstance(told, dg.SkipReason)
    assert str(told.skip_message).startswith("late: a/b (never materialized, SLA 2 h)")
