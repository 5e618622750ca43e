"""A resumption that is killed while a real daemon works for it: its rollback ends what writes, its retry goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from ops_tasks.stack import find
from ops_tasks.systems import daemon
from sandbox import account, scheduler
from sandbox.api import state as states
from tests.conftest import ROOT, Sandbox
from tests.scheduler.conftest import DAYS, Outage

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(900)]


def partitions(outage: Outage) -> list[str]:
    """The days that the missed fires of `ebird_daily_schedule` (05:00) are about: each the day before."""
    return [str((datetime.fromtimestamp(fire, UTC) - timedelta(days=1)).date()) for fire in outage.fires(5)]


def workers(stack: Sandbox) -> list[list[str]]:
    """The command lines of every process that works for the stack's DAGSTER_HOME."""
    home, found = str((stack.folder / ".dagster").resolve()), list[list[str]]()
    for process in psutil.process_iter():
        try:
            if process.environ().get("DAGSTER_HOME") == home and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except (psutil.Error, OSError):
            continue
    return found


def killed_when(stack: Sandbox, ready: Callable[[], object], *words: str) -> dict[str, Any]:
    """Run a task, kill it with SIGKILL as soon as something is so; returns the operation that it leaves."""
    command = [sys.executable, "-m", "invoke", *words, f"--stack={stack.folder}", "--json"]
    environment = os.environ | account.environment(stack.folder)
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere) as task:
        until = time.monotonic() + 180
        while not ready():
            assert task.poll() is None, "it ended before"
            assert time.monotonic() < until, "it did not come"
            time.sleep(0.05)
        task.kill()
    return stack.last_operation()


def plan(outage: Outage, *words: str) -> dict[str, Any]:
    return outage.invoke("ops.resume", "--plan", *words).document["plan"]


def test_a_rollback_ends_the_run_that_writes_and_what_it_took_back_is_missing_again(outage: Outage) -> None:
    before, wanted = outage.hashes(), plan(outage)
    outage.fault("slow", "ebird", states.read(outage.folder).today - timedelta(days=60), outage.today, 20)

    def loading() -> bool:
        return any("databox.load" in words for words in workers(outage))

    stopped = killed_when(outage, loading, "ops.resume", "--yes")
    assert stopped["status"] == "stopped"
    assert loading()
    undone = outage.invoke("ops.rollback", stopped["operation"], "--yes", "--discard-later-changes")
    assert undone.code == 0, undone.err
    assert outage.hashes() == before
    assert workers(outage) == []
    assert {status for _, _, status in outage.runs()} <= {"SUCCESS", "CANCELED", "FAILURE"}
    outage.heal()

    again = plan(outage)
    assert again["daemon"] == "start"
    runs = [{(work["job"], work["partition"]) for work in (*one["fires"], *one["works"])} for one in (wanted, again)]
    assert runs[0] == runs[1]
    resumed = outage.invoke("ops.resume", "--yes")
    assert resumed.code == 0, resumed.err
    assert outage.differences() == []

    back = outage.invoke("ops.rollback", resumed.document["operation"], "--yes", "--discard-later-changes")
    assert back.code == 0, back.err
    assert outage.hashes() == before
    once_more = plan(outage)
    assert once_more["daemon"] == "start"
    assert {(work["job"], work["partition"]) for work in (*once_more["fires"], *once_more["works"])} == runs[0]
    assert outage.invoke("ops.doctor").document["verdict"]["incident"] == 4


def test_killed_inside_the_start_of_the_daemon_no_daemon_is_left(sandbox: Sandbox) -> None:
    before, home = sandbox.hashes(), find(sandbox.folder).home
    try:
        stopped = killed_when(sandbox, lambda: daemon.kept(home) is not None, "ops.resume", "--yes")
        assert (stopped["status"], stopped["step"]) == ("stopped", "daemon")
        undone = sandbox.invoke("ops.rollback", stopped["operation"], "--yes", "--discard-later-changes")
        assert undone.code == 0, undone.err
        assert daemon.keepers(home) == []
        assert workers(sandbox) == []
        assert sandbox.hashes() == before
    finally:
        daemon.stop(home, family=True)
        scheduler.stop_all(sandbox.folder)


def test_a_daemon_that_died_a_moment_ago_is_started_and_by_a_retry_as_well(outage: Outage) -> None:
    hours = {"all_pipelines_schedule": 6, "ebird_daily_schedule": 5}
    outage.ticked({name: outage.fires(hour)[-1:] for name, hour in hours.items()})
    process = scheduler.start(outage.folder)
    since = f"--since={states.read(outage.folder).today - timedelta(days=DAYS)}"
    living = plan(outage, since)
    assert living["daemon"] == "alive"
    first = living["works"][0]
    outage.killed("started", f"fill {first['job']} {first['partition'] or 'once'}", "ops.resume", since, "--yes")
    stopped = outage.last_operation()
    assert stopped["status"] == "stopped", stopped
    scheduler.kill(process)
    retried = outage.invoke("ops.retry", stopped["operation"], "--yes")
    assert retried.code == 0, retried.err
    home = find(outage.folder).home
    assert daemon.kept(home) is not None

    (keeper,) = daemon.keepers(home)
    keeper.kill()
    scheduler.stop_all(outage.folder)
    assert plan(outage)["daemon"] == "start"
