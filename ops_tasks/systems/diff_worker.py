"""What two ages of the same tables have in common, row by row: added, removed and changed per day. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    cannot be read; `columns`: those that only one side has; `unread`: `before` or `after` -> why it cannot be read. The
    rows are counted then only if what a view reads is gone: it has none.
    """

    days: dict[str, list[int]]
    added: int
    removed: int
    changed: int
    before: int | None
    after: int | None
    columns: list[str]
    unread: dict[str, str]


class Place(TypedDict):
    """A table or view, and the DuckDB types of its columns, in their order."""

    catalog: str
    schema: str
    table: str
    types: dict[str, str]


Types = dict[tuple[str, str, str], dict[str, str]]
Action = Callable[[duckdb.DuckDBPyConnection, int, "Look"], "Seen"]
SIDES = ("before", "after")
BUCKETS, NO_DAY, UNDATED = 1024, -10_000_000, "CAST(NULL AS DATE)"


@steady_if_remote
def places(databases: dict[str, str]) -> list[Place]:
    """Every table and view of these catalogs (name -> path or `md:database`), and of what stands behind them."""
    connection = duckdb.connect(":memory:")
    try:
        found = _types(connection, databases)
    finally:
        connection.close()
    return [Place(catalog=place[0], schema=place[1], table=place[2], types=types) for place, types in found.items()]


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
        seen, looks = _sums(connection, sides, looks)
        told = [look for look in looks if not any(side[look.index].fails for side in seen)]
        for look in told:
            connection.execute(_DIFFERING.format(index=look.index))
        for number in (0, 1):
            _each(connection, sides[number], number, told, _hashed)
        found = {
            look.name: _difference(look, _days(connection, look.index) if look in told else {}, seen) for look in looks
        }
        return {name: one for name, one in found.items() if _differs(one)}
    finally:
        connection.close()


def _differs(one: Difference) -> bool:
    counts = one["added"] or one["removed"] or one["changed"]
    return bool(counts or one["columns"] or one["unread"]) or (one["before"] is None) != (one["after"] is None)


@dataclass(frozen=True)
class Seen:
    """One side of a table: its rows, None without any to be read; why it cannot be read; `gone`: what it reads is."""

    rows: int | None = None
    problem: str = ""
    gone: bool = False

    @property
    def fails(self) -> bool:
        """Whether there may be rows that nobody has seen: then nothing can be said of the difference."""
        return bool(self.problem) and not self.gone


@dataclass(frozen=True)
class Look:
    """How a table is looked at: SQL for its place, a row's day, key, content and group.

    The two sides have days of their own, for the column may be of another type in each; `there` is per side as well.
    """

    index: int
    name: str
    place: str
    days: tuple[str, str]
    key: str
    content: str
    groups: tuple[str, str]
    there: tuple[bool, bool]
    columns: tuple[str, ...]
    remote: bool


_DIFFERING = """
    CREATE TEMP TABLE differing_{index} AS
    SELECT coalesce(a.g, b.g) AS g FROM temp.sums_0_{index} a FULL JOIN temp.sums_1_{index} b ON a.g = b.g
    WHERE a.n IS DISTINCT FROM b.n OR a.total IS DISTINCT FROM b.total
"""


def _look(index: int, table: Compared, types: list[Types], *, remote: bool) -> Look:
    place = (table["catalog"], table["schema"], table["table"])
    before, after = (side.get(place, {}) for side in types)
    own = before or after
    common = [name for name in own if (name in (after or own)) and name not in table["exclude"]]
    column = table["date_column"]
    keyed = bool(table["keys"]) and all(name in common for name in table["keys"])
    values = ", ".join(ident(name) for name in sorted(common)) or "1"
    key = ", ".join(ident(name) for name in table["keys"]) if keyed else values
    look = Look(
        index=index,
        name=table["name"],
        place=ident(*place),
        days=(UNDATED, UNDATED),
        key=f"hash({key})",
        content=f"hash({values})",
        groups=("", ""),
        there=(bool(before), bool(after)),
        columns=tuple(sorted(set(before) ^ set(after))) if before and after else (),
        remote=remote,
    )
    if column is None or column not in common:
        return _undated(look)
    first, last = (day_of(column, (side or own)[column]) for side in (before, after))
    # a type that has no day on one side only: the days of the other have nothing to be compared with
    return _undated(look) if first is None or last is None else _dated(look, first, last)


def _dated(look: Look, first: str, last: str) -> Look:
    def group(day: str) -> str:
        return f"CAST(coalesce(date_diff('day', DATE '1970-01-01', {day}), {NO_DAY}) AS BIGINT)"

    return replace(look, days=(first, last), groups=(group(first), group(last)))


