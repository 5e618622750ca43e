"""What counts as a catalog's content, and what was recorded by an older version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.operation.journal import Journal, history, operations
from ops_tasks.scenarios import undo
from ops_tasks.stack import Stack
from ops_tasks.systems.content_worker import Held, content
from ops_tasks.systems.contents import as_recorded, plain, relations, stamps_as_recorded
from ops_tasks.systems.motherduck import same

MADE = (
    "CREATE TABLE t AS SELECT 1 AS a",
    "CREATE VIEW v AS SELECT a FROM t",
    "CREATE MACRO f(a) AS a + 1",
    "CREATE MACRO rows_of(a) AS TABLE SELECT a",
    "CREATE SEQUENCE s INCREMENT BY 2",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS STRUCT(a INTEGER, b INTEGER)",
    "CREATE INDEX quick ON t (a)",
)


def held(path: Path, *statements: str) -> dict[str, Held]:
    """What a catalog holds after these statements."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH IF NOT EXISTS '{path}' AS house")
        connection.execute("USE house")
        for statement in statements:
            connection.execute(statement).fetchall()
    return content({"house": str(path)})["house"]


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        pytest.param("CREATE OR REPLACE MACRO f(a) AS a + 2", 'macro "main"."f"', id="macro"),
        pytest.param("DROP MACRO f", 'macro "main"."f"', id="macro dropped"),
        pytest.param("CREATE OR REPLACE MACRO f(a) AS a + 1, (a, b) AS a + b", 'macro "main"."f"', id="overload"),
        pytest.param(
            "CREATE OR REPLACE MACRO rows_of(a) AS TABLE SELECT a, 1", 'table_macro "main"."rows_of"', id="table macro"
        ),
        pytest.param("SELECT nextval('s')", 'sequence "main"."s"', id="sequence goes on"),
        pytest.param("CREATE OR REPLACE SEQUENCE s INCREMENT BY 3", 'sequence "main"."s"', id="sequence"),
        pytest.param("DROP TYPE mood; CREATE TYPE mood AS ENUM ('sad')", 'type "main"."mood"', id="enum"),
        pytest.param("DROP TYPE pair; CREATE TYPE pair AS STRUCT(a INTEGER)", 'type "main"."pair"', id="struct"),
        pytest.param("DROP TYPE pair; CREATE TYPE pair AS DECIMAL(9, 2)", 'type "main"."pair"', id="another type"),
        pytest.param("DROP INDEX quick", 'index "main"."quick"', id="index"),
    ],
)
def test_each_kind_of_object_counts(tmp_path: Path, statement: str, changed: str) -> None:
    before = held(tmp_path / "house.duckdb", *MADE)
    after = held(tmp_path / "house.duckdb", statement)
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {changed}


def test_a_copy_holds_the_same(tmp_path: Path) -> None:
    used = "SELECT nextval('s'), nextval('s')"
    before = held(tmp_path / "house.duckdb", *MADE, used)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{tmp_path / 'house.duckdb'}' AS house")
        connection.execute(f"ATTACH '{tmp_path / 'copy.duckdb'}' AS copy")
        connection.execute("COPY FROM DATABASE house TO copy")
    assert held(tmp_path / "house.duckdb") == before
    assert content({"house": str(tmp_path / "copy.duckdb")})["house"] == before


def test_names_with_dots_are_two(tmp_path: Path) -> None:
    schemas = ('CREATE SCHEMA "a"', 'CREATE SCHEMA "a.b"')
    tables = ('CREATE TABLE "a"."b.c" AS SELECT 1 AS n', 'CREATE TABLE "a.b"."c" AS SELECT 1 AS n')
    before = held(tmp_path / "house.duckdb", *schemas, *tables)
    assert {'"a"."b.c"', '"a.b"."c"'} < set(before)
    for number, table in enumerate(('"a"."b.c"', '"a.b"."c"')):
        after = held(tmp_path / "house.duckdb", f"INSERT INTO {table} VALUES ({number + 2})")
        assert [name for name in before if before[name] != after[name]] == [table]
        before = after


def recorded(found: dict[str, Held]) -> dict[str, Any]:
    """The same as an older version has written it down: schemas, tables and views, without quotes."""
    return {plain(name): one for name, one in found.items() if one["kind"] in ("schema", "table", "view")}


def test_what_an_older_version_has_recorded_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    found = held(tmp_path / "house.duckdb", *MADE)
    older = recorded(found)
    assert set(older) == {"main.t", "main.v"}
    assert same(found, older, {})
    assert same(held(tmp_path / "house.duckdb", "DROP MACRO f"), older, {})
    assert same(found, older, {"duckdb": "0.0.0"})
    changed = held(tmp_path / "house.duckdb", "INSERT INTO t VALUES (2)")
    assert not same(changed, older, {})
    assert not same(changed, older, {"duckdb": "0.0.0"})
    assert not same(held(tmp_path / "house.duckdb", "DELETE FROM t WHERE a = 2", "DROP VIEW v"), older, {})


def test_plain_names() -> None:
    assert plain('"a.b"."c""d"') == 'a.b.c"d'
    assert plain("main.t") == "main.t"
    assert relations({'"main"': 1, '"main"."t"': 2, 'sequence "main"."s"': 3}) == {"main": 1, "main.t": 2}
    assert relations({"main": 1, "main.t": 2}) == {"main": 1, "main.t": 2}
    assert as_recorded({'sequence "main"."s"': 3}, {}) == {'sequence "main"."s"': 3}


def test_digests_of_the_set_that_an_older_version_has_sealed() -> None:
    now = {"state.duckdb": "1", 'md:house/"main"."t"': "2", 'md:house/macro "main"."f"': "3"}
    assert stamps_as_recorded(now, {"state.duckdb": "1", "md:house/main.t": "2"}) == {
        "state.duckdb": "1",
        "md:house/main.t": "2",
    }
    assert stamps_as_recorded(now, {**now}) == now
    assert stamps_as_recorded(now, {"state.duckdb": "1"}) == now


def test_an_operation_that_an_older_version_has_ended_is_not_changed_since(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(operations(small.home) / "abc123")
    journal.append("planned", task="ops.restore", title="restore", arguments={}, steps=[])
    journal.append("started", "seal", title="Note")
    journal.append("done", "seal", stamps={"state.duckdb": "1", "md:house/main.t": "table 1 2"})
    journal.append("succeeded", seconds={})
    record = history(small.home)[0]
    now = {"state.duckdb": "1", 'md:house/"main"."t"': "table 1 2", 'md:house/macro "main"."f"': "macro 0 3"}

    def stamps(_: Stack) -> dict[str, str]:
        return now

    monkeypatch.setattr(undo.snapshots, "stamps", stamps)
    assert undo.later_changes(small, record) == []
    now['md:house/"main"."t"'] = "table 2 3"
    assert undo.later_changes(small, record) == ["md:house/main.t"]
