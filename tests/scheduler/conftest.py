"""A stack whose real daemon was killed, and that stood still for days: what Dagster has stored is moved back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.stack import find
from ops_tasks.systems import daemon
from sandbox import run, scheduler, stacks
from sandbox.api import state as states
from sandbox.api.server import serve
from tests.conftest import Sandbox

DAYS = 3
ENDED = """
import sys, time
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    until = time.time() + 120
    while not all(run.is_finished for run in instance.get_runs()):
        assert time.time() < until, "a run does not end"
        time.sleep(0.1)
    assert all(run.is_success for run in instance.get_runs())
"""
TICKED = """
import sys
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType, TickData, TickStatus
ticks, stopped = __import__("json").loads(sys.argv[1]), sys.argv[2:]
with DagsterInstance.get() as instance:
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        for at in ticks.get(state.instigator_name, []):
            instance.create_tick(TickData(
                instigator_origin_id=state.instigator_origin_id, instigator_name=state.instigator_name,
                instigator_type=InstigatorType.SCHEDULE, status=TickStatus.SUCCESS, timestamp=at,
                selector_id=state.selector_id, run_ids=[]))
        if state.instigator_name in stopped:
            instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
"""
RUNS = """
import json
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    runs = instance.get_runs()
    print(json.dumps([[run.job_name, run.tags.get("dagster/partition"), run.status.value] for run in runs]))
"""


@dataclass(frozen=True)
class Outage(Sandbox):
    """A stack whose daemon died `DAYS` days ago, with the questions that its tests ask."""

    def runs(self) -> list[tuple[str, str | None, str]]:
        """Job, partition and status of every run that Dagster knows."""
        told: list[list[Any]] = json.loads(run.python(self.folder, "-c", RUNS))
        return sorted((str(job), partition, str(status)) for job, partition, status in told)

    def made(self, job: str) -> list[str | None]:
        """The partitions of the good runs of a job."""
        return [partition for name, partition, status in self.runs() if name == job and status == "SUCCESS"]

    def ticked(self, ticks: dict[str, list[float]], *stopped: str) -> None:
        """Write ticks into the storage by Dagster's own API, and turn schedules off."""
        run.python(self.folder, "-c", TICKED, json.dumps(ticks), *stopped)

    def fires(self, hour: int) -> list[float]:
        """The daily fires of that hour that were missed."""
        now = datetime.now(UTC)
        day, found = (now - timedelta(days=DAYS)), list[float]()
        while day <= now:
            fire = day.replace(hour=hour, minute=0, second=0, microsecond=0)
            if now - timedelta(days=DAYS) <= fire <= now:
                found.append(fire.timestamp())
            day += timedelta(days=1)
        return found

    def stored(self) -> dict[str, list[Any]]:
        """Everything in Dagster's own storage."""
        found: dict[str, list[Any]] = {}
        for file in sorted((self.folder / ".dagster").rglob("*.db")):
            with sqlite3.connect(file) as connection:
                tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
                for (table,) in tables:
                    found[f"{file.name} {table}"] = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            connection.close()
        return found

    def configured(self, old: str, new: str) -> None:
        """Replace something in the configuration."""
        file = self.folder / "invoke.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def stood_still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in the past, served by a real daemon, whose one run is good; then it was killed, and days went by."""
    folder = tmp_path_factory.mktemp("outage") / "stack"
    today = datetime.now(UTC).date()
    early = today - timedelta(days=DAYS)
    stacks.up(folder, days=30, today=early, serve=False, validate=False)
    with serve(folder):
        process = scheduler.start(folder)
        try:
            run.python(folder, "-m", "dagster", "job", "launch", "-w", "workspace.yaml", "-j", "all_pipelines")
            run.python(folder, "-c", ENDED)
        finally:
            scheduler.kill(process)
            scheduler.stop_all(folder)
    scheduler.shift(folder, timedelta(days=DAYS))
    states.write(folder, states.State(today, states.read(folder).days + DAYS))
    for name in ("databox.toml", "invoke.yaml"):
        file = folder / name
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join(line for line in lines if str(early) not in line), encoding="utf-8")
    return folder


@pytest.fixture
def outage(stood_still: Path, tmp_path: Path) -> Iterator[Outage]:
    """A copy of the test's own; whatever daemon it starts is ended."""
    folder = stacks.copy(stood_still, tmp_path / "stack")
    with serve(folder):
        try:
            yield Outage(folder)
        finally:
            daemon.stop(find(folder).home)
            scheduler.stop_all(folder)
