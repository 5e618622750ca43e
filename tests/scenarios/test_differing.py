"""Which tables of the present and of a past are compared, and under which names that is told."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ops_tasks.report.moments import show_difference
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios.differing import differences
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from tests.conftest import bare_stack

SETTINGS = """
ops:
  databases: {house: house.duckdb, shed: shed.duckdb}
  sqlmesh: {project: project, state: state.duckdb}
  sources: {sales: {catalog: house, dataset: raw, tables: {sales: {date_column: day}}}}
"""
SCHEMAS = ("house.raw", 'house."odd.sch"', "house.odd", "house.mart", "shed.mart")
TABLES = ("house.raw.sales", 'house."odd.sch".t', 'house.odd."sch.t"', "house.mart.twice", "shed.mart.twice")


def lay(stack: Stack, folder: Path, number: int) -> dict[str, str]:
    """Both catalogs in a folder, the same tables in them, each with a row that tells `number`."""
    folder.mkdir(exist_ok=True)
    made = {name: str(folder / f"{name}.duckdb") for name in stack.catalogs}
    with duckdb.connect() as connection:
        for name, path in made.items():
            connection.execute(f"ATTACH '{path}' AS {name}")
        for schema in SCHEMAS:
            connection.execute(f"CREATE SCHEMA {schema}")
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table} AS SELECT DATE '2026-04-01' AS day, {number} AS n")
    return made


@pytest.fixture
def bare(tmp_path: Path) -> Stack:
    """Two catalogs and a project that SQLMesh cannot open."""
    return bare_stack(tmp_path, SETTINGS)


def test_no_table_is_left_out_for_its_name(bare: Stack, tmp_path: Path) -> None:
    lay(bare, tmp_path, 1)
    past = lay(bare, tmp_path / "past", 2)
    with Crew(bare.root) as hands:
        found = differences(bare, past, hands, lambda _: None)
    assert set(found) == {
        "house.raw.sales",
        '"house"."odd.sch"."t"',
        '"house"."odd"."sch.t"',
        '"house"."mart"."twice"',
        '"shed"."mart"."twice"',
    }
    assert all(one["days"] == {"2026-04-01": [1, 1, 0]} for one in found.values())


def test_what_cannot_be_read_is_shown_as_such(
    bare: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lay(bare, tmp_path, 1)
    past = lay(bare, tmp_path / "past", 1)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path / 'house.duckdb'}' AS house")
        connection.execute("DROP TABLE house.raw.sales")
        connection.execute("CREATE VIEW house.raw.sales AS SELECT DATE '2026-04-01' AS day, CAST('x' AS INT) AS n")
    with Crew(bare.root) as hands:
        found = differences(bare, past, hands, lambda _: None)
    show_difference(Terminal(), found)
    shown = capsys.readouterr()
    line = next(line for line in (shown.out + shown.err).splitlines() if "house.raw.sales" in line)
    assert "?→1" in line
    assert "now it cannot be read: Conversion Error" in line
    assert "gone" not in line
