"""What dlt has loaded into raw tables since a moment, by its own log of loads: the present alone tells. Reads only."""

from __future__ import annotations

from typing import TypedDict

import duckdb

from ops_tasks.systems.duck_worker import _columns as columns_of  # pyright: ignore[reportPrivateUsage]
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import day_of, ident
from ops_tasks.systems.steady_worker import steady_if_remote


class Asked(TypedDict):
    """A raw table, the column that says its day (or None), and the moment (ISO, UTC)."""

    name: str
    catalog: str
    dataset: str
    table: str
    date_column: str | None
    since: str


@steady_if_remote
def loaded_since(databases: dict[str, str], tables: list[Asked]) -> dict[str, dict[str, int]]:
    """Return table -> ISO day (`none` without one) -> rows of loads that ended after the moment, or have not ended.

    Tables that dlt did not load, and those without such rows, are left out.
    """
    with attached(databases) as connection:
        known = columns_of(connection)
        found: dict[str, dict[str, int]] = {}
        for table in tables:
            place = f"{table['catalog']}.{table['dataset']}"
            types = known.get(f"{place}.{table['table']}", {})
            if "_dlt_load_id" in types and f"{place}._dlt_loads" in known:
                rows = _loaded(connection, table, types)
                found |= {table["name"]: rows} if rows else {}
        return found


def _loaded(connection: duckdb.DuckDBPyConnection, table: Asked, types: dict[str, str]) -> dict[str, int]:
    column = table["date_column"]
    day = (day_of(column, types[column]) if column in types else None) or "CAST(NULL AS DATE)"
    loads, rows = (ident(table["catalog"], table["dataset"], name) for name in ("_dlt_loads", table["table"]))
    query = (
        f"SELECT {day} AS day, count(*) FROM {rows} WHERE _dlt_load_id NOT IN "
        f"(SELECT load_id FROM {loads} WHERE inserted_at <= CAST(? AS TIMESTAMPTZ)) GROUP BY 1 ORDER BY 1"
    )
    told = connection.execute(query, [table["since"]]).fetchall()
    return {"none" if day is None else str(day): count for day, count in told}
