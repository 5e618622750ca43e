"""A stack with less: one load command that knows only the live table, a text date, no dlt, no contracts, no Dagster."""

from __future__ import annotations

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
DATA = Path(__file__).parent.parent / "data"
config = Config(
    gateways={"local": GatewayConfig(
        connection=DuckDBConnectionConfig(
            catalogs={"house": str(DATA / "house.duckdb"), "raw": str(DATA / "raw.duckdb")}),
        state_connection=DuckDBConnectionConfig(database=str(DATA / "state.duckdb")))},
    default_gateway="local", model_defaults=ModelDefaultsConfig(dialect="duckdb", start="%s", cron="@daily"))
"""
STAGING = """MODEL (name stg.sales, kind FULL, audits (above_zero(column := amount), not_now));
SELECT id::INT AS id, sold_at::DATE AS day, amount::INT AS amount FROM raw.main.sales;
"""
MART = """MODEL (name mart.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));
SELECT day::DATE AS day, SUM(amount)::INT AS amount FROM stg.sales
WHERE day BETWEEN @start_date AND @end_date GROUP BY day;
"""
AUDIT = "AUDIT (name above_zero); SELECT * FROM @this_model WHERE @column <= 0;\n"
SKIPPED = "AUDIT (name not_now, skip true); SELECT * FROM @this_model;\n"
LOAD = """
import os, sys, duckdb
sign = -1 if os.path.exists("negative") else 1
with duckdb.connect("data/raw.duckdb") as raw:
    raw.execute("INSERT INTO sales SELECT * FROM (SELECT i AS id, "
                "strftime(CAST(? AS DATE) + CAST(i // 4 AS INT), '%Y-%m-%dT12:00:00') AS sold_at, "
                "CAST(? AS INT) * (i + 1000) AS amount "
                "FROM range(160) AS t(i)) WHERE left(sold_at, 10) BETWEEN ? AND ?",
                [sys.argv[1], sign, os.environ["FROM_DAY"], os.environ["TO_DAY"]])
"""
SETTINGS = """
ops:
  databases: {house: data/house.duckdb, raw: data/raw.duckdb}
  sqlmesh: {project: project, state: data/state.duckdb}
  sources:
    sales:
      catalog: raw
      dataset: main
      tables: {sales: {date_column: sold_at}}
      load: {command: [python, load.py, "%s"]}
      window: {start: FROM_DAY, end: TO_DAY}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stack, loaded and planned once."""
    folder = tmp_path_factory.mktemp("plain")
    first = (datetime.now(UTC).date() - timedelta(days=40)).isoformat()
    for name, text in {
        "project/config.py": CONFIG % first,
        "project/models/staging.sql": STAGING,
        "project/models/mart.sql": MART,
        "project/audits/above_zero.sql": AUDIT,
        "project/audits/not_now.sql": SKIPPED,
        "load.py": LOAD,
        "invoke.yaml": SETTINGS % first,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "data").mkdir()
    with duckdb.connect(str(folder / "data" / "raw.duckdb")) as raw:
        raw.execute(
            "CREATE TABLE sales AS SELECT i AS id, "
            "strftime(CAST(? AS DATE) + CAST(i // 4 AS INT), '%Y-%m-%dT12:00:00') AS sold_at, i + 1 AS amount "
            "FROM range(160) AS t(i)",
            [first],
        )
    sqlmesh = str(Path(sys.executable).parent / "sqlmesh")
    subprocess.run(
        [sqlmesh, "plan", "prod", "--auto-apply", "--no-prompts"],
        cwd=folder / "project",
        env={"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def plain(made: Path, tmp_path: Path) -> Sandbox:
    """A copy of it."""
    subprocess.run(["cp", "-r", str(made), str(tmp_path / "plain stack")], check=True)
    return Sandbox(tmp_path / "plain stack")


def amounts(stack: Sandbox) -> dict[str, int]:
    """Day -> amount in the mart."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{stack.folder / 'data' / 'house.duckdb'}' AS house (READ_ONLY)")
        return {str(day): amount for day, amount in connection.execute("FROM house.mart.daily").fetchall()}


def window() -> tuple[str, str]:
    today = datetime.now(UTC).date()
    return (today - timedelta(days=10)).isoformat(), (today - timedelta(days=9)).isoformat()


def test_only_the_window_of_a_text_date_changes(plain: Sandbox) -> None:
    start, end = window()
    before = amounts(plain)

    ran = plain.backfill(source="sales", start=start, end=end)

    assert ran.code == 0, ran.err
    after = amounts(plain)
    assert {day for day in after if after[day] != before[day]} == {start, end}
    assert all(after[day] > before[day] + 3900 for day in (start, end))
    told = [finding["reason"] for finding in ran.document["findings"]]
    assert told == ["audit not_now of house.stg.sales did not run: its definition skips it"]
    assert told[0] in ran.err


def test_a_failing_audit_puts_everything_back(plain: Sandbox) -> None:
    start, end = window()
    before = plain.hashes()
    (plain.folder / "negative").touch()

    ran = plain.backfill(source="sales", start=start, end=end)

    assert ran.code == 4, ran.err
    assert ran.document["findings"][0]["step"] == "restate"
    assert "above_zero" in ran.document["findings"][0]["reason"]
    assert plain.hashes() == before


@pytest.mark.parametrize(
    ("program", "said"),
    [
        pytest.param("raise SystemExit(7)", "exit 7", id="fails"),
        pytest.param("print('nothing to do')", "no rows", id="does-nothing"),
        pytest.param("import no_such_module", "ModuleNotFoundError", id="cannot-start"),
    ],
)
def test_a_load_command_that_does_not_load(plain: Sandbox, program: str, said: str) -> None:
    start, end = window()
    before = plain.hashes()
    (plain.folder / "load.py").write_text(program)

    ran = plain.backfill(source="sales", start=start, end=end)

    assert ran.code in (3, 4), ran.err
    assert said in ran.document["findings"][0]["reason"]
    assert plain.hashes() == before
