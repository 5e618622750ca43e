"""One connection to a raw database and, where there is one, to what a load has staged for it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ops_tasks.errors import StepFailed
from ops_tasks.systems.attaching_worker import MD
from ops_tasks.systems.sql import literal


@dataclass(frozen=True)
class Pair:
    """A connection with both databases attached, and what they are called there: MotherDuck's have their own names."""

    connection: duckdb.DuckDBPyConnection
    raw: str
    staging: str


@contextmanager
def paired(raw: str, staging: str | None, *, read_only: bool = False) -> Generator[Pair]:
    """Attach both (paths, or `md:database`), times in UTC; what is staged is never written to."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        live = _attached(connection, raw, "raw", read_only=read_only)
        fresh = "" if staging is None else _attached(connection, staging, "staging", read_only=True)
        yield Pair(connection, live, fresh)
    finally:
        connection.close()


def _attached(connection: duckdb.DuckDBPyConnection, where: str, name: str, *, read_only: bool) -> str:
    if where.startswith(MD):
        connection.execute(f"ATTACH {literal(where)}")
        return where.removeprefix(MD)
    if not Path(where).is_file():
        raise StepFailed(f"{where} does not exist")
    connection.execute(f"ATTACH {literal(where)} AS {name} {'(READ_ONLY)' if read_only else ''}")
    return name


def types_of(pair: Pair, catalog: str, dataset: str, table: str) -> dict[str, str]:
    """Column -> DuckDB type of a table; nothing for one that is not there."""
    return dict(
        pair.connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
            [catalog, dataset, table],
        ).fetchall()
    )
