"""The stack itself: loads, SQLMesh project and Dagster definitions."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from sandbox import run, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.errors import SandboxError
from sandbox.truth.tables import MARTS

LINEAGE = """
import json
from databox import lineage, transform
with transform.project() as context:
    models = {name: model for name, model in context.models.items() if not model.kind.is_external}
    def short(name): return '.'.join(part.strip('"') for part in name.split('.')[1:])
    def raw(name): return name.replace('"', '').replace('raw_', '').replace('.main.', '/').split('__')[0]
    found = {short(n): sorted(short(d) if d in models else raw(d) for d in m.depends_on) for n, m in models.items()}
    kinds = {short(n): m.kind.name.value for n, m in models.items()}
    audits = {short(n): len(m.audits_with_args) for n, m in models.items()}
print(json.dumps({"found": found, "told": {n: sorted(d) for n, d in lineage.MODELS.items()}, "kinds": kinds,
                  "audits": audits}))
"""
DEFINITIONS = """
import json
from databox.definitions import defs
repository = defs.get_repository_def()
graph = defs.resolve_asset_graph()
print(json.dumps({
    "jobs": sorted(job.name for job in repository.get_all_jobs()),
    "schedules": {s.name: s.default_status.value for s in repository.schedule_defs},
    "sensors": [s.name for s in repository.sensor_defs],
    "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
    "checks": sorted(key.asset_key.to_user_string() for key in graph.asset_check_keys),
    "blocking": all(graph.get(key).blocking for key in graph.asset_check_keys),
}))
"""
MATERIALIZE = """
import dagster, json
from databox.definitions import defs
job = defs.resolve_job_def("all_pipelines")
result = job.execute_in_process(instance=dagster.DagsterInstance.get(), raise_on_error=False)
checks = {e.asset_key.to_user_string(): [e.passed, e.description] for e in result.get_asset_check_evaluations()}
print("RESULT" + json.dumps({"success": result.success, "checks": checks}))
"""
DAY = """
import dagster
from databox.definitions import defs
job = defs.resolve_job_def("ebird_daily")
job.execute_in_process(instance=dagster.DagsterInstance.get(), partition_key="2026-04-15")
"""


def rows(folder: Path, catalog: str, statement: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(folder / "data" / f"{catalog}.duckdb"), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def test_dagster_knows_the_models_that_sqlmesh_has(pinned: Path) -> None:
    told = json.loads(run.python(pinned, "-c", LINEAGE).splitlines()[-1])
    assert told["told"] == {name: sorted(set(deps)) for name, deps in told["found"].items()}
    kinds = set(told["kinds"].values())
    assert kinds >= {"FULL", "VIEW", "INCREMENTAL_BY_TIME_RANGE", "INCREMENTAL_BY_UNIQUE_KEY", "SCD_TYPE_2_BY_COLUMN"}
    assert all(told["audits"][mart.name] for mart in MARTS), "every mart is audited"


def test_sqlmesh_unit_tests_pass(pinned: Path) -> None:
    code = (
        "from databox import transform\nwith transform.project() as context:\n    result = context.test()\n"
        "print(result.testsRun, result.wasSuccessful())"
    )
    assert run.python(pinned, "-c", code).splitlines()[-1] == "2 True"


def test_dagster_definitions(pinned: Path) -> None:
    told = json.loads(run.python(pinned, "-c", DEFINITIONS).splitlines()[-1])
    assert {"all_pipelines", "ebird_daily", "ebird_ingestion", "noaa_ingestion", "usgs_ingestion"} <= set(told["jobs"])
    running = {name for name, status in told["schedules"].items() if status == "RUNNING"}
    assert running == {"all_pipelines_schedule", "ebird_daily_schedule"}
    assert told["sensors"] == ["freshness_violation_sensor"]
    assert "ebird/observations" in told["assets"]
    assert told["checks"] == sorted(f"sqlmesh/{mart.name.replace('.', '/')}" for mart in MARTS)
    assert told["blocking"]


@pytest.mark.rehearsal
def test_dagster_runs_everything_and_its_checks_see_a_lost_view(pinned: Path) -> None:
    with duckdb.connect(str(pinned / "data" / "databox.duckdb")) as connection:
        connection.execute("DROP VIEW noaa.fct_daily_weather")
    with server.serve(pinned):
        told = run.python(pinned, "-c", MATERIALIZE)
    result = json.loads(told.partition("RESULT")[2])
    failed = {key for key, (passed, _) in result["checks"].items() if not passed}
    assert failed == {"sqlmesh/noaa/fct_daily_weather"}
    assert len(result["checks"]) == 8
    assert not result["success"]


def test_dagster_loads_one_day_as_a_partition(pinned: Path) -> None:
    loads = "SELECT count(*) FROM main._dlt_loads"
    before = rows(pinned, "raw_ebird", loads)
    with server.serve(pinned):
        run.python(pinned, "-c", DAY)
    assert rows(pinned, "raw_ebird", loads) != before
    touched = "SELECT DISTINCT observation_date::VARCHAR FROM main.observations WHERE _dlt_load_id = "
    assert rows(pinned, "raw_ebird", f"{touched}(SELECT max(load_id) FROM main._dlt_loads)") == [("2026-04-15",)]
    assert stacks.truth(pinned) == []


def fault(folder: Path, kind: str, source: str) -> None:
    state = states.read(folder)
    states.write(folder, states.with_fault(state, states.fault(kind, source, state.first, state.last)))


def test_ebird_swallows_an_outage(pinned: Path) -> None:
    fault(pinned, "error", "ebird")
    asked = {"DATABOX_EBIRD_DAYS_BACK": "3"}
    with server.serve(pinned):
        told = run.python(pinned, "-m", "databox.load", "ebird", more=asked)
    assert "observations" not in told
    assert stacks.truth(pinned) == []


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("noaa", {"DATABOX_NOAA_DAYS_BACK": "3"}),
        (
            "usgs",
            {
                "DLT_ALLOW_EXTERNAL_SCHEDULERS": "true",
                "DLT_INTERVAL_START": "2026-04-10T00:00:00Z",
                "DLT_INTERVAL_END": "2026-04-12T00:00:00Z",
            },
        ),
    ],
)
def test_the_others_fail_on_an_outage(pinned: Path, source: str, asked: dict[str, str]) -> None:
    fault(pinned, "error", source)
    with server.serve(pinned), pytest.raises(SandboxError, match=f"{source}: load failed: HTTPError: 500"):
        run.python(pinned, "-m", "databox.load", source, more=asked)


def test_usgs_loads_exactly_the_interval_it_is_asked_for(pinned: Path) -> None:
    with duckdb.connect(str(pinned / "data" / "raw_usgs.duckdb")) as connection:
        connection.execute("DELETE FROM main.daily_values WHERE datetime < '2026-04-01T00:00:00Z'")
    asked = {
        "DLT_ALLOW_EXTERNAL_SCHEDULERS": "true",
        "DLT_INTERVAL_START": "2026-03-20T00:00:00Z",
        "DLT_INTERVAL_END": "2026-03-23T00:00:00Z",
    }
    with server.serve(pinned):
        run.python(pinned, "-m", "databox.load", "usgs", more=asked)
    days = "SELECT DISTINCT (datetime AT TIME ZONE 'UTC')::DATE::VARCHAR FROM main.daily_values"
    found = rows(pinned, "raw_usgs", f"{days} WHERE datetime < '2026-04-01T00:00:00Z' ORDER BY 1")
    assert found == [("2026-03-20",), ("2026-03-21",), ("2026-03-22",)]


def test_noaa_loads_as_many_days_back_as_it_is_asked_for(pinned: Path) -> None:
    with server.serve(pinned):
        told = run.python(pinned, "-m", "databox.load", "noaa", more={"DATABOX_NOAA_DAYS_BACK": "3"})
    assert told.strip() in {f"noaa: daily_weather {count}" for count in range(9, 13)}


def test_smoke_caps_each_resource(pinned: Path) -> None:
    with server.serve(pinned):
        told = run.python(pinned, "-m", "databox.load", "ebird", more={"DATABOX_SMOKE": "1"})
    counts = dict(part.rsplit(" ", 1) for part in told.removeprefix("ebird: ").strip().split(", "))
    assert {counts[name] for name in ("observations", "checklists", "taxonomy")} == {"5"}


def test_a_stack_without_its_server_says_so(pinned: Path) -> None:
    with pytest.raises(SandboxError, match="no API server runs for this stack"):
        run.python(pinned, "-m", "databox.load", "noaa")
