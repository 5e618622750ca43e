"""Quoting, tried on a real DuckDB."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.systems.sql import day_of, ident, literal

# DuckDB has no NUL in a statement and knows no empty name.
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
NASTY = st.sampled_from(
    ['a"b', "a'b", '"', "'", "--", "/*", "a.b", "select", "; DROP TABLE t; --", "Ünï", "a\nb", "$1"]
)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


@settings(deadline=None)
@given(text=TEXT | NASTY)
def test_a_literal_comes_back(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@settings(deadline=None)
@given(schema=TEXT.filter(bool) | NASTY, table=TEXT.filter(bool) | NASTY, column=TEXT.filter(bool) | NASTY)
def test_a_name_comes_back(connection: duckdb.DuckDBPyConnection, schema: str, table: str, column: str) -> None:
    if schema.lower() in {"main", "temp", "system", "pg_catalog", "information_schema"}:
        return
    connection.execute("BEGIN")
    try:
        connection.execute(f"CREATE SCHEMA {ident(schema)}")
        connection.execute(f"CREATE TABLE {ident(schema, table)} ({ident(column)} INTEGER)")
        found = connection.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        )
        assert found.fetchall() == [(schema, table, column)]
        assert connection.execute(f"SELECT {ident(table, column)} FROM {ident(schema, table)}").fetchall() == []
    finally:
        connection.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("DATE", "DATE '2026-04-18'", "2026-04-18"),
        ("TIMESTAMP", "TIMESTAMP '2026-04-18 23:59:59'", "2026-04-18"),
        ("TIMESTAMP_NS", "TIMESTAMP_NS '2026-04-18 23:59:59'", "2026-04-18"),
        ("TIMESTAMP_S", "TIMESTAMP_S '2026-04-18 00:00:00'", "2026-04-18"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ '2026-04-18 23:30:00-05'", "2026-04-19"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ '2026-04-18 00:30:00+02'", "2026-04-17"),
        ("VARCHAR", "'2026-04-18'", "2026-04-18"),
        ("VARCHAR", "'2026-04-18T23:30:00-05:00'", "2026-04-18"),
        ("VARCHAR", "'2026-04-18 07:00'", "2026-04-18"),
        ("VARCHAR", "'20260418'", "2026-04-18"),
        ("VARCHAR", "' 20260418 07:00'", "2026-04-18"),
        ("VARCHAR", "'20260418T233000Z'", "2026-04-18"),
        ("VARCHAR", "'20261318'", "None"),
        ("VARCHAR", "'1710102233'", "None"),
        ("VARCHAR", "'12026-04-18'", "None"),
        ("VARCHAR", "'99999-01-01'", "None"),
        ("DATE", "DATE '9999-12-31'", "9999-12-31"),
        ("DATE", "DATE '10000-01-01'", "None"),
        ("DATE", "DATE '0044-03-15 (BC)'", "None"),
        ("DATE", "DATE 'infinity'", "None"),
        ("TIMESTAMP", "TIMESTAMP '12026-04-18 00:00:00'", "None"),
        ("TIMESTAMP", "TIMESTAMP '-infinity'", "None"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ 'infinity'", "None"),
        ("VARCHAR", "'soon'", "None"),
        ("VARCHAR", "''", "None"),
        ("DATE", "NULL", "None"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_day_is_the_utc_day_whatever_the_session(
    connection: duckdb.DuckDBPyConnection, kind: str, value: str, expected: str, zone: str
) -> None:
    connection.execute(f"SET TimeZone = {literal(zone)}")
    day = day_of("d", kind, table="t")
    assert day is not None
    found = connection.execute(f"SELECT {day} FROM (SELECT CAST({value} AS {kind}) AS d) AS t").fetchall()
    assert str(found[0][0]) == expected


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT", "TIME", "INTERVAL", "DOUBLE", "DATE[]", "STRUCT(d DATE)"])
def test_other_types_have_no_day(kind: str) -> None:
    assert day_of("d", kind) is None
