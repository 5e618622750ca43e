"""Which raw tables come together, under names of their own, and what is told of those that cannot be loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.discovery.sources import facts, group
from ops_tasks.discovery.tree import Tree
from ops_tasks.systems.discovery_worker import look

DAY = {"name": "Day", "type": "DATE", "text": False, "days": 9, "newest": "2020-01-01", "filled": 1.0}
OTHER = DAY | {"name": "other"}


def looked(tables: dict[str, list[str]], **views: list[str]) -> dict[str, Any]:
    there = {schema: {name: [DAY, OTHER] for name in names} for schema, names in tables.items()}
    return {"wh": {"tables": there, "views": views, "dlt": [], "state": False}}


def raw(*names: str) -> list[list[str]]:
    return [name.split(".") for name in names]


def test_every_schema_is_a_source_with_a_name_of_its_own() -> None:
    schemas = ["raw_a", "src_a", "bronze_a", "a_raw"]
    found, notes = group(looked({name: ["t"] for name in schemas}), raw(*(f"wh.{name}.t" for name in schemas)))
    assert [(one.name, one.dataset) for one in found] == list(
        zip(["a", "wh_a", "wh_a_2", "wh_a_3"], schemas, strict=True)
    )
    assert notes == []


@pytest.mark.parametrize("read", ["wh.raw_b.orders", "WH.RAW_B.ORDERS"])
def test_names_are_the_same_in_any_case(read: str) -> None:
    there = looked({"Raw_B": ["Orders"]})
    (found,), notes = group(there, raw(read))
    assert (found.name, found.dataset, list(found.tables)) == ("B", "Raw_B", ["Orders"])
    assert notes == []
    told = facts(Tree(Path(), ()), found, there, {"wh.raw_b.orders": ["day"]}, [])
    assert next(fact.value for fact in told if "tables" in fact.key) == {"date_column": "Day"}


def test_a_view_and_a_name_that_is_not_there() -> None:
    found, notes = group(looked({}, Raw=["Orders"]), raw("wh.raw.orders", "wh.raw.gone"))
    assert found == []
    assert notes == [
        "models read wh.raw.orders, which is a view: only tables can be loaded again",
        "models read wh.raw.gone, and there is no such table",
    ]


def test_a_database_tells_its_tables_and_its_views(tmp_path: Path) -> None:
    file = tmp_path / "wh.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            'CREATE SCHEMA "Raw"; CREATE TABLE "Raw"."Orders" (day DATE); CREATE VIEW "Raw".v AS SELECT 1'
        )
    found = look(databases={"wh": str(file)}, leave_out=[])["wh"]
    assert {schema: list(names) for schema, names in found["tables"].items()} == {"Raw": ["Orders"]}
    assert found["views"] == {"Raw": ["v"]}
