"""Verification on a real stack: what is well passes, what is not is named, and nothing is ever touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox

WEATHER = "contracts/noaa/fct_daily_weather.yml"


def everything(folder: Path) -> dict[str, str]:
    """Every file of a stack, `.ops` included; what the API server of the test writes is not the stack's."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".sandbox" not in path.relative_to(folder).parts]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def reasons(document: dict[str, Any]) -> str:
    return "\n".join(found["reason"] for found in document["findings"])


def marts(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(folder / "data/databox.duckdb"))
    connection.execute(f"ATTACH '{folder / 'data/raw_ebird.duckdb'}' AS raw_ebird (READ_ONLY)")
    return connection


def physical(connection: duckdb.DuckDBPyConnection, schema: str, like: str) -> str:
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? AND table_name LIKE ?", [schema, f"%{like}%"]
    ).fetchall()
    return f'{schema}."{found[0][0]}"'


def plan_dev(folder: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("sqlmesh")),
        "plan",
        "dev",
        "--include-unmodified",
        "--auto-apply",
        "--no-prompts",
    ]
    subprocess.run(command, cwd=folder / "transforms/main", check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.mark.usefixtures("leaves_nothing")
def test_a_healthy_stack_is_well_and_stays_as_it_is(sandbox: Sandbox) -> None:
    before = everything(sandbox.folder)
    whole = sandbox.invoke("ci")
    fresh = sandbox.invoke("verify.freshness")
    assert whole.code == 0, whole.err
    assert fresh.code == 0, fresh.err
    document = whole.document
    assert document["tests"]["run"] >= 2
    assert document["audit"]["ran"] >= 15
    assert document["drift"] == {"problems": [], "leftovers": []}
    contracts = document["contracts"]["contracts"]
    assert len(contracts) == 8
    assert all(contract["passed"] and contract["checks"] == contract["checks_passed"] > 0 for contract in contracts)
    assert {contract["checks"] for contract in fresh.document["contracts"]} == {1}
    assert everything(sandbox.folder) == before


@pytest.mark.rehearsal
def test_a_smoke_run_works_and_leaves_no_trace(sandbox: Sandbox) -> None:
    before = everything(sandbox.folder)
    done = sandbox.invoke("verify")
    assert done.code == 0, done.err
    document = done.document
    assert document["task"] == "verify"
    assert {name: all(rows.values()) for name, rows in document["loaded"].items()} == {
        "ebird": True,
        "noaa": True,
        "usgs": True,
    }
    assert "ebird.dim_species" in document["computed"]
    assert everything(sandbox.folder) == before
    assert list((sandbox.folder / ".ops").iterdir()) == []


@pytest.mark.rehearsal
def test_a_smoke_run_finds_a_source_that_swallows_its_errors(sandbox: Sandbox) -> None:
    sandbox.fault("error", "ebird", "2000-01-01", "2100-01-01")
    before = everything(sandbox.folder)
    done = sandbox.invoke("verify.smoke")
    assert done.code == 1
    assert reasons(done.document) == (
        "loading ebird failed: it ended without an error and brought no row of observations, checklists"
    )
    assert everything(sandbox.folder) == before
    assert list((sandbox.folder / ".ops").iterdir()) == []


@pytest.mark.rehearsal
def test_a_smoke_run_names_the_model_that_fails(sandbox: Sandbox) -> None:
    (model,) = (sandbox.folder / "transforms").rglob("fct_daily_bird_observations.sql")
    text = model.read_text(encoding="utf-8")
    # more rows than the project's unit test has
    fails = "COUNT(*) + CASE WHEN COUNT(*) > 5 THEN CAST(MIN(sub_id) AS INTEGER) ELSE 0 END"
    broken = text.replace("COUNT(*)", f"({fails})", 1)
    assert broken != text
    model.write_text(broken, encoding="utf-8")
    found = sandbox.invoke("verify")
    assert found.code == 1, found.err
    (failed,) = [one for one in reasons(found.document).splitlines() if "computing the models failed" in one]
    assert "Could not convert string" in failed
    assert "fct_daily_bird_observations" in failed
    assert "PlanError" not in failed


def test_a_copy_that_would_write_to_the_original_is_not_used(sandbox: Sandbox) -> None:
    config = sandbox.folder / "transforms/main/config.py"
    config.write_text(
        "import os\nos.environ['DATABOX_ROOT'] = "
        + repr(str(sandbox.folder))
        + "\n"
        + config.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    text = config.read_text(encoding="utf-8").splitlines()
    first = [line for line in text if line.startswith("from __future__")]
    config.write_text("\n".join([*first, *(line for line in text if line not in first)]) + "\n", encoding="utf-8")
    before = everything(sandbox.folder)
    done = sandbox.invoke("verify")
    assert done.code == 2
    assert "which is outside the copy" in reasons(done.document)
    assert everything(sandbox.folder) == before


@pytest.mark.rehearsal
def test_dev_needs_its_environment_and_every_table_of_it(sandbox: Sandbox) -> None:
    absent = sandbox.invoke("verify.dev")
    assert absent.code == 1
    assert reasons(absent.document) == "SQLMesh has no environment 'dev'"

    model = sandbox.folder / "transforms/main/models/noaa/fct_daily_weather.sql"
    text = model.read_text(encoding="utf-8")
    model.write_text(text.replace("  prcp_mm,", "  prcp_mm,\n  1 AS extra,"), encoding="utf-8")
    plan_dev(sandbox.folder)
    changed = sandbox.invoke("verify.dev")
    assert changed.code == 1
    assert reasons(changed.document) == f"{WEATHER}: Schema matches expected structure failed: unexpected columns extra"
    assert sandbox.invoke("verify.contracts").code == 0

    with marts(sandbox.folder) as connection:
        connection.execute("DROP VIEW noaa__dev.fct_daily_weather")
    lost = sandbox.invoke("verify.dev", "--environment=dev")
    assert lost.code == 1
    absent_table = next(found for found in lost.document["findings"] if found["contract"].endswith(WEATHER))
    assert absent_table["reason"] == f"{WEATHER}: noaa__dev.fct_daily_weather does not exist"
    assert absent_table["way_out"] == "sqlmesh plan dev --include-unmodified"


def test_contracts_name_what_is_missing_and_what_cannot_be_read(sandbox: Sandbox) -> None:
    with marts(sandbox.folder) as connection:
        connection.execute("DROP VIEW noaa.fct_daily_weather")
    (sandbox.folder / "contracts/ebird/broken.yml").write_text("dataset: [\n", encoding="utf-8")
    done = sandbox.invoke("verify.contracts")
    assert done.code == 1
    assert f"{WEATHER}: noaa.fct_daily_weather does not exist" in reasons(done.document)
    assert "contracts/ebird/broken.yml" in reasons(done.document)
    assert sum(contract["passed"] for contract in done.document["contracts"]) == 7


def test_a_stale_mart_is_found_by_freshness_alone(sandbox: Sandbox) -> None:
    with marts(sandbox.folder) as connection:
        table = physical(connection, "sqlmesh__noaa", "fct_daily_weather")
        connection.execute(f"UPDATE {table} SET day_date = day_date - INTERVAL 30 DAY")
    done = sandbox.invoke("verify.freshness")
    assert done.code == 1
    assert reasons(done.document).startswith(f"{WEATHER}: ")
    assert len(done.document["findings"]) == 1


def test_no_contract_is_no_pass(sandbox: Sandbox) -> None:
    shutil.rmtree(sandbox.folder / "contracts")
    (sandbox.folder / "contracts").mkdir()
    done = sandbox.invoke("verify.contracts")
    assert done.code == 1
    assert reasons(done.document).startswith("no contract in ")


def test_a_database_that_is_gone_or_held_is_named(sandbox: Sandbox) -> None:
    with duckdb.connect(str(sandbox.folder / "data/databox.duckdb")):
        for task in ("verify.contracts", "verify.drift"):
            held = sandbox.invoke(task)
            assert held.code == 6
            assert "PID" in reasons(held.document)
    (sandbox.folder / "data/databox.duckdb").unlink()
    for task in ("verify.contracts", "verify.audit", "verify.drift", "verify"):
        gone = sandbox.invoke(task)
        assert gone.code == 1
        assert reasons(gone.document) == "data/databox.duckdb does not exist"
    assert not (sandbox.folder / "data/databox.duckdb").exists()


def test_a_failing_audit_is_named(sandbox: Sandbox) -> None:
    with marts(sandbox.folder) as connection:
        table = physical(connection, "sqlmesh__noaa", "fct_daily_weather")
        connection.execute(
            f"UPDATE {table} SET tmax_c = tmin_c - 1 WHERE day_date = (SELECT min(day_date) FROM {table})"
        )
    done = sandbox.invoke("verify.audit")
    assert done.code == 1
    assert reasons(done.document).startswith("noaa.fct_daily_weather: audit forall found ")


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        pytest.param("DROP VIEW noaa.fct_daily_weather", "missing_view", "its view does not exist", id="a-view"),
        pytest.param("DROP TABLE {table}", "missing_physical", "its physical table does not exist", id="a-table"),
        pytest.param(
            "DELETE FROM {table} WHERE day_date > (SELECT max(day_date) FROM {table}) - INTERVAL 7 DAY",
            "behind_state",
            "which the state says are computed",
            id="an-older-warehouse-under-a-newer-state",
        ),
        pytest.param(
            "DELETE FROM {table} WHERE day_date = (SELECT min(day_date) + 5 FROM {table})",
            "behind_state",
            "it lacks 1 days in between",
            id="a-day-in-the-middle",
        ),
    ],
)
def test_drift_is_found(sandbox: Sandbox, damage: str, kind: str, words: str) -> None:
    with marts(sandbox.folder) as connection:
        connection.execute(damage.format(table=physical(connection, "sqlmesh__noaa", "fct_daily_weather")))
    done = sandbox.invoke("verify.drift")
    assert done.code == 1
    assert [found["kind"] for found in done.document["findings"]] == [kind]
    assert words in reasons(done.document)


