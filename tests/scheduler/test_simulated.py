"""What is judged, on simulated days: no false alarm in a thousand healthy ones, a death within 150 seconds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ops_tasks.scenarios.heartbeat import (
    NEW,
    SECOND_LOOK,
    _new,  # pyright: ignore[reportPrivateUsage]
    summed_up,
)
from ops_tasks.scenarios.missed import ASKED, Request, Work, chosen, fires_by_itself, merged, was_on, works
from ops_tasks.scenarios.resume import recover
from ops_tasks.scenarios.resume_facts import ALIVE, Facts
from ops_tasks.scenarios.schedules import TO, Promise, Ran, Schedule, Truth
from ops_tasks.scenarios.signs import HOUR, signs
from ops_tasks.sections import DagsterSection, WatchSection
from ops_tasks.stack import Stack
from ops_tasks.systems.daemon import Process
from ops_tasks.systems.dagster_worker import expected
from tests.scheduler.simulated import DAEMONS, DAY, FIRES, NOW, STACK, run, schedule, truth

LATE = (0.0, 1.0, 89.0, 601.0)
WATCH, DAGSTER = WatchSection(), DagsterSection(module="m")
SCHEDULES = {
    "nightly": ("0 6 * * *", "UTC"),
    "berlin": ("30 2 * * *", "Europe/Berlin"),
    "new_york": ("30 1 * * *", "America/New_York"),
    "hourly": ("15 * * * *", "Europe/Berlin"),
    "weekdays": ("0 7 * * 1-5", "America/New_York"),
}


def owed(seen: Truth) -> dict[str, list[object]]:
    until = seen.now - WATCH.grace_minutes * 60
    found: dict[str, list[object]] = {}
    for one in seen.schedules:
        fires = one.alarming(until)
        asked = [Request(fire, one.job) for fire in fires]
        found[one.name] = list(chosen(works(one, asked, seen.runs.get(one.job, ())), "none"))
    return found


def test_a_thousand_healthy_days_without_a_false_alarm() -> None:
    begin = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
    end, chance = begin + 1000 * DAY, random.Random(6)  # noqa: S311 - a simulation
    fires = {name: expected([cron], zone, begin, end) for name, (cron, zone) in SCHEDULES.items()}
    ticked = {name: [(fire, fire + chance.uniform(0, 90)) for fire in times] for name, times in fires.items()}
    moments = sorted(
        [
            fire + late
            for times in fires.values()
            for fire in chance.sample(times, 300)
            for late in (0.0, 1.0, 89.0, 601.0)
        ]
        + [chance.uniform(begin, end) for _ in range(3000)]
    )
    alarms: list[object] = []
    for now in moments:
        since = now - 14 * DAY
        made: list[Schedule] = []
        for name, (_, zone) in SCHEDULES.items():
            window = tuple(fire for fire in fires[name] if since <= fire <= now)
            ticks = {fire: "success" for fire, at in ticked[name] if since <= fire <= now and at <= now}
            last = max(ticks, default=None)
            made.append(
                Schedule(
                    name, name, zone, False, True, "running", begin, now, begin, last, expected=window, ticks=ticks
                )
            )
        seen = truth(now, tuple(made), age=chance.uniform(0, 60))
        alarms += signs(seen, owed(seen), WATCH, DAGSTER)  # type: ignore[arg-type]
    assert len(moments) > 8000
    assert alarms == []


@pytest.mark.parametrize("phase", [0, 0.1, 1, 15, 29.9, 30, 45, 59, 59.9])
@pytest.mark.parametrize("quiet", [0, 10, 29.9, 30, 46, 60])
def test_a_death_is_told_within_150_seconds(phase: float, quiet: float) -> None:
    """The daemon dies at 0, `quiet` seconds after its last heartbeat; a watch runs every minute, first at `phase`."""
    limit, check = float(WATCH.daemon_seconds), phase
    while True:
        age = quiet + check
        if age > limit:
            told = check
            break
        if limit - SECOND_LOOK < age:  # heartbeat._look_again waits for the rest, and half a second
            told = check + limit - age + 0.5
            break
        check += 60.0
    assert told + 5 < 150  # five seconds for the start of the watch itself


@pytest.mark.parametrize(
    ("cron", "zone", "day", "utc"),
    [
        # 2026-03-29, Berlin: 02:00 to 03:00 does not exist; Dagster fires at the end of the gap.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["01:00"]),
        # 2026-10-25, Berlin: 02:30 comes twice; one fire.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["01:30"]),
        ("30 2 * * *", "America/New_York", "2026-03-08", ["07:00"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["06:30"]),
        ("0 6 * * *", "Europe/Berlin", "2026-03-29", ["04:00"]),
        ("0 6 * * *", "Europe/Berlin", "2026-10-25", ["05:00"]),
    ],
)
def test_days_on_which_clocks_change_have_one_fire(cron: str, zone: str, day: str, utc: list[str]) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = begin + timedelta(days=1)
    found = expected([cron], zone, begin.timestamp(), end.timestamp() - 1)
    assert [f"{datetime.fromtimestamp(fire, UTC):%H:%M}" for fire in found] == utc


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_an_hourly_schedule_has_every_hour_of_such_a_day(day: str, hours: int) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    end = begin + timedelta(days=1)
    assert len(expected(["15 * * * *"], "Europe/Berlin", begin.timestamp(), end.timestamp() - 1)) == hours


HALVES = (("night", FIRES[:2]), ("noon", FIRES[2:]))


def test_many_fires_of_a_job_without_partitions_are_one_run() -> None:
    (work,) = works(schedule(), [Request(fire, "job") for fire in FIRES], [])
    assert (work.fires, work.count, work.state) == ((FIRES[0], FIRES[-1]), 4, "missing")


def test_every_partition_and_every_configuration_is_a_run_of_its_own() -> None:
    asked = [Request(fire, "job", partition=str(number)) for number, fire in enumerate(FIRES)]
    assert [work.partition for work in works(schedule(), asked, [])] == ["0", "1", "2", "3"]
    asked = [Request(fire, "job", config={"day": number}) for number, fire in enumerate(FIRES)]
    found = works(schedule(), asked, [])
    assert len({work.name for work in found}) == 4
    assert names(found) == {f"fill {work.name}" for work in found}


def test_every_set_of_tags_is_a_run_of_its_own_and_those_of_dagster_are_none() -> None:
    asked = [Request(fire, "job", tags={"day": str(fire), "dagster/schedule_name": "nightly"}) for fire in FIRES]
    assert len({work.name for work in works(schedule(), asked, [])}) == 4
    asked = [Request(fire, "job", tags={"dagster/run_key": str(fire)}) for fire in FIRES]
    assert [work.name for work in works(schedule(), asked, [])] == ["job once"]


def test_runs_of_one_fire_with_a_configuration_each_are_known_apart() -> None:
    asked = [Request(FIRES[-1], "job", "p", config={"part": number}) for number in range(2)]
    ran = Ran("a", "job", "success", "p", FIRES[-1] + 5, config='{"part": 1}')
    first, second = works(schedule(), asked, [ran])
    assert (first.state, second.state) == ("missing", "done")
    assert first.name != second.name


def test_runs_that_differ_by_their_tags_alone_are_known_apart() -> None:
    asked = [Request(FIRES[-1], "job", tags={"region": name, "dagster/run_key": name}) for name in ("north", "south")]
    tags = {"region": "south", "owner": "us", "dagster/run_key": "x"}
    south = Ran("a", "job", "success", None, FIRES[-1] + 5, config="{}", tags=tags)
    assert [work.state for work in works(schedule(), asked, [south])] == ["missing", "done"]
    by_hand = Ran("b", "job", "success", None, FIRES[-1] + 6, config="{}")
    assert [work.state for work in works(schedule(), asked, [by_hand])] == ["missing", "missing"]
    assert [work.state for work in works(schedule(), asked[:1], [by_hand])] == ["done"]  # nothing else it could be


def test_what_two_schedules_ask_alike_is_one_run() -> None:
    night, noon = (works(schedule(name=name), [Request(fire, "job") for fire in part], []) for name, part in HALVES)
    (both,) = merged([*night, *noon])
    assert (both.fires, both.count, both.schedule) == ((FIRES[0], FIRES[-1]), 4, "noon")
    other = works(schedule(name="noon"), [Request(FIRES[-1], "job", config={"day": 1})], [])
    assert len(names([*night, *noon, *other])) == 2


@pytest.mark.parametrize("turn", [1, -1])
def test_of_what_two_schedules_ask_alike_what_is_missing_to_one_is_missing(turn: int) -> None:
    rival = Ran("Z", "job", "queued", "p", FIRES[-1] + 1, config='{"x": 9}')
    one = Request(FIRES[-1], "job", "p", config={"x": 1})
    alone = works(schedule(name="a"), [one], [rival])
    both = works(schedule(name="b"), [one, Request(FIRES[-1], "job", "p", config={"x": 2})], [rival])
    assert [work.state for work in alone] == ["running"]
    found = merged([*alone, *both][::turn])
    assert {(work.config["x"], work.state, work.run) for work in found} == {(1, "missing", None), (2, "missing", None)}


def names(found: list[Work]) -> set[str]:
    """The steps of the plan that fills them."""
    facts = Facts("abc123", "kept", FIRES[0], NOW, ALIVE, works=tuple(merged(found)))
    plan = recover(STACK, facts)
    return {step.name for step in plan.steps if step.name.startswith("fill ")}


@pytest.mark.parametrize(
    ("ran", "state", "none", "failed", "completed"),
    [
        ([], "missing", 1, 1, 1),
        ([run("success", FIRES[-1] + 5)], "done", 0, 0, 1),
        ([run("success", FIRES[-1] - 5)], "missing", 1, 1, 1),
        ([run("failure", FIRES[-1] + 5)], "failed", 0, 1, 1),
        ([run("failure", FIRES[-1] + 9), run("success", FIRES[-1] + 5)], "done", 0, 0, 1),
        ([run("started", FIRES[-1] + 5)], "running", 0, 0, 0),
        ([run("queued", FIRES[-1] + 5)], "running", 0, 0, 0),
        ([run("not_started", FIRES[-1] + 5)], "missing", 1, 1, 1),
    ],
)
def test_what_is_run_again(ran: list[Ran], state: str, none: int, failed: int, completed: int) -> None:
    found = works(schedule(), [Request(fire, "job") for fire in FIRES], ran)
    assert [work.state for work in found] == [state]
    counts = [len(chosen(found, word)) for word in ("none", "failed", "completed")]
    assert counts == [none, failed, completed]


@pytest.mark.parametrize(
    ("more", "expected_"),
    [
        ({}, True),
        ({"status": "stopped"}, False),
        ({"status": None, "started": None}, False),
        ({"started": FIRES[-1] + 1}, False),
        ({"iterated": FIRES[-1] + 1}, False),
        ({"last": FIRES[-1]}, False),
        ({"last": FIRES[0]}, True),
        ({"last": FIRES[-1], "again": FIRES[-1]}, True),
        ({"last": FIRES[-2], "again": FIRES[-2]}, True),
        ({"last": FIRES[-1], "again": FIRES[-1], "iterated": FIRES[-1] + 1}, False),
    ],
)
def test_what_the_daemon_fires_by_itself(more: dict[str, object], expected_: bool) -> None:
    assert fires_by_itself(schedule(**more), FIRES) is expected_


def test_what_was_off_on_purpose() -> None:
    off = schedule(status="stopped", last=FIRES[0])
    assert was_on(off, truth(NOW, (off,)), ())
    assert not was_on(off, truth(NOW, (off,)), ["nightly"])
    other = Schedule("other", "o", "UTC", False, True, "running", last=FIRES[2])
    assert not was_on(off, truth(NOW, (off, other)), ())
    assert not was_on(schedule(status="stopped", last=NOW - 20 * DAY), truth(NOW, (off,)), ())
    assert not was_on(schedule(status="running", last=FIRES[0]), truth(NOW, (off,)), ())


@pytest.mark.parametrize(
    ("more", "cause", "said"),
    [
        ({"used": False}, "daemon", "no daemon has ever run here"),
        ({"beats": {"SCHEDULER": None}}, "daemon", "no heartbeat was ever heard"),
        ({"beats": dict.fromkeys(DAEMONS, NOW - 121)}, "daemon", "it is dead"),
        ({"beats": {"SCHEDULER": NOW - 600, "SENSOR": NOW - 5}}, "daemon", "SCHEDULER was not heard for 10 min"),
        (
            {"beats": dict.fromkeys(DAEMONS, NOW - 600), "processes": (Process(7, "dagster-daemon run", False, True),)},
            "daemon",
            "process 7 is there and is stopped by a signal",
        ),
        ({"beats": dict.fromkeys(DAEMONS, NOW + 7200)}, "daemon", "was heard 2 h from now: the clock was set back"),
        ({"errors": {"QUEUED_RUN_COORDINATOR": "no such host"}}, "error", "it lives, and fails: no such host"),
        ({"active": (run("queued", NOW - 1000),)}, "stuck", "is queued for 17 min"),
        ({"active": (run("queued", NOW - 7 * HOUR), run("started", NOW - 8 * HOUR))}, "stuck", "is queued for 7 h"),
        ({"assets": {"mart": Promise(36.0, NOW + DAY, "36 h")}}, "late", "materialized 24 h from now"),
        (
            {"runs": {"job": (Ran("a", "job", "failure", None, NOW - 9, NOW - 8, NOW - 7),)}},
            "run",
            "ended with failure",
        ),
        (
            {"assets": {"mart": Promise(36.0, NOW - 3 * DAY, "36 h")}},
            "late",
            "materialized 3 days ago, its SLA is 36 h",
        ),
        ({"assets": {"mart": Promise(36.0, None, "36 h")}}, "late", "never materialized"),
    ],
)
def test_every_sign(more: dict[str, Any], cause: str, said: str) -> None:
    (found,) = signs(truth(NOW, (), **more), {}, WATCH, DAGSTER)
    assert (found.cause, said in found.reason) == (cause, True), found.reason


def test_a_schedule_that_the_living_daemon_has_never_seen() -> None:
    unheard = schedule(status=None, started=None)
    (found,) = signs(truth(NOW, (unheard,)), {}, WATCH, DAGSTER)
    assert (found.cause, found.reason) == ("unknown", "it is on in the code, and no daemon has seen it")


def test_what_is_no_sign() -> None:
    busy = (run("queued", NOW - HOUR), run("started", NOW - 2 * HOUR))
    off, unheard = schedule(status=None, started=None, default=False), schedule(status=None, started=None)
    assert signs(truth(NOW, (off,), active=busy), {}, WATCH, DAGSTER) == []
    silent = signs(truth(NOW, (unheard,), age=600.0), {}, WATCH, DAGSTER)
    assert [sign.cause for sign in silent] == ["daemon"]  # which tells enough


@pytest.mark.parametrize(
    ("tags", "state"),
    [
        ({ASKED: datetime.fromtimestamp(FIRES[0], UTC).isoformat()}, "missing"),
        ({ASKED: datetime.fromtimestamp(FIRES[-1], UTC).isoformat()}, "done"),
        ({TO: f"{FIRES[0]:.0f}"}, "missing"),
        ({TO: f"{FIRES[-1]:.0f}"}, "done"),
        ({}, "done"),  # by hand: nobody knows for which fire
    ],
)
def test_the_run_of_an_earlier_fire_is_not_this_one_s_though_it_has_the_same_partition(
    tags: dict[str, str], state: str
) -> None:
    ran = Ran("a", "job", "success", "EU", FIRES[0] + 5, tags=tags)
    (work,) = works(schedule(), [Request(FIRES[-1], "job", "EU")], [ran])
    assert work.state == state


def test_the_last_tick_is_told_of_schedules_that_are_off_too() -> None:
    now = datetime(2026, 4, 18, 12, tzinfo=UTC).timestamp()
    off = Schedule("nightly", "job", "UTC", False, True, status="stopped", last=now - 6 * HOUR)
    never = Schedule("hourly", "job", "UTC", False, True, status="running")
    said = "the daemon was heard 20 s ago; 0 schedules on, 1 off, the last tick was 2026-04-18 06:00 UTC"
    assert summed_up(truth(now, (off,))) == said
    assert summed_up(truth(now, (never,))).endswith("1 schedule on, 0 off, none has ticked yet")


def test_code_may_be_new_for_as_long_as_a_fire_may_be_late(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "invoke.yaml", tmp_path, STACK.config)
    grace = WATCH.grace_minutes * 60
    assert _new(stack, ["nightly"], NOW, note=True) == {"nightly"}
    assert _new(stack, ["nightly", "other"], NOW + grace - 1, note=True) == {"nightly", "other"}
    assert _new(stack, ["nightly", "other"], NOW + grace + 1, note=False) == {"other"}
    assert _new(stack, [], NOW + grace + 2, note=True) == set()
    assert _new(stack, ["nightly"], NOW + grace + 3, note=False) == {"nightly"}  # seen by a daemon, and gone again
    (stack.home / "watch" / NEW).write_text("[1, {", encoding="utf-8")
    assert _new(stack, ["nightly"], NOW, note=False) == {"nightly"}
