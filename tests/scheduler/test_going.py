"""Runs that say they go on: whether their process is there and theirs, and their end, on a real storage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from ops_tasks.errors import StepFailed
from ops_tasks.systems import dagster_processes, dagster_worker
from ops_tasks.systems import dagster_runs_worker as worker

WAITS = "import sys; print('there', flush=True); sys.stdin.read()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WAITS!r}], stdin=sys.stdin)
print(child.pid, flush=True)
child.wait()
"""


NIGHTLY = dg.JobDefinition(name="nightly", graph_def=dg.GraphDefinition(name="nightly"))
SCHEDULE = RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), "nightly")
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), "nightly")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The storage of a DAGSTER_HOME of its own; the worker's functions find it there too."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    worker.let_go()
    with DagsterInstance.get() as found:
        yield found
    worker.let_go()


@pytest.fixture
def others() -> Iterator[ExitStack]:
    """Processes of the test's own, ended at its end."""
    with ExitStack() as stack:
        yield stack


def process(others: ExitStack, code: str, home: str) -> tuple[subprocess.Popen[str], str]:
    """A process with that DAGSTER_HOME, and the first line that it said."""
    words = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    started = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env={**os.environ, "DAGSTER_HOME": home})
    others.callback(started.__exit__, None, None, None)
    others.callback(started.kill)
    assert started.stdout is not None
    return started, started.stdout.readline()


def made(instance: DagsterInstance, status: DagsterRunStatus, pid: int | None = None, **tags: str) -> DagsterRun:
    """A run in the storage, which has named its process."""
    told = {f"ops/{name}": value for name, value in tags.items() if name != "schedule"}
    told |= {"dagster/schedule_name": tags["schedule"]} if "schedule" in tags else {}
    run = instance.create_run_for_job(NIGHTLY, status=status, tags=told, remote_job_origin=ORIGIN)
    if pid is not None:
        instance.report_engine_event(f"Started process for run (pid: {pid}).", run)
    return run


def status(instance: DagsterInstance, run: DagsterRun) -> str:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status.value


def turned_on(instance: DagsterInstance, cron: str, at: float) -> None:
    """The schedule is on since then, and nobody has looked at its fires."""
    data = ScheduleInstigatorData(cron, at)
    status = InstigatorStatus.RUNNING
    instance.add_instigator_state(InstigatorState(SCHEDULE, InstigatorType.SCHEDULE, status, data))


def ticked(instance: DagsterInstance, fire: float, status: TickStatus, failures: int) -> None:
    """A tick of the schedule."""
    kind = InstigatorType.SCHEDULE
    error = SerializableErrorInfo("no answer", [], None) if status == TickStatus.FAILURE else None
    runs: list[str] | None = [] if status == TickStatus.SUCCESS else None
    instance.create_tick(
        TickData(SCHEDULE.get_id(), "nightly", kind, status, fire, run_ids=runs, failure_count=failures, error=error)
    )


def heard(instance: DagsterInstance) -> None:
    """A daemon that was heard just now, and will have been for a while."""
    beat = DaemonHeartbeat(time.time() + 60, "SCHEDULER", "d", [])
    instance.add_daemon_heartbeat(beat)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The clock goes on by so much, all at once."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


STARTED, STARTING, QUEUED = DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.QUEUED


def test_a_run_is_there_by_its_own_process_only(instance: DagsterInstance, others: ExitStack) -> None:
    mine, _ = process(others, WAITS, instance.root_directory)
    stranger, _ = process(others, WAITS, "/nowhere")
    ended, _ = process(others, "print()", instance.root_directory)
    ended.wait(20)
    there = made(instance, STARTED, mine.pid)
    numbers = [1, stranger.pid, ended.pid]
    gone = [made(instance, STARTED, pid).run_id for pid in numbers]
    assert worker.gone([there.run_id, *gone]) == gone
    assert [one["pid"] for one in worker.going()] == [mine.pid]


