"""SQLMesh's state taken back to an instant of another clock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.systems.crew import Crew

CONFIG = """
from pathlib import Path
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig

HERE = Path(__file__).parent
config = Config(
    gateways={
        "here": GatewayConfig(
            connection=DuckDBConnectionConfig(database=str(HERE / "house.duckdb")),
            state_connection=DuckDBConnectionConfig(database=str(HERE / "state.duckdb")),
        )
    },
    default_gateway="here",
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
    disable_anonymized_analytics=True,
)
"""
DAILY = """
MODEL (name mart.{name}, kind INCREMENTAL_BY_TIME_RANGE (time_column day));
SELECT day::DATE AS day FROM (SELECT DATE '2026-01-01' + i::INT AS day FROM range(3) x(i))
WHERE day BETWEEN @start_date AND @end_date
"""
KEPT = """
MODEL (name mart.kept, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [n]));
SELECT 1::INT AS id, 2::INT AS n
"""
PLAN = """
from sqlmesh import Context
context = Context(paths=[{project!r}])
context.plan(auto_apply=True, no_prompts=True, execution_time="2026-01-04")
context.close()
"""
SNAPSHOT = datetime(2026, 1, 4, 12, tzinfo=UTC)
LONG_BEFORE, SECONDS_BEFORE = SNAPSHOT - timedelta(hours=1), SNAPSHOT - timedelta(seconds=20)


class Project:
    """A project of three days, and its log of intervals."""

    def __init__(self, folder: Path) -> None:
        """Deploy it."""
        self.folder = folder
        (folder / "models").mkdir(parents=True)
        (folder / "config.py").write_text(CONFIG)
        for name in ("daily", "other"):
            (folder / "models" / f"{name}.sql").write_text(DAILY.format(name=name))
        (folder / "models" / "kept.sql").write_text(KEPT)
        subprocess.run(
            [sys.executable, "-c", PLAN.format(project=str(folder))], check=True, capture_output=True, timeout=90
        )

    def write(self, model: str, *lines: tuple[str, str, datetime, bool]) -> None:
        """The log of a model: first day, day after the last, when that was written, whether it was a removal."""
        with duckdb.connect(self.folder / "state.duckdb") as connection:
            connection.execute("USE sqlmesh")
            row = f"name LIKE '%{model}%' AND NOT is_dev"
            connection.execute(f"CREATE TEMP TABLE one AS FROM _intervals WHERE {row} LIMIT 1")
            connection.execute(f"DELETE FROM _intervals WHERE {row}")
            for number, (first, end, at, removed) in enumerate(lines):
                connection.execute(
                    "INSERT INTO _intervals SELECT * REPLACE (? AS id, epoch_ms(?::TIMESTAMP) AS start_ts, "
                    "epoch_ms(?::TIMESTAMP) AS end_ts, ?::BIGINT AS created_ts, ?::BOOLEAN AS is_removed) FROM one",
                    [f"{model}{number}", first, end, round(at.timestamp() * 1000), removed],
                )

    def log(self, model: str) -> list[Any]:
        """How many lines it has."""
        with duckdb.connect(self.folder / "state.duckdb") as connection:
            return connection.execute(
                "SELECT start_ts, end_ts, is_removed FROM sqlmesh._intervals WHERE name LIKE ? ORDER BY ALL",
                [f"%{model}%"],
            ).fetchall()

    def rewind(self, margin: int, *, write: bool = False) -> dict[str, Any]:
        """Go back to the snapshot's instant."""
        with Crew(self.folder) as hands:
            return hands.call(
                "sqlmesh_checks",
                "sqlmesh_rewind:rewind",
                project=str(self.folder),
                gateway=None,
                until=SNAPSHOT.isoformat(),
                margin=margin,
                write=write,
            )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Deployed once; the tests write the log."""
    yield Project(tmp_path_factory.mktemp("rewind") / "project")


def test_what_a_clock_that_is_behind_wrote_is_computed_again(project: Project) -> None:
    """The last day came after the marts' snapshot; the machine that computed it says that it came before."""
    for model in ("daily", "other"):
        project.write(
            model,
            ("2026-01-01", "2026-01-03", LONG_BEFORE, False),
            ("2026-01-03", "2026-01-04", SECONDS_BEFORE if model == "daily" else LONG_BEFORE, False),
        )
    project.write("kept", ("2026-01-01", "2026-01-04", LONG_BEFORE, False))
    assert project.rewind(0)["ahead"] == {"prod": {}}
    assert project.rewind(300)["ahead"] == {"prod": {"mart.daily": "2026-01-03T00:00:00+00:00"}}


def test_a_history_that_was_just_claimed_is_not_emptied(project: Project) -> None:
    """A state begun a moment before claims all of it at once; SQLMesh empties a table of which nothing is claimed."""
    for model in ("daily", "other", "kept"):
        project.write(model, ("2026-01-01", "2026-01-04", SECONDS_BEFORE, False))
    told = project.rewind(300)
    assert told["ahead"]["prod"] == {
        "mart.daily": "2026-01-01T00:00:00+00:00",
        "mart.other": "2026-01-01T00:00:00+00:00",
        "mart.kept": "2026-01-03T00:00:00+00:00",
    }
    assert told["claimed"] == "2026-01-03T00:00:00+00:00"


def test_what_was_taken_out_meanwhile_stays_out(project: Project) -> None:
    for model in ("daily", "kept"):
        project.write(model, ("2026-01-01", "2026-01-04", LONG_BEFORE, False))
    project.write(
        "other",
        ("2026-01-01", "2026-01-04", LONG_BEFORE, False),
        ("2026-01-02", "2026-01-03", SECONDS_BEFORE, True),
    )
    before = project.log("other")
    assert project.rewind(300, write=True)["ahead"] == {"prod": {}}
    assert project.log("other") == before
