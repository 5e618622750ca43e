"""A stack with less: raw data, marts and SQLMesh's state in one file; no dlt, no contracts, no Dagster."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Sandbox

pytestmark = pytest.mark.rehearsal

CONFIG = """
from pathlib import Path
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig
HOUSE = Path(__file__).parent.parent / "house.duckdb"
config = Config(
    gateways={"local": GatewayConfig(connection=DuckDBConnectionConfig(database=str(HOUSE)))},
    default_gateway="local", model_defaults=ModelDefaultsConfig(dialect="duckdb", start="%s", cron="@daily"))
"""
STAGING = """MODEL (name stg.sales, kind FULL, audits (not_null(columns := (id))));
SELECT id::INT AS id, sold_at::DATE AS day, amount::INT AS amount FROM raw.sales;
"""
MART = """MODEL (name mart.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));
SELECT day::DATE AS day, SUM(amount)::INT AS amount FROM stg.sales
WHERE day BETWEEN @start_date AND @end_date GROUP BY day;
"""
LOAD = """
import sys, duckdb
with duckdb.connect("house.duckdb") as house:
    house.execute("CREATE SCHEMA IF NOT EXISTS raw")
    house.execute("CREATE OR REPLACE TABLE raw.sales AS SELECT i AS id, "
                  "CAST(? AS DATE) + CAST(i // 4 AS INT) AS sold_at, i + 1 AS amount FROM range(160) AS t(i)",
                  [sys.argv[1]])
"""
SETTINGS = """
ops:
  databases: {house: house.duckdb}
  sqlmesh: {project: project}
  sources:
    sales:
      catalog: house
      dataset: raw
      tables: {sales: {date_column: sold_at}}
      load: {command: [python, load.py, "%s"]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack, loaded and planned once."""
    folder = tmp_path_factory.mktemp("single")
    first = (datetime.now(UTC).date() - timedelta(days=40)).isoformat()
    for name, text in {
        "project/config.py": CONFIG % first,
        "project/models/staging.sql": STAGING,
        "project/models/mart.sql": MART,
        "load.py": LOAD,
        "invoke.yaml": SETTINGS % first,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run([sys.executable, "load.py", first], cwd=folder, check=True)
    plan = [str(Path(sys.executable).parent / "sqlmesh"), "plan", "prod", "--auto-apply", "--no-prompts"]
    subprocess.run(plan, cwd=folder / "project", check=True, capture_output=True)
    return folder


@pytest.fixture
def single(made: Path, tmp_path: Path) -> Sandbox:
    shutil.copytree(made, tmp_path / "single")
    return Sandbox(tmp_path / "single")


def sums(stack: Sandbox) -> list[tuple[object, ...]]:
    with duckdb.connect(str(stack.folder / "house.duckdb"), read_only=True) as house:
        return house.execute(
            "SELECT (SELECT sum(amount) FROM raw.sales), count(*), sum(amount) FROM mart.daily"
        ).fetchall()


def test_what_is_not_there_is_not_asked_for(single: Sandbox) -> None:
    told = single.invoke("ops.doctor", "--deep")
    assert told.code == 0, told.err
    said = {line["probe"]: line["said"] for line in told.document["probes"]}
    assert said["house.duckdb"].endswith("raw, marts, state")
    assert said["contracts"] == "none is configured"
    assert told.document["verdict"]["words"] == "healthy"


def test_a_broken_single_file_comes_back_from_the_snapshot_and_its_source(single: Sandbox) -> None:
    before = sums(single)
    assert single.invoke("snapshot.create", "--name=whole").code == 0
    house = single.folder / "house.duckdb"
    house.write_bytes(house.read_bytes()[:-300_000])

    assert single.invoke("ops.doctor").document["verdict"]["cause"] == "truncation"
    refused = single.invoke("ops.restore", "--snapshot=whole", "--only=marts", "--yes")
    assert refused.code == 2
    assert "restored together" in refused.document["findings"][0]["reason"]

    mended = single.invoke("ops.rebuild", "--yes")
    assert mended.code == 0, mended.err
    assert sums(single) == before
    assert single.invoke("ops.doctor").code == 0


def test_a_broken_single_file_without_a_snapshot_is_made_from_its_source(single: Sandbox) -> None:
    before = sums(single)
    (single.folder / "house.duckdb").unlink()

    mended = single.invoke("ops.rebuild", "--yes")

    assert mended.code == 0, mended.err
    assert sums(single) == before


def test_its_state_is_repaired(single: Sandbox) -> None:
    before = sums(single)
    with duckdb.connect(str(single.folder / "house.duckdb")) as house:
        house.execute("DROP VIEW mart.daily")

    assert single.invoke("ops.doctor").document["verdict"]["cause"] == "drift"
    mended = single.invoke("ops.repair-state", "--yes")

    assert mended.code == 0, mended.err
    assert sums(single) == before
    assert single.invoke("ops.repair-state", "--yes").code == 0


def test_its_state_is_lost_and_comes_back_from_the_newest_snapshot_that_has_it(single: Sandbox) -> None:
    before = sums(single)
    assert single.invoke("snapshot.create", "--name=whole").code == 0
    with duckdb.connect(str(single.folder / "house.duckdb")) as house:
        house.execute("DROP SCHEMA sqlmesh CASCADE")
    assert single.invoke("watch.snapshot").code == 0

    told = single.invoke("ops.doctor")
    assert told.document["verdict"]["cause"] == "missing"
    (found,) = told.document["findings"]
    assert found["reason"] == "house.duckdb is whole and has no SQLMesh state in it"
    assert "→ \n" not in told.err
    words = found["way_out"].removeprefix("invoke ").split(" --stack")[0].split()
    assert words == ["ops.restore", "--snapshot=whole", "--plan"]
    mended = single.invoke(*words[:2], "--yes")
    assert mended.code == 0, mended.err
    assert sums(single) == before
