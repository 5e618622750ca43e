"""Which keys a table had and has no more: a count of rows cannot tell, because gains hide losses."""

from __future__ import annotations

from typing import TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import attach, detach
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote


class Keyed(TypedDict):
    """A table (or view), and the SQL expressions of its key, as the model writes them."""

    name: str
    catalog: str
    schema: str
    table: str
    keys: list[str]


@steady_if_remote
def lost(before: dict[str, str], after: dict[str, str], tables: list[Keyed]) -> dict[str, int]:
    """Return table -> how many keys of `before` are not in `after`; both are catalog -> path or `md:database`.

    Views made by SQLMesh on DuckDB 1.5 name their catalog, so that the same names are attached one after the other.
    """
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        attach(connection, before)
        for number, table in enumerate(tables):
            connection.execute(f"CREATE TEMP TABLE keys_{number} AS SELECT DISTINCT {_keys(table)}")
        for name in before:
            detach(connection, name)
        attach(connection, after)
        return {
            table["name"]: connection.execute(
                f"SELECT count(*) FROM (FROM temp.keys_{number} EXCEPT SELECT {_keys(table)})"
            ).fetchall()[0][0]
            for number, table in enumerate(tables)
        }
    finally:
        connection.close()


def _keys(table: Keyed) -> str:
    return f"{', '.join(table['keys'])} FROM {ident(table['catalog'], table['schema'], table['table'])}"
