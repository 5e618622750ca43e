"""Rows of dlt child tables without a parent: counted without a change, removed as a whole."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ops_tasks.systems.orphans_worker import Nested, count, remove

FAMILY = """
CREATE TABLE p AS SELECT 'p' || range AS _dlt_id FROM range(4);
CREATE TABLE p__c AS SELECT replace(_dlt_id, 'p', 'c') AS _dlt_id, _dlt_id AS _dlt_parent_id FROM p;
CREATE TABLE p__c__g AS SELECT replace(_dlt_id, 'c', 'g') AS _dlt_id, _dlt_id AS _dlt_parent_id FROM p__c;
CREATE TABLE p__plain AS SELECT 1 AS v;
"""


def nested(table: str, *parents: str) -> Nested:
    return Nested(name=table, catalog="db", schema="main", table=table, parents=list(parents))


TABLES = [nested("p__c", "p"), nested("p__c__g", "p__c", "p"), nested("p__plain", "p"), nested("gone", "p")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four parents, a child and a grandchild each, and tables that dlt does not link."""
    return change(tmp_path / "db.duckdb", FAMILY)


def change(path: Path, statement: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)
    return path


def rows(path: Path) -> dict[str, int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("p__c", "p__c__g")
        }


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        pytest.param("DELETE FROM p__plain", {}, id="nothing"),
        pytest.param("DELETE FROM p WHERE _dlt_id < 'p3'", {"p__c": 3, "p__c__g": 3}, id="of the topmost"),
        pytest.param("DELETE FROM p__c WHERE _dlt_id = 'c1'", {"p__c__g": 1}, id="of a child"),
        pytest.param("UPDATE p SET _dlt_id = NULL", {"p__c": 4, "p__c__g": 4}, id="parents without ids"),
        pytest.param("DELETE FROM p", {"p__c": 4, "p__c__g": 4}, id="no parents at all"),
    ],
)
def test_they_are_counted_and_removed(path: Path, statement: str, found: dict[str, int]) -> None:
    change(path, statement)
    before, had = path.read_bytes(), rows(path)
    assert count({"db": str(path)}, TABLES) == found
    assert path.read_bytes() == before

    assert remove(str(path), TABLES) == found

    assert rows(path) == {table: number - found.get(table, 0) for table, number in had.items()}
    assert count({"db": str(path)}, TABLES) == remove(str(path), TABLES) == {}


def test_a_table_above_that_is_lost_says_nothing_of_those_below(path: Path) -> None:
    change(path, "DROP TABLE p")
    assert remove(str(path), TABLES) == {}
    assert rows(path) == {"p__c": 4, "p__c__g": 4}