def test_a_process_of_this_home_that_came_after_the_run_named_its_own_is_not_it(
    instance: DagsterInstance, others: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, _ = process(others, WAITS, instance.root_directory)
    with monkeypatch.context() as past:
        later(past, -3600)
        run = made(instance, STARTED, came.pid)
    assert worker.gone([run.run_id]) == [run.run_id]


def test_the_process_of_a_step_is_not_the_run_s(instance: DagsterInstance, others: ExitStack) -> None:
    mine, _ = process(others, WAITS, instance.root_directory)
    run = made(instance, STARTED, mine.pid)
    instance.report_engine_event("Executing step nothing in subprocess (pid: 999999999).", run)
    assert worker.gone([run.run_id]) == []


def test_a_run_that_never_named_a_process_is_waited_for_as_long_as_a_start_may_take(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(instance, STARTING)
    assert worker.gone([run.run_id]) == []
    later(monkeypatch, 181)
    assert worker.gone([run.run_id]) == [run.run_id]


@pytest.mark.parametrize("begun", [STARTED, STARTING])
def test_nobody_waits_for_a_run_whose_process_is_gone(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, begun: DagsterRunStatus
) -> None:
    monkeypatch.setattr(worker, "LOOK", 0.0)
    run = made(instance, begun, 999999999)
    never = made(instance, DagsterRunStatus.NOT_STARTED)
    worker.quiet()
    assert (status(instance, run), status(instance, never)) == ("FAILURE", "NOT_STARTED")


def test_a_run_that_was_deleted_is_at_its_end(instance: DagsterInstance) -> None:
    run = made(instance, QUEUED)
    instance.delete_run(run.run_id)
    worker.tag(run.run_id, {"ops/work": "x"})
    assert worker.wait(run.run_id)["status"] == "deleted"


def test_a_queue_that_lets_a_run_stand_is_not_waited_for_for_ever(
    instance: DagsterInstance, others: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK", 0.0)
    monkeypatch.setattr(worker, "QUEUED_SECONDS", 1.0)
    heard(instance)
    run = made(instance, QUEUED)
    with pytest.raises(StepFailed, match="is queued for 0 min, and no run goes on"):
        worker.wait(run.run_id)
    mine, _ = process(others, WAITS, instance.root_directory)
    made(instance, STARTED, mine.pid)
    began = time.monotonic()
    threading.Timer(3.0, lambda: instance.report_run_canceled(run)).start()
    assert worker.wait(run.run_id)["status"] == "canceled"
    assert time.monotonic() - began > 2


def test_a_fire_before_the_window_is_seen_where_the_daemon_would_still_evaluate_it(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_worker, "_kept", [instance])
    at = [datetime(2026, *day, tzinfo=UTC).timestamp() for day in ((9, 20), (11, 1), (11, 6), (11, 20))]
    begun, fire, since, until = at
    turned_on(instance, "0 0 1 * *", begun)
    monthly = dagster_worker.Declared(
        name="nightly", job="job", crons=["0 0 1 * *"], zone="UTC", running=True, partitioned=False
    )
    declared = dagster_worker.Code(schedules=[monthly], assets={})
    seen = dagster_worker.storage(declared, since, until)["schedules"]["nightly"]
    assert (seen["expected"], seen["older"]) == ([], fire)
    ticked(instance, fire, TickStatus.SUCCESS, 0)
    assert dagster_worker.storage(declared, since, until)["schedules"]["nightly"]["older"] is None


def test_a_tick_that_is_evaluated_once_more_has_not_failed(instance: DagsterInstance) -> None:
    turned_on(instance, "0 6 * * *", 0.0)
    fires = {100.0: (TickStatus.FAILURE, 0), 200.0: (TickStatus.FAILURE, 1), 300.0: (TickStatus.STARTED, 0)}
    for fire, (status, failures) in fires.items():
        ticked(instance, fire, status, failures)
    seen = [worker.ticked("nightly", fire, None, {})["status"] for fire in fires]
    assert seen == ["started", "failure", "started"]


def test_what_goes_on_is_waited_for_while_the_daemon_is_heard_only(
    instance: DagsterInstance, others: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK", 0.0)
    mine, _ = process(others, WAITS, instance.root_directory)
    run = made(instance, STARTED, mine.pid)
    with pytest.raises(StepFailed, match="the daemon is silent"):
        worker.wait(run.run_id)
    assert status(instance, run) == "STARTED"


def test_the_end_of_an_operation_s_runs_is_the_end_of_their_processes(
    instance: DagsterInstance, others: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_processes, "GRACE", 2.0)
    parent, line = process(others, PARENT, instance.root_directory)
    child = int(line)
    stubborn, _ = process(
        others,
        f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}",
        instance.root_directory,
    )
    bystander, _ = process(others, WAITS, instance.root_directory)
    mine = [
        made(instance, STARTED, parent.pid, operation="abc123"),
        made(instance, DagsterRunStatus.CANCELING, stubborn.pid, operation="abc123"),
        made(instance, STARTING, operation="abc123"),
        made(instance, QUEUED, operation="abc123"),
        made(instance, QUEUED, schedule="nightly_schedule"),
    ]
    other = made(instance, STARTED, bystander.pid)
    assert [one["id"] for one in worker.others("abc123", fired=True)] == [other.run_id]
    ended = worker.end("abc123", fired=True)
    assert set(ended) == {run.run_id for run in mine}
    assert [status(instance, run) for run in mine] == ["CANCELED"] * len(mine)
    assert status(instance, other) == "STARTED"
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert parent.wait(20) == -signal.SIGTERM
    assert stubborn.wait(20) == -signal.SIGKILL
    assert bystander.poll() is None
    last = instance.get_run_by_id(mine[-1].run_id)
    assert last is not None
    assert last.tags["ops/operation"] == "abc123"


def test_what_a_schedule_asked_for_is_left_alone_beside_a_daemon_of_somebody_else(instance: DagsterInstance) -> None:
    run = made(instance, QUEUED, schedule="nightly_schedule")
    assert worker.end("abc123", fired=False) == []
    assert status(instance, run) == "QUEUED"
