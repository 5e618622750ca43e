"""What `ops.resume` would do, in memory: what comes by itself, what is filled, what a dead daemon has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_tasks.namespaces.resuming import afterwards
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios import resume_diagnosis
from ops_tasks.scenarios.missed import Work, comes
from ops_tasks.scenarios.resume import recover
from ops_tasks.scenarios.resume_diagnosis import Asked
from ops_tasks.scenarios.resume_facts import ALIVE, Facts, from_json, to_json
from ops_tasks.scenarios.schedules import Ran, Truth
from tests.conftest import bare_stack
from tests.scheduler.simulated import DAY, FIRES, NOW, STACK, planned, schedule

EVALUATED: dict[str, object] = {
    "ticks": dict.fromkeys(FIRES, "success"),
    "last": FIRES[-1],
    "first": FIRES[0],
    "partitioned": True,
}


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        (Asked(), ["0", "1", "2"]),
        (Asked(until=FIRES[2]), ["0", "1", "2"]),
        (Asked(until=FIRES[1]), ["0", "1"]),
        (Asked(since=FIRES[1], until=FIRES[1] + 1), ["1"]),
        (Asked(since=FIRES[-1] + 1), []),
    ],
)
def test_the_newest_fire_comes_by_itself_whatever_window_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: Asked, filled: list[str]
) -> None:
    found = planned(monkeypatch, (schedule(partitioned=True),), asked)
    assert [work.partition for work in found.fires] == ["3"]
    assert [work.partition for work in found.works] == filled
    inside = (asked.since or 0) <= FIRES[-1] <= (asked.until or NOW)
    assert ["was not asked for" in note for note in found.notes] == ([] if inside else [True])


def test_a_window_of_a_job_without_partitions_ends_with_the_newest_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    found = planned(monkeypatch, (schedule(),), Asked(until=FIRES[1]))
    assert [(work.fires, work.count) for work in found.fires] == [((FIRES[0], FIRES[-1]), 3)]
    assert found.works == ()


@pytest.mark.parametrize("state", ["missing", "running", "failed", "done"])
def test_what_was_run_by_hand_is_fired_all_the_same(state: str) -> None:
    work = Work("nightly", "job", "3", {}, {}, (FIRES[-1], FIRES[-1]), 1, state)
    assert comes(work, FIRES[-1])
    assert not comes(work, FIRES[-2])
    assert not comes(work, None)


def test_a_schedule_that_is_on_and_to_be_kept_off_is_turned_off_before_the_daemon_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = schedule(name="other", job="other")
    found = planned(monkeypatch, (schedule(), other), Asked(keep_off=("nightly",)))
    assert (found.off, {work.schedule for work in found.runs}) == (("nightly",), {"other"})
    steps = [step.name for step in recover(STACK, from_json(to_json(found))).steps]
    assert steps.index("off nightly") < steps.index("daemon")
    off = planned(monkeypatch, (schedule(status="stopped"), other), Asked(keep_off=("nightly",)))
    assert (off.off, off.on) == ((), ())


def left(status: str, fire: int = 3) -> Ran:
    """The run that the daemon has made of a fire, and has not ended."""
    tags = {"dagster/schedule_name": "nightly"}
    return Ran("R", "job", status, str(fire), FIRES[fire] + 5, None, None, tags)


def steps(found: Facts) -> list[str]:
    return [step.name for step in recover(STACK, from_json(to_json(found))).steps]


def died(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run that says it goes on is dead."""

    def dead(_stack: object, _hands: object, seen: Truth) -> list[str]:
        return [run.id for run in seen.active]

    monkeypatch.setattr(resume_diagnosis, "_dead", dead)


@pytest.mark.parametrize("fire", [0, 3])
def test_a_run_of_an_evaluated_fire_that_died_is_made_once_more(monkeypatch: pytest.MonkeyPatch, fire: int) -> None:
    died(monkeypatch)
    run = left("started", fire)
    one = schedule(**EVALUATED, open=frozenset({FIRES[fire]}))
    found = planned(monkeypatch, (one,), Asked(), runs={"job": (run,)}, active=(run,))
    assert [(work.partition, work.state, work.run) for work in found.works] == [(str(fire), "running", "R")]
    assert (found.dead, found.queued) == (("R",), ())
    made = steps(found)
    assert made[:4] == ["snapshot", "dead R", "daemon", f"fill job {fire}"]
    assert "freshness" in made


