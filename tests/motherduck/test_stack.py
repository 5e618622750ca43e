"""SQLMesh and dlt themselves against the double: they know nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server
from tests.motherduck.clients import well

CONFIG = """
from pathlib import Path
from sqlmesh.core.config import Config, DuckDBConnectionConfig, GatewayConfig, ModelDefaultsConfig
from sqlmesh.core.config.connection import MotherDuckConnectionConfig

config = Config(
    gateways={
        "md": GatewayConfig(
            connection=MotherDuckConnectionConfig(catalogs={"databox": "md:databox", "raw": "md:raw"}),
            state_connection=DuckDBConnectionConfig(database=str(Path(__file__).parent / "state.duckdb")),
        )
    },
    default_gateway="md",
    model_defaults=ModelDefaultsConfig(dialect="duckdb", start="2026-01-01"),
    disable_anonymized_analytics=True,
)
"""
FULL = "MODEL (name databox.marts.total, kind FULL); SELECT sum(n) AS n FROM raw.main.days"
DAILY = """
MODEL (name databox.marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));
SELECT day::DATE AS day, n::BIGINT AS n FROM raw.main.days WHERE day BETWEEN @start_date AND @end_date
"""


@pytest.fixture
def account(tmp_path: Path) -> Server:
    """An account with an empty `databox`, and three days in `raw`."""
    made = service.create(tmp_path / "account")
    for name in ("databox", "raw"):
        made.add_database(name)
    days = "SELECT DATE '2026-01-01' + i::INT AS day, i AS n FROM range(3) x(i)"
    well(made, f'c.execute("CREATE TABLE raw.main.days AS {days}")')
    return made


def test_sqlmesh_plans_applies_and_runs_again(account: Server, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "config.py").write_text(CONFIG)
    (project / "models" / "total.sql").write_text(FULL)
    (project / "models" / "daily.sql").write_text(DAILY)
    plan = f"""
        from sqlmesh import Context

        context = Context(paths=[{str(project)!r}])
        context.plan(auto_apply=True, no_prompts=True, execution_time="2026-01-04")
        context.close()
    """
    well(account, plan, prelude=False, warnings="ignore")
    look = (
        "print(rows(c, 'SELECT n FROM databox.marts.total'), rows(c, 'SELECT n FROM databox.marts.daily ORDER BY day'))"
    )
    assert well(account, look).strip() == "[3] [0, 1, 2]"
    held = account.snapshots("databox")[-1]
    well(account, "c.execute('UPDATE raw.main.days SET n = n + 10')")
    (project / "models" / "total.sql").write_text(FULL.replace("sum(n)", "max(n)"))
    well(account, plan, prelude=False, warnings="ignore")
    assert well(account, look).strip() == "[12] [0, 1, 2]"
    well(account, f"c.execute(\"ALTER DATABASE databox SET SNAPSHOT TO (SNAPSHOT_ID '{held.id}')\")")
    assert well(account, look).strip() == "[3] [0, 1, 2]"


def test_sqlmesh_s_own_program(account: Server, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "config.py").write_text(CONFIG)
    (project / "models" / "total.sql").write_text(FULL)
    program = f"""
        import sys
        from sqlmesh.cli.main import cli
        cli(["--paths", {str(project)!r}, *sys.argv[1:], "plan", "--auto-apply", "--no-prompts"])
    """
    well(account, program, prelude=False, warnings="ignore")
    assert well(account, "print(rows(c, 'SELECT n FROM databox.marts.total'))").strip() == "[3]"


def test_dlt_merges_rows(account: Server, tmp_path: Path) -> None:
    account.add_database("raw_x")
    load = """
        import sys
        import dlt

        rows = [{{"id": {number}, "n": 1}}, {{"id": 2, "n": {number}}}]
        destination = dlt.destinations.motherduck("md:raw_x?motherduck_token={token}")
        pipeline = dlt.pipeline("x", pipelines_dir={folder!r}, destination=destination, dataset_name="birds")
        seen = dlt.resource(rows, name="seen", primary_key="id", write_disposition="merge")
        done = pipeline.run(seen)
        assert not done.has_failed_jobs
    """
    for number in (1, 3):
        script = load.format(number=number, token=account.read().token, folder=str(tmp_path / "pipelines"))
        well(account, script, prelude=False, warnings="ignore", RUNTIME__DLTHUB_TELEMETRY="false")
    look = "print(c.execute('SELECT id, n FROM raw_x.birds.seen ORDER BY id').fetchall())"
    assert well(account, look).strip() == "[(1, 1), (2, 3), (3, 1)]"
    assert all(account.read().token not in line for line in account.statements())
