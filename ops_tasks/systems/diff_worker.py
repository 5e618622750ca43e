"""What two ages of the same tables have in common, row by row: added, removed and changed per day. Reads only."""

from __future__ import annotations

from typing import TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import attach, detach
from ops_tasks.systems.sql import day_of, ident
from ops_tasks.systems.worker_main import progress


class Compared(TypedDict):
    """A table or view to compare; `keys` are columns that name a row, `exclude` columns that do not count."""

    name: str
    catalog: str
    schema: str
    table: str
    date_column: str | None
    keys: list[str]
    exclude: list[str]


class Difference(TypedDict):
    """How `after` differs from `before`: per ISO day (`none` without one) `[added, removed, changed]`, and in all.

    Without keys a changed row is one removed and one added. `before` and `after`: rows, None where it is not there or
    cannot be read; `columns`: those that only one side has.
    """

    days: dict[str, list[int]]
    added: int
    removed: int
    changed: int
    before: int | None
    after: int | None
    columns: list[str]


Types = dict[str, dict[str, str]]


def differences(before: dict[str, str], after: dict[str, str], tables: list[Compared]) -> dict[str, Difference]:
    """Compare every table that differs in anything; `before` and `after` are catalog -> path or `md:database`.

    The same names are attached one after the other, because views made by SQLMesh (DuckDB 1.5) name their catalog. Only
    hashes of rows and keys are kept meanwhile, in temporary tables that spill to disk.
    """
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        types = [_types(connection, side) for side in (before, after)]
        rows: list[dict[str, int | None]] = []
        for number, side in enumerate((before, after)):
            attach(connection, side)
            rows.append(
                {table["name"]: _hashed(connection, number, index, table, types) for index, table in enumerate(tables)}
            )
            _let_go(connection, side)
        found: dict[str, Difference] = {}
        for index, table in enumerate(tables):
            one = _difference(connection, index, table, types, (rows[0][table["name"]], rows[1][table["name"]]))
            if (
                one["added"]
                or one["removed"]
                or one["changed"]
                or one["columns"]
                or (one["before"] is None) != (one["after"] is None)
            ):
                found[table["name"]] = one
        return found
    finally:
        connection.close()


def _types(connection: duckdb.DuckDBPyConnection, side: dict[str, str]) -> Types:
    attach(connection, side)
    found: Types = {}
    for catalog, schema, table, column, kind in connection.execute(
        "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY column_index"
    ).fetchall():
        found.setdefault(f"{catalog}.{schema}.{table}", {})[column] = kind
    _let_go(connection, side)
    return found


def _let_go(connection: duckdb.DuckDBPyConnection, side: dict[str, str]) -> None:
    for name in side:
        detach(connection, name)


def _place(table: Compared) -> str:
    return f"{table['catalog']}.{table['schema']}.{table['table']}"


def _hashed(
    connection: duckdb.DuckDBPyConnection, side: int, index: int, table: Compared, types: list[Types]
) -> int | None:
    """Keep the hashes of one side's rows; returns how many rows there are."""
    own, other = types[side].get(_place(table)), types[1 - side].get(_place(table))
    if own is None:
        return None
    progress(f"comparing {table['name']}")
    common = [name for name in own if (other is None or name in other) and name not in table["exclude"]]
    column = table["date_column"]
    day = day_of(column, own[column]) if column is not None and column in own else None
    keyed = bool(table["keys"]) and all(name in own for name in table["keys"])
    values = ", ".join(ident(name) for name in sorted(common)) or "1"
    key = ", ".join(ident(name) for name in table["keys"]) if keyed else values
    try:
        connection.execute(
            f"CREATE TEMP TABLE {_side(side, index)} AS SELECT {day or 'CAST(NULL AS DATE)'} AS day, "
            f"hash({key}) AS key, hash({values}) AS content, count(*) AS n "
            f"FROM {ident(table['catalog'], table['schema'], table['table'])} GROUP BY ALL"
        )
    except duckdb.Error:  # a view whose table was dropped
        return None
    return int(connection.execute(f"SELECT coalesce(sum(n), 0) FROM {_side(side, index)}").fetchall()[0][0])


def _side(side: int, index: int) -> str:
    return f"temp.{'before' if side == 0 else 'after'}_{index}"


def _difference(
    connection: duckdb.DuckDBPyConnection,
    index: int,
    table: Compared,
    types: list[Types],
    rows: tuple[int | None, int | None],
) -> Difference:
    before, after = (types[side].get(_place(table), {}) for side in (0, 1))
    lost = sorted(set(before) ^ set(after)) if before and after else []
    for side in (0, 1):
        if rows[side] is None:
            connection.execute(
                f"CREATE TEMP TABLE {_side(side, index)} (day DATE, key UBIGINT, content UBIGINT, n BIGINT)"
            )
    # A row that one side has less often than the other: `more` is after, `less` is before.
    differing = f"""
        WITH both_sides AS (
            SELECT coalesce(a.day, b.day) AS day, coalesce(a.key, b.key) AS key,
                   greatest(coalesce(a.n, 0) - coalesce(b.n, 0), 0) AS more,
                   greatest(coalesce(b.n, 0) - coalesce(a.n, 0), 0) AS less
            FROM {_side(1, index)} a FULL JOIN {_side(0, index)} b
            ON a.key = b.key AND a.content = b.content AND a.day IS NOT DISTINCT FROM b.day
        ), keys AS (
            SELECT key, max(day) AS day, sum(more) AS more, sum(less) AS less FROM both_sides GROUP BY key
        )
        SELECT day, sum(greatest(more - less, 0)), sum(greatest(less - more, 0)), sum(least(more, less))
        FROM keys WHERE more + less > 0 GROUP BY day ORDER BY day
    """
    days = {
        "none" if day is None else str(day): [int(added), int(removed), int(changed)]
        for day, added, removed, changed in connection.execute(differing).fetchall()
    }
    totals = [sum(counts[position] for counts in days.values()) for position in range(3)]
    return Difference(
        days=days,
        added=totals[0],
        removed=totals[1],
        changed=totals[2],
        before=rows[0],
        after=rows[1],
        columns=lost,
    )