def _undated(look: Look) -> Look:
    """The same table as a whole."""
    group = f"CAST({look.key} % {BUCKETS} AS BIGINT)"
    return replace(look, days=(UNDATED, UNDATED), groups=(group, group))


def _sums(
    connection: duckdb.DuckDBPyConnection, sides: tuple[dict[str, str], dict[str, str]], looks: list[Look]
) -> tuple[tuple[dict[int, Seen], dict[int, Seen]], list[Look]]:
    """Sum both sides up, what cannot be read by its day once more as a whole; per side index -> what was seen."""
    before, after = (_each(connection, sides[number], number, looks, _summed) for number in (0, 1))
    again = {
        look.index: _undated(look)
        for look in looks
        if look.days[0] != UNDATED and (before[look.index].fails or after[look.index].fails)
    }
    if again:
        before |= _each(connection, sides[0], 0, list(again.values()), _summed)
        after |= _each(connection, sides[1], 1, list(again.values()), _summed)
    return (before, after), [again.get(look.index, look) for look in looks]


def _each(
    connection: duckdb.DuckDBPyConnection, side: dict[str, str], number: int, looks: list[Look], action: Action
) -> dict[int, Seen]:
    attach(connection, side)
    found = {look.index: action(connection, number, look) for look in looks}
    _let_go(connection, side)
    return found


def _summed(connection: duckdb.DuckDBPyConnection, side: int, look: Look) -> Seen:
    """Sums per group of one side's rows."""
    name = f"temp.sums_{side}_{look.index}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sums_{side}_{look.index} (g BIGINT, n BIGINT, total HUGEINT)")
    if not look.there[side]:
        return Seen()
    progress(f"comparing {look.name}")
    try:
        connection.execute(
            f"INSERT INTO {name} SELECT {look.groups[side]} AS g, count(*) AS n, sum({look.content}) AS total "
            f"FROM {look.place} GROUP BY ALL"
        )
    except duckdb.Error as error:
        if look.remote and isinstance(error, LOST):
            raise
        problem = str(error).splitlines()[0]
        # the text is not documented; without it such a view counts as one of which nothing is known
        return Seen(problem=problem, gone=isinstance(error, duckdb.CatalogException) and "Table with name" in problem)
    return Seen(int(connection.execute(f"SELECT coalesce(sum(n), 0) FROM {name}").fetchall()[0][0]))


def _hashed(connection: duckdb.DuckDBPyConnection, side: int, look: Look) -> Seen:
    """Hashes of the rows of one side, in the groups that differ."""
    connection.execute(
        f"CREATE TEMP TABLE {_side(side, look.index)} (day DATE, key UBIGINT, content UBIGINT, n BIGINT)"
    )
    if look.there[side] and connection.execute(f"SELECT 1 FROM temp.sums_{side}_{look.index} LIMIT 1").fetchall():
        connection.execute(
            f"INSERT INTO {_side(side, look.index)} SELECT {look.days[side]}, {look.key}, {look.content}, count(*) "
            f"FROM {look.place} WHERE {look.groups[side]} IN (SELECT g FROM temp.differing_{look.index}) GROUP BY ALL"
        )
    return Seen()


def _types(connection: duckdb.DuckDBPyConnection, side: dict[str, str]) -> Types:
    attach(connection, side)
    found: Types = {}
    for catalog, schema, table, column, kind in connection.execute(
        "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY column_index"
    ).fetchall():
        found.setdefault((catalog, schema, table), {})[column] = kind
    _let_go(connection, side)
    return found


def _let_go(connection: duckdb.DuckDBPyConnection, side: dict[str, str]) -> None:
    for name in side:
        detach(connection, name)


def _side(side: int, index: int) -> str:
    return f"temp.{'before' if side == 0 else 'after'}_{index}"


def _days(connection: duckdb.DuckDBPyConnection, index: int) -> dict[str, list[int]]:
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
    return {
        "none" if day is None else str(day): [int(added), int(removed), int(changed)]
        for day, added, removed, changed in connection.execute(differing).fetchall()
    }


def _difference(look: Look, days: dict[str, list[int]], seen: tuple[dict[int, Seen], dict[int, Seen]]) -> Difference:
    totals = [sum(counts[position] for counts in days.values()) for position in range(3)]
    before, after = (side[look.index] for side in seen)
    return Difference(
        days=days,
        added=totals[0],
        removed=totals[1],
        changed=totals[2],
        before=before.rows,
        after=after.rows,
        columns=list(look.columns),
        unread={side: one.problem for side, one in zip(SIDES, (before, after), strict=True) if one.problem},
    )
