"""What two ages of the same tables have in common, row by row: added, removed and changed per day. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import LOST, MD, attach, detach
from ops_tasks.systems.sql import day_of, ident
from ops_tasks.systems.steady_worker import steady_if_remote
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
Action = Callable[[duckdb.DuckDBPyConnection, int, "Look"], "int | None"]
BUCKETS, NO_DAY = 1024, -10_000_000


@steady_if_remote
def differences(before: dict[str, str], after: dict[str, str], tables: list[Compared]) -> dict[str, Difference]:
    """Compare every table that differs in anything; `before` and `after` are catalog -> path or `md:database`.

    The same names are attached one after the other, because views made by SQLMesh (DuckDB 1.5) name their catalog.
    First sums of hashes per day (or per bucket of keys) are compared; only rows of days that differ are looked at one
    by one, by hashes in temporary tables that spill to disk.
    """
    sides = (before, after)
    remote = any(where.startswith(MD) for side in sides for where in side.values())
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        types = [_types(connection, side) for side in sides]
        looks = [_look(index, table, types, remote=remote) for index, table in enumerate(tables)]
        rows = [_each(connection, sides[number], number, looks, _summed) for number in (0, 1)]
        for look in looks:
            connection.execute(_DIFFERING.format(index=look.index))
        for number in (0, 1):
            _each(connection, sides[number], number, looks, _hashed)
        found = {look.name: _difference(connection, look, (rows[0][look.index], rows[1][look.index])) for look in looks}
        return {name: one for name, one in found.items() if _differs(one)}
    finally:
        connection.close()


def _differs(one: Difference) -> bool:
    counts = one["added"] or one["removed"] or one["changed"]
    return bool(counts or one["columns"]) or (one["before"] is None) != (one["after"] is None)


@dataclass(frozen=True)
class Look:
    """How a table is looked at: SQL for its place, a row's day, key, content and group; `there` per side."""

    index: int
    name: str
    place: str
    day: str
    key: str
    content: str
    group: str
    there: tuple[bool, bool]
    columns: tuple[str, ...]
    remote: bool


_DIFFERING = """
    CREATE TEMP TABLE differing_{index} AS
    SELECT coalesce(a.g, b.g) AS g FROM temp.sums_0_{index} a FULL JOIN temp.sums_1_{index} b ON a.g = b.g
    WHERE a.n IS DISTINCT FROM b.n OR a.total IS DISTINCT FROM b.total
"""


def _look(index: int, table: Compared, types: list[Types], *, remote: bool) -> Look:
    place = f"{table['catalog']}.{table['schema']}.{table['table']}"
    before, after = (side.get(place, {}) for side in types)
    own = before or after
    common = [name for name in own if (name in (after or own)) and name not in table["exclude"]]
    column = table["date_column"]
    day = day_of(column, own[column]) if column is not None and column in common else None
    keyed = bool(table["keys"]) and all(name in common for name in table["keys"])
    values = ", ".join(ident(name) for name in sorted(common)) or "1"
    key = ", ".join(ident(name) for name in table["keys"]) if keyed else values
    group = f"coalesce(date_diff('day', DATE '1970-01-01', {day}), {NO_DAY})" if day else f"hash({key}) % {BUCKETS}"
    return Look(
        index=index,
        name=table["name"],
        place=ident(table["catalog"], table["schema"], table["table"]),
        day=day or "CAST(NULL AS DATE)",
        key=f"hash({key})",
        content=f"hash({values})",
        group=f"CAST({group} AS BIGINT)",
        there=(bool(before), bool(after)),
        columns=tuple(sorted(set(before) ^ set(after))) if before and after else (),
        remote=remote,
    )


def _each(
    connection: duckdb.DuckDBPyConnection, side: dict[str, str], number: int, looks: list[Look], action: Action
) -> list[int | None]:
    attach(connection, side)
    found = [action(connection, number, look) for look in looks]
    _let_go(connection, side)
    return found


def _summed(connection: duckdb.DuckDBPyConnection, side: int, look: Look) -> int | None:
    """Sums per group of one side's rows; returns how many rows there are, None where that cannot be read."""
    name = f"sums_{side}_{look.index}"
    if look.there[side]:
        progress(f"comparing {look.name}")
        try:
            connection.execute(
                f"CREATE TEMP TABLE {name} AS SELECT {look.group} AS g, count(*) AS n, sum({look.content}) AS total "
                f"FROM {look.place} GROUP BY ALL"
            )
        except duckdb.Error as error:  # a view whose table was dropped
            if look.remote and isinstance(error, LOST):
                raise
        else:
            return int(connection.execute(f"SELECT coalesce(sum(n), 0) FROM temp.{name}").fetchall()[0][0])
    connection.execute(f"CREATE TEMP TABLE {name} (g BIGINT, n BIGINT, total HUGEINT)")
    return None


def _hashed(connection: duckdb.DuckDBPyConnection, side: int, look: Look) -> int | None:
    """Hashes of the rows of one side, in the groups that differ."""
    connection.execute(
        f"CREATE TEMP TABLE {_side(side, look.index)} (day DATE, key UBIGINT, content UBIGINT, n BIGINT)"
    )
    if look.there[side] and connection.execute(f"SELECT 1 FROM temp.sums_{side}_{look.index} LIMIT 1").fetchall():
        connection.execute(
            f"INSERT INTO {_side(side, look.index)} SELECT {look.day}, {look.key}, {look.content}, count(*) "
            f"FROM {look.place} WHERE {look.group} IN (SELECT g FROM temp.differing_{look.index}) GROUP BY ALL"
        )
    return None


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


def _side(side: int, index: int) -> str:
    return f"temp.{'before' if side == 0 else 'after'}_{index}"


def _difference(connection: duckdb.DuckDBPyConnection, look: Look, rows: tuple[int | None, int | None]) -> Difference:
    index = look.index
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
        columns=list(look.columns),
    )