def test_a_project_without_audits_tests_and_contracts_is_not_healthy(tmp_path: Path) -> None:
    from tests.conftest import finish

    made = _bare_project(tmp_path)
    command = [sys.executable, "-m", "invoke", "verify.audit", f"--stack={made}", "--json"]
    audits = finish(command)
    assert audits.code == 1, audits.err
    assert reasons(audits.document) == "0 audits ran on 1 models"
    contracts = finish([sys.executable, "-m", "invoke", "verify.contracts", f"--stack={made}", "--json"])
    assert contracts.code == 2
    assert reasons(contracts.document) == "no contracts are configured"
    whole = finish([sys.executable, "-m", "invoke", "ci", f"--stack={made}", "--json"])
    assert whole.code == 0, whole.err
    assert whole.err.count("does not apply") == 3
    assert {name for name, told in whole.document.items() if "absent" in str(told)} == {"tests", "audit", "contracts"}


def _bare_project(folder: Path) -> Path:
    (folder / "models").mkdir()
    (folder / "models/one.sql").write_text("MODEL (name a.one, kind FULL);\nSELECT 1 AS id\n", encoding="utf-8")
    (folder / "config.yaml").write_text(
        "gateways:\n  local:\n"
        f"    connection: {{type: duckdb, catalogs: {{db: {folder / 'db.duckdb'}}}}}\n"
        f"    state_connection: {{type: duckdb, database: {folder / 'state.duckdb'}}}\n"
        "default_gateway: local\nmodel_defaults: {dialect: duckdb, start: 2026-01-01}\n",
        encoding="utf-8",
    )
    (folder / "invoke.yaml").write_text(
        "ops:\n  databases: {db: db.duckdb}\n  sqlmesh: {project: ., gateway: local, state: state.duckdb}\n",
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("sqlmesh")), "plan", "--auto-apply", "--no-prompts"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return folder
