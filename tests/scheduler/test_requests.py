"""What a schedule would have asked for, as its own function says it, against what the daemon would have made of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

CODE = """
import dagster as dg

@dg.op
def work(): ...

@dg.job
def loads():
    work()

@dg.job
def other():
    work()

@dg.schedule(cron_schedule="0 6 * * *", job=loads)
def elsewhere():
    return dg.RunRequest(job_name="other", run_key="a", tags={"of": "mine"})

@dg.schedule(cron_schedule="0 6 * * *", job=loads)
def twice():
    return [dg.RunRequest(run_key="a"), dg.RunRequest(run_key="b", run_config={"loggers": {"console": {}}})]

@dg.schedule(cron_schedule="0 6 * * *", job=loads)
def nothing():
    return dg.SkipReason("a holiday")

@dg.schedule(cron_schedule="30 0 * * *", job=loads, execution_timezone="Europe/Berlin")
def early(context):
    return dg.RunRequest(tags={"at": f"{context.scheduled_execution_time:%Y-%m-%d %H:%M}"})

defs = dg.Definitions(jobs=[loads, other], schedules=[elsewhere, twice, nothing, early])
"""
ASK = """
import json, sys
from ops_tasks.systems.dagster_worker import requests
print(json.dumps(requests("code_of_mine", sys.argv[1], sys.argv[2], [float(sys.argv[3])])))
"""
FIRE = 1_780_000_000.0


def asked(folder: Path, schedule: str, fire: float = FIRE) -> list[dict[str, Any]]:
    (folder / "code_of_mine.py").write_text(CODE, encoding="utf-8")
    words = [sys.executable, "-c", ASK, folder, schedule, str(fire)]
    env = {**os.environ, "DAGSTER_HOME": str(folder), "PYTHONPATH": str(folder)}
    told = subprocess.run(words, check=True, capture_output=True, text=True, env=env, cwd=folder).stdout
    found: list[dict[str, Any]] = json.loads(told.splitlines()[-1])
    return found


def test_a_daemon_runs_the_job_of_the_schedule_whatever_a_request_names(tmp_path: Path) -> None:
    (one,) = asked(tmp_path, "elsewhere")
    assert (one["job"], one["fire"]) == ("loads", FIRE)
    assert one["tags"]["of"] == "mine"


@pytest.mark.parametrize("day", ["2026-07-15", "2026-01-15", "2026-03-29", "2026-10-25"])
def test_a_schedule_is_asked_in_its_own_zone_as_by_the_daemon(tmp_path: Path, day: str) -> None:
    local = f"{day} 00:30"
    fire = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    (one,) = asked(tmp_path, "early", fire)
    assert (one["fire"], one["tags"]["at"]) == (fire, local)


def test_every_request_of_a_fire_and_a_reason_for_none(tmp_path: Path) -> None:
    assert [bool(one["config"]) for one in asked(tmp_path, "twice")] == [False, True]
    assert asked(tmp_path, "nothing") == [{"fire": FIRE, "skipped": "a holiday"}]
