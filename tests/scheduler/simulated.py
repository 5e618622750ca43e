"""A scheduler in memory: schedules, their runs, one moment of them, and what `ops.resume` would do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.scenarios import resume_diagnosis
from ops_tasks.scenarios.missed import Request
from ops_tasks.scenarios.resume_diagnosis import Asked
from ops_tasks.scenarios.resume_facts import Facts
from ops_tasks.scenarios.schedules import Promise, Ran, Schedule, Truth
from ops_tasks.sections import OpsSection
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

DAY = 86400.0
CONFIG = {"databases": {"raw": "raw.duckdb"}, "sqlmesh": {"project": "p"}, "dagster": {"module": "m"}}
STACK = Stack(Path("none/invoke.yaml"), Path("none"), OpsSection.model_validate(CONFIG))
DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
FIRES = tuple(NOW - DAY * days - 6 * 3600 for days in (3, 2, 1, 0))


def truth(now: float, schedules: tuple[Schedule, ...], age: float = 20.0, **more: Any) -> Truth:
    """One moment, well but for what `more` says."""
    told: dict[str, object] = {
        "now": now,
        "since": now - 14 * DAY,
        "used": True,
        "beats": dict.fromkeys(DAEMONS, now - age),
        "schedules": schedules,
        "runs": {},
        "active": (),
        "assets": {"mart": Promise(36.0, now - 3600.0, "36 h")},
        "processes": (),
    }
    return Truth(**(told | more))  # type: ignore[arg-type]


def schedule(**more: object) -> Schedule:
    """A nightly schedule that is on, whose four fires nobody has evaluated, but for what `more` says."""
    told: dict[str, object] = {"status": "running", "started": FIRES[0] - 9 * DAY, "expected": FIRES}
    fixed: dict[str, object] = {"name": "nightly", "job": "job", "zone": "UTC", "partitioned": False, "default": True}
    return Schedule(**(fixed | told | more))  # type: ignore[arg-type]


def run(status: str, created: float, partition: str | None = None) -> Ran:
    """One run of its job."""
    return Ran(f"{status}{created}", "job", status, partition, created)


def planned(monkeypatch: pytest.MonkeyPatch, schedules: tuple[Schedule, ...], asked: Asked, **more: Any) -> Facts:
    """What `ops.resume` would do about schedules whose fires are about a partition each."""

    def told(_stack: Stack, _hands: object, one: Schedule, fires: list[float]) -> list[Request]:
        return [Request(fire, one.job, str(FIRES.index(fire)) if one.partitioned else None) for fire in fires]

    monkeypatch.setattr(resume_diagnosis, "requests", told)
    seen = truth(NOW, schedules, age=NOW, **more)
    return resume_diagnosis.diagnose(STACK, Crew(Path("none")), seen, asked)
