"""What a database that may be broken still gives away: tables are looked at, and kept, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import duckdb

from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ROW, day_of, ident, literal
from ops_tasks.systems.steady_worker import steady_if_remote
from ops_tasks.systems.worker_main import progress


class Look(TypedDict):
    """What a table has: `rows`, distinct `days` of its date column, first, last; `problem` where it is unreadable."""

    rows: int
    days: int
    first: str | None
    last: str | None
    problem: str


@steady_if_remote
def look(databases: dict[str, str], tables: dict[str, tuple[str, str | None]]) -> dict[str, Look]:
    """Read every value of each table; `tables` is name -> (`catalog.schema.table`, date column or None).

    Without a date column its only DATE, if it has exactly one, counts as its day. A table that is not there is left
    out. Never raises for a broken database: that is what is being asked.
    """
    try:
        with attached(databases) as connection:
            return {name: found for name, asked in tables.items() if (found := _look(connection, *asked)) is not None}
    except duckdb.Error as error:
        return {name: Look(rows=0, days=0, first=None, last=None, problem=_line(error)) for name in tables}


@steady_if_remote
def keep(databases: dict[str, str], tables: dict[str, str], target: str) -> dict[str, int]:
    """Copy tables (kept name -> `catalog.schema.table`) into the new database `target`; returns rows per kept name."""
    Path(target).unlink(missing_ok=True)
    kept: dict[str, int] = {}
    with attached(databases) as connection:
        connection.execute(f"ATTACH {literal(target)} AS kept_history")
        for name, table in tables.items():
            progress(f"keeping {table}")
            into = ident("kept_history", "main", name)
            connection.execute(f"CREATE TABLE {into} AS SELECT * FROM {ident(*table.split('.', 2))}")
            kept[name] = connection.execute(f"SELECT count(*) FROM {into}").fetchall()[0][0]
        connection.execute("DETACH kept_history")
    return kept


def drop(path: str, table: str, view: str) -> None:
    """Drop a table and a view (`catalog.schema.name`) of one database: for rehearsals, on a copy."""
    with duckdb.connect(path) as connection:
        connection.execute(f"DROP VIEW {ident(*view.split('.', 2)[1:])}")
        connection.execute(f"DROP TABLE {ident(*table.split('.', 2)[1:])}")


def _look(connection: duckdb.DuckDBPyConnection, table: str, column: str | None) -> Look | None:
    parts = table.split(".", 2)
    try:
        types = dict(
            connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = ? AND schema_name = ? AND table_name = ?",
                parts,
            ).fetchall()
        )
        if not types:
            return None
        dates = [name for name, kind in types.items() if kind == "DATE"]
        column = column or (dates[0] if len(dates) == 1 else None)
        day = (day_of(column, types[column]) if column is not None and column in types else None) or "NULL"
        asked: Any = connection.execute(
            f"SELECT count(*), count(DISTINCT {day}), min({day}), max({day}), sum(hash({ROW})) "
            f"FROM {ident(*parts)} {ROW}"
        ).fetchall()[0]
    except duckdb.Error as error:
        return Look(rows=0, days=0, first=None, last=None, problem=_line(error))
    first, last = (None if value is None else str(value) for value in asked[2:4])
    return Look(rows=asked[0], days=asked[1], first=first, last=last, problem="")


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
