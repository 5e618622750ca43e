"""Two ages of the same tables: what is counted where their columns have changed, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.systems.diff_worker import Compared, Difference, differences, places

ROWS = "SELECT {day} AS d, i AS n FROM range(48) r(i)"
NO_DAY = "'no day at all'"
STAMP = "TIMESTAMPTZ '2026-04-01 00:00:00+00' + INTERVAL (i) HOUR"
TEXT = "strftime(TIMESTAMP '2026-04-01' + INTERVAL (i) HOUR, '%Y-%m-%d %H:%M:%S')"


def made(path: Path, *statements: str) -> str:
    """A database of a catalog named `house`."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{path}' AS house")
        connection.execute("USE house")
        for statement in statements:
            connection.execute(statement)
    return str(path)


def told(tmp_path: Path, before: list[str], after: list[str], **more: Any) -> dict[str, Difference]:
    """How `house.main.t` differs between what the statements make."""
    sides = [{"house": made(tmp_path / f"{n}.duckdb", *side)} for n, side in enumerate((before, after))]
    table = {"name": "t", "catalog": "house", "schema": "main", "table": "t", "date_column": "d"}
    table |= {"keys": [], "exclude": [], **more}
    asked: Any = [table]
    return differences(sides[0], sides[1], asked)


@pytest.mark.parametrize("keys", [[], ["n"]])
def test_a_day_that_was_text(tmp_path: Path, keys: list[str]) -> None:
    before = [f"CREATE TABLE t AS {ROWS.format(day=STAMP)}"]
    after = [f"CREATE TABLE t AS {ROWS.format(day=TEXT)}"]
    found = told(tmp_path, before, after, keys=keys)["t"]
    assert (found["before"], found["after"], found["unread"]) == (48, 48, {})
    each = [0, 0, 24] if keys else [24, 24, 0]
    assert found["days"] == {"2026-04-01": each, "2026-04-02": each}


def test_a_day_that_was_text_which_nobody_can_read(tmp_path: Path) -> None:
    before = [f"CREATE TABLE t AS {ROWS.format(day=STAMP)}"]
    after = [f"CREATE TABLE t AS {ROWS.format(day=NO_DAY)}"]
    found = told(tmp_path, before, after)["t"]
    assert (found["before"], found["after"], found["added"], found["removed"]) == (48, 48, 48, 48)
    assert found["days"]["none"] == [48, 0, 0]


def test_a_day_that_was_a_number(tmp_path: Path) -> None:
    before = [f"CREATE TABLE t AS {ROWS.format(day=STAMP)}"]
    after = [f"CREATE TABLE t AS {ROWS.format(day='i')}"]
    found = told(tmp_path, before, after, keys=["n"])["t"]
    assert (found["before"], found["after"], found["days"]) == (48, 48, {"none": [0, 0, 48]})


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_table_that_is_there_and_cannot_be_read_is_not_gone(tmp_path: Path, side: str) -> None:
    whole = f"CREATE TABLE source AS {ROWS.format(day=STAMP)}"
    well = [whole, "CREATE VIEW t AS SELECT d, n FROM source"]
    bad = [whole, "CREATE VIEW t AS SELECT d, CAST('x' || n AS BIGINT) AS n FROM source"]
    found = told(tmp_path, *((bad, well) if side == "before" else (well, bad)))["t"]
    assert "Conversion Error" in found["unread"][side]
    assert list(found["unread"]) == [side]
    assert {found["before"], found["after"]} == {None, 48}
    assert (found["added"], found["removed"], found["changed"], found["days"]) == (0, 0, 0, {})


def test_a_view_that_cannot_be_read_on_either_side_is_told(tmp_path: Path) -> None:
    bad = [f"CREATE TABLE s AS {ROWS.format(day=STAMP)}", "CREATE VIEW t AS SELECT d, error(n::VARCHAR) AS n FROM s"]
    assert set(told(tmp_path, bad, bad)["t"]["unread"]) == {"before", "after"}


def test_rows_of_a_view_come_back_with_the_table_that_it_reads(tmp_path: Path) -> None:
    after = [f"CREATE TABLE source AS {ROWS.format(day=STAMP)}", "CREATE VIEW t AS FROM source"]
    found = told(tmp_path, [*after, "DROP TABLE source"], after)["t"]
    assert (found["before"], found["after"], found["added"]) == (None, 48, 48)
    assert found["days"] == {"2026-04-01": [24, 0, 0], "2026-04-02": [24, 0, 0]}
    assert "Table with name source" in found["unread"]["before"]


def test_names_with_dots_are_places_of_their_own(tmp_path: Path) -> None:
    schemas = ['CREATE SCHEMA "odd.sch"', "CREATE SCHEMA odd"]
    tables = ['CREATE TABLE "odd.sch".t AS SELECT {} AS n', 'CREATE TABLE odd."sch.t" AS SELECT {} AS n, {} AS m']
    sides = [
        {"house": made(tmp_path / f"{value}.duckdb", *schemas, tables[0].format(value), tables[1].format(7, 7))}
        for value in (1, 2)
    ]
    found = {(one["schema"], one["table"]): one["types"] for one in places(sides[0])}
    assert found == {("odd.sch", "t"): {"n": "INTEGER"}, ("odd", "sch.t"): {"n": "INTEGER", "m": "INTEGER"}}
    asked: list[Compared] = [
        {
            "name": table,
            "catalog": "house",
            "schema": schema,
            "table": table,
            "date_column": None,
            "keys": [],
            "exclude": [],
        }
        for schema, table in found
    ]
    told = differences(sides[0], sides[1], asked)
    assert list(told) == ["t"]
    assert (told["t"]["added"], told["t"]["removed"]) == (1, 1)