def test_a_run_of_an_evaluated_fire_that_is_queued_is_seen_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    run = left("queued")
    one = schedule(**EVALUATED, open=frozenset({FIRES[3]}))
    found = planned(monkeypatch, (one,), Asked(), runs={"job": (run,)}, active=(run,))
    assert ([work.run for work in found.works], found.queued) == (["R"], ())
    outside = planned(monkeypatch, (one,), Asked(until=FIRES[2]), runs={"job": (run,)}, active=(run,))
    assert (outside.works, outside.queued) == ((), ("R",))


def test_a_run_that_was_made_and_never_queued_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    run = left("not_started")
    one = schedule(**EVALUATED, open=frozenset({FIRES[3]}))
    found = planned(monkeypatch, (one,), Asked(), runs={"job": (run,)}, active=(run,))
    assert [(work.partition, work.state, work.run) for work in found.works] == [("3", "missing", None)]


def test_beside_a_living_daemon_what_died_is_made_once_more_and_what_is_queued_is_its_business(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    def lives(*_: object) -> bool:
        return True

    monkeypatch.setattr(resume_diagnosis, "lives", lives)
    one = schedule(**EVALUATED, open=frozenset({FIRES[1]}))
    waits = left("queued", 1)
    idle = planned(monkeypatch, (one,), Asked(), runs={"job": (waits,)}, active=(waits,))
    assert idle.idle
    died(monkeypatch)
    run = left("started", 1)
    found = planned(monkeypatch, (one,), Asked(), runs={"job": (run,)}, active=(run,))
    assert (found.daemon, found.dead, [work.partition for work in found.works]) == ("alive", ("R",), ["1"])


def test_a_run_by_hand_is_waited_for_beside_the_fire_that_comes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Ran("R", "job", "queued", None, FIRES[-1] + 5)
    found = planned(monkeypatch, (schedule(),), Asked(), runs={"job": (run,)}, active=(run,))
    assert ([work.fires[1] for work in found.fires], found.works, found.queued) == ([FIRES[-1]], (), ("R",))


def test_a_fire_older_than_the_window_comes_as_well_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rare = schedule(expected=(), older=NOW - 20 * DAY, started=NOW - 90 * DAY, last=NOW - 50 * DAY)
    found = planned(monkeypatch, (rare,), Asked())
    assert [work.fires for work in found.fires] == [(NOW - 20 * DAY, NOW - 20 * DAY)]
    assert "was not asked for" in found.notes[0]
    seen = schedule(expected=(), older=None, started=NOW - 90 * DAY, last=NOW - 20 * DAY)
    assert planned(monkeypatch, (seen,), Asked()).fires == ()


@pytest.mark.parametrize("task", ["ops.resume", "ops.backfill"])
def test_a_retry_tells_of_what_failed_in_the_queue(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], task: str
) -> None:
    stack = bare_stack(tmp_path, "ops:\n  databases: {raw: raw.duckdb}\n  sqlmesh: {project: project}\n")
    facts = to_json(Facts("abc123", "kept", FIRES[0], NOW, ALIVE, queued=("R",)))
    journal = Journal(operations(stack.home) / "abc123")
    journal.append("planned", task=task, arguments=facts)
    journal.append("done", "queued", runs=["R"], failed=["run R of job ended with failure"])
    journal.append("succeeded")
    done = Document("ops.retry", "ok", "abc123")
    told = afterwards(stack, task, facts, done, Terminal(json=False))
    if task == "ops.backfill":
        assert told is done
    else:
        assert (told.task, told.code, told.operation) == ("ops.retry", 1, "abc123")
        assert told.findings == [{"reason": "run R of job ended with failure", "way_out": "invoke ops.doctor"}]
        assert "run R of job ended with failure" in capfd.readouterr().out
