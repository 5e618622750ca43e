"""The checks on the whole stack, on either backend."""

from __future__ import annotations

import json

import pytest

from sandbox import run
from tests.conftest import Sandbox

CHECKS = """
import dagster as dg, json
from databox.definitions import defs
job = dg.define_asset_job("only_checks", selection=dg.AssetSelection.all_asset_checks())
job = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("only_checks")
result = job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
told = {one.asset_key.path[-1]: [one.passed, one.description] for one in result.get_asset_check_evaluations()}
print("RESULT" + json.dumps([result.success, told]))
"""


@pytest.mark.rehearsal
def test_a_lost_mart_is_red_and_the_others_are_green(both: Sandbox) -> None:
    def told() -> tuple[bool, dict[str, list[object]]]:
        return json.loads(run.python(both.folder, "-c", CHECKS).partition("RESULT")[2])

    success, checks = told()
    assert success
    assert len(checks) == 8
    assert all(passed for passed, _ in checks.values())
    catalogs = "import duckdb; from databox import settings; connection = duckdb.connect(settings.address('databox')); "
    run.python(both.folder, "-c", f"{catalogs}connection.execute('DROP VIEW noaa.fct_daily_weather')")
    success, checks = told()
    assert not success
    assert {name for name, (passed, _) in checks.items() if not passed} == {"fct_daily_weather"}
    assert checks["fct_daily_weather"][1] == "noaa.fct_daily_weather does not exist"
