"""Dagster from its own command line, a sensor that can warn, and checks that do not take a locked file for a pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sandbox import run
from sandbox.api import server

SENSOR = """
import json
import dagster as dg
from databox.definitions import defs, model_key
from databox.lineage import FRESHNESS

repository = defs.get_repository_def()
sensor = repository.get_sensor_def("freshness_violation_sensor")
with dg.DagsterInstance.ephemeral() as instance:
    def said():
        return sensor(dg.build_sensor_context(instance, repository_def=repository)).skip_message
    told = [said()]
    first, *others = FRESHNESS
    for model in others:
        instance.report_runless_asset_event(dg.AssetMaterialization(model_key(model)))
    told.append(said())
    instance.report_runless_asset_event(dg.AssetMaterialization(model_key(first)))
    told.append(said())
names = {model: model_key(model).to_user_string() for model in FRESHNESS}
print(json.dumps([list(names.values()), told]))
"""
CHECKS = """
import dagster as dg, json
from databox.definitions import defs
job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.all_asset_checks())
job = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("only_checks")
result = job.execute_in_process(instance=dg.DagsterInstance.get(), raise_on_error=False)
print("RESULT" + json.dumps([result.success, [e.passed for e in result.get_asset_check_evaluations()]]))
"""
LIGHT = """
import sys
import databox.definitions
print(sorted({"sqlmesh", "dlt", "soda_core", "duckdb"} & sys.modules.keys()))
"""


def dagster(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), *arguments],
        cwd=folder,
        env=run.environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_dagster_validates_the_definitions(pinned: Path) -> None:
    done = dagster(pinned, "definitions", "validate")
    assert done.returncode == 0, done.stderr
    (pinned / "databox" / "lineage.py").write_text("TABLES = {}\n")
    assert dagster(pinned, "definitions", "validate").returncode != 0


@pytest.mark.rehearsal
def test_dagster_materializes_a_group(pinned: Path) -> None:
    arguments = ("asset", "materialize", "--select", "group:ebird_ingestion", "-m", "databox.definitions")
    with server.serve(pinned):
        done = dagster(pinned, *arguments)
    assert done.returncode == 0, done.stderr
    for table in ("observations", "checklists", "taxonomy"):
        assert f"Materialized value ebird {table}" in done.stdout + done.stderr
    assert dagster(pinned, *arguments).returncode != 0, "the server is gone"


def test_definitions_load_nothing_heavy(pinned: Path) -> None:
    assert run.python(pinned, "-c", LIGHT).strip() == "[]"


def test_the_sensor_names_the_marts_that_are_late(pinned: Path) -> None:
    marts, told = json.loads(run.python(pinned, "-c", SENSOR).splitlines()[-1])
    assert len(marts) == 4
    never = "(never materialized, SLA 36 h)"
    assert told == [
        f"late: {', '.join(f'{mart} {never}' for mart in sorted(marts))}; 0 of 4 assets with an SLA are fresh",
        f"late: {marts[0]} {never}; 3 of 4 assets with an SLA are fresh",
        "4 of 4 assets with an SLA are fresh",
    ]


@pytest.mark.rehearsal
def test_a_database_that_cannot_be_read_is_no_passed_check(pinned: Path) -> None:
    success, passed = json.loads(run.python(pinned, "-c", CHECKS).partition("RESULT")[2])
    assert success
    assert passed == [True] * 8
    with duckdb.connect(str(pinned / "data" / "databox.duckdb")):
        success, passed = json.loads(run.python(pinned, "-c", CHECKS).partition("RESULT")[2])
    assert not success
    assert passed == [False] * 8
