"""The raw tables of one dlt dataset: what a staged load brought, and its exchange for a window of days.

Child tables go with their parents: dlt links a row to its parent by `_dlt_parent_id` = the parent's `_dlt_id`.
"""

from __future__ import annotations

from typing import Any, TypedDict

from ops_tasks.errors import StepFailed
from ops_tasks.systems.orphans_worker import Nested, remove_from
from ops_tasks.systems.pairing_worker import Pair, paired, types_of
from ops_tasks.systems.sql import day_of, ident
from ops_tasks.systems.steady_worker import steady_if_remote


class Dated(TypedDict):
    """A raw table that can be exchanged by day, its key, and the tables below it: `(child, parent)`, parents first."""

    table: str
    date_column: str
    primary_key: list[str]
    children: list[tuple[str, str]]


@steady_if_remote
def staged(raw: str, staging: str, dataset: str, tables: list[Dated], start: str, end: str) -> dict[str, Any]:
    """Return, per table, what the staged load holds, without changing anything.

    `days`: rows per day inside the window; `outside`, `undated`: rows that will not be taken; `moved`: first and last
    day of rows outside the window whose key the staged window also has, `clashes`: how many such rows have no day;
    `repeated`: rows of the window whose key an earlier one has, live and staged;
    `new_columns`: columns the raw table and its children lack (`table.*` for a child table that is not there yet);
    `children`: child table -> rows of the window, live and staged.
    """
    found: dict[str, Any] = {}
    with paired(raw, staging, read_only=True) as pair:
        for dated in tables:
            live = types_of(pair, pair.raw, dataset, dated["table"])
            fresh = types_of(pair, pair.staging, dataset, dated["table"])
            if not fresh:
                found[dated["table"]] = {
                    "days": {},
                    "outside": 0,
                    "undated": 0,
                    "moved": None,
                    "clashes": 0,
                    "repeated": [0, 0],
                    "new_columns": [],
                    "children": {},
                }
                continue
            day = _day(dated, fresh)
            where = ident(pair.staging, dataset, dated["table"])
            rows = pair.connection.execute(f"SELECT {day}, count(*) FROM {where} GROUP BY 1 ORDER BY 1").fetchall()
            inside = {str(d): n for d, n in rows if d is not None and start <= str(d) <= end}
            moved, clashes = _moved(pair, dataset, dated, _day(dated, live), day, (start, end))
            found[dated["table"]] = {
                "days": inside,
                "outside": sum(n for d, n in rows if d is not None and not start <= str(d) <= end),
                "undated": sum(n for d, n in rows if d is None),
                "moved": moved,
                "clashes": clashes,
                "repeated": [
                    _repeated(pair, pair.raw, dataset, dated, _day(dated, live), (start, end)),
                    _repeated(pair, pair.staging, dataset, dated, day, (start, end)),
                ],
                "new_columns": _new_columns(pair, dataset, dated),
                "children": _children(pair, dataset, dated, day, (start, end)),
            }
    return found


@steady_if_remote
def swap(raw: str, staging: str, dataset: str, tables: list[Dated], start: str, end: str) -> dict[str, Any]:
    """Replace the window's rows, children along, by the staged ones in one transaction; can be repeated.

    A child row without a parent belongs to no day: its parent may be among the staged rows, with children of its own,
    so it goes along. Returns table -> `{deleted, inserted}`, and `orphans` where there were any.
    """
    done: dict[str, Any] = {}
    with paired(raw, staging) as pair:
        pair.connection.execute("BEGIN TRANSACTION")
        for dated in tables:
            done |= _delete(pair, dataset, dated, start, end)
            for table, inserted in _insert(pair, dataset, dated, start, end).items():
                done[table]["inserted"] = inserted
            for table, orphans in remove_from(pair.connection, _nested(pair.raw, dataset, dated)).items():
                done[table]["orphans"] = orphans
        _lineage(pair, dataset)
        pair.connection.execute("COMMIT")
    return done


@steady_if_remote
def delete(raw: str, dataset: str, tables: list[Dated], start: str, end: str) -> dict[str, Any]:
    """Delete the window's rows, children along: for a loader that can only load into the live tables."""
    done: dict[str, Any] = {}
    with paired(raw, None) as pair:
        pair.connection.execute("BEGIN TRANSACTION")
        for dated in tables:
            done |= _delete(pair, dataset, dated, start, end)
        pair.connection.execute("COMMIT")
    return done


def _nested(catalog: str, dataset: str, dated: Dated) -> list[Nested]:
    """The tables below a dated one, with all that is above each of them."""
    above: dict[str, list[str]] = {dated["table"]: []}
    for child, parent in dated["children"]:
        above[child] = [parent, *above[parent]]
    return [
        Nested(name=child, catalog=catalog, schema=dataset, table=child, parents=above[child])
        for child, _ in dated["children"]
    ]


def _day(dated: Dated, types: dict[str, str]) -> str:
    column = dated["date_column"]
    day = day_of(column, types[column]) if column in types else None
    if day is None:
        raise StepFailed(f"{dated['table']}: the date column {column!r} has no day ({types.get(column, 'not there')})")
    return day


def _rows(dataset: str, dated: Dated, catalog: str, table: str, day: str) -> str:
    """A subquery of the `_dlt_id` of every row of `table` that belongs to the window (two parameters: its days)."""
    parents = dict(dated["children"])
    if table == dated["table"]:
        where = f"{day} BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)"
    else:
        where = f"_dlt_parent_id IN ({_rows(dataset, dated, catalog, parents[table], day)})"
    return f"SELECT _dlt_id FROM {ident(catalog, dataset, table)} WHERE {where}"


def _condition(dataset: str, dated: Dated, catalog: str, table: str, day: str) -> str:
    if table == dated["table"]:
        return f"{day} BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)"
    return f"_dlt_parent_id IN ({_rows(dataset, dated, catalog, dict(dated['children'])[table], day)})"


def _delete(pair: Pair, dataset: str, dated: Dated, start: str, end: str) -> dict[str, dict[str, int]]:
    day = _day(dated, types_of(pair, pair.raw, dataset, dated["table"]))
    done: dict[str, dict[str, int]] = {}
    for table in [*(child for child, _ in reversed(dated["children"])), dated["table"]]:
        condition = _condition(dataset, dated, pair.raw, table, day)
        statement = f"DELETE FROM {ident(pair.raw, dataset, table)} WHERE {condition}"
        done[table] = {"deleted": pair.connection.execute(statement, [start, end]).fetchall()[0][0], "inserted": 0}
    return done


def _insert(pair: Pair, dataset: str, dated: Dated, start: str, end: str) -> dict[str, int]:
    done: dict[str, int] = {}
    for table in [dated["table"], *(child for child, _ in dated["children"])]:
        fresh = types_of(pair, pair.staging, dataset, table)
        if not fresh:
            done[table] = 0
            continue
        day = _day(dated, types_of(pair, pair.staging, dataset, dated["table"]))
        condition = _condition(dataset, dated, pair.staging, table, day)
        statement = (
            f"INSERT INTO {ident(pair.raw, dataset, table)} BY NAME "
            f"SELECT * FROM {ident(pair.staging, dataset, table)} WHERE {condition}"
        )
        done[table] = pair.connection.execute(statement, [start, end]).fetchall()[0][0]
    return done


def _lineage(pair: Pair, dataset: str) -> None:
    """Rows carry the id of the load that brought them: that load is written down beside the dataset's own."""
    if types_of(pair, pair.staging, dataset, "_dlt_loads") and types_of(pair, pair.raw, dataset, "_dlt_loads"):
        raw, staging = ident(pair.raw, dataset, "_dlt_loads"), ident(pair.staging, dataset, "_dlt_loads")
        pair.connection.execute(
            f"INSERT INTO {raw} BY NAME SELECT * FROM {staging} WHERE load_id NOT IN (SELECT load_id FROM {raw})"
        )


def _moved(
    pair: Pair,
    dataset: str,
    dated: Dated,
    live_day: str,
    fresh_day: str,
    window: tuple[str, str],
) -> tuple[list[str] | None, int]:
    """First and last day of live rows outside the window whose key the load brings, and how many have no day."""
    if not dated["primary_key"]:
        return None, 0
    live, fresh = ident(pair.raw, dataset, dated["table"]), ident(pair.staging, dataset, dated["table"])
    keys = ", ".join(ident(column) for column in dated["primary_key"])
    between = "BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)"
    first, last, undated = pair.connection.execute(
        f"SELECT min({live_day}), max({live_day}), count(*) - count({live_day}) "
        f"FROM {live} WHERE ({live_day} {between}) IS NOT TRUE "
        f"AND ({keys}) IN (SELECT ({keys}) FROM {fresh} WHERE {fresh_day} {between})",
        [*window, *window],
    ).fetchall()[0]
    return None if first is None else [str(first), str(last)], undated


def _repeated(pair: Pair, catalog: str, dataset: str, dated: Dated, day: str, window: tuple[str, str]) -> int:
    """How many rows of the window have a key that another one has already."""
    if not dated["primary_key"]:
        return 0
    keys = ", ".join(ident(column) for column in dated["primary_key"])
    return pair.connection.execute(
        f"SELECT count(*) - count(DISTINCT row({keys})) FROM {ident(catalog, dataset, dated['table'])} "
        f"WHERE {day} BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)",
        list(window),
    ).fetchall()[0][0]


def _new_columns(pair: Pair, dataset: str, dated: Dated) -> list[str]:
    found: list[str] = []
    for table in [dated["table"], *(child for child, _ in dated["children"])]:
        live, fresh = (types_of(pair, catalog, dataset, table) for catalog in (pair.raw, pair.staging))
        found += [f"{table}.{column}" for column in fresh if column not in live]
    tables = pair.connection.execute(
        "SELECT fresh.table_name FROM duckdb_tables() fresh "
        "WHERE database_name = ? AND schema_name = ? AND starts_with(table_name, ?) AND NOT EXISTS "
        "(FROM duckdb_tables() live WHERE live.database_name = ? AND live.schema_name = fresh.schema_name "
        "AND live.table_name = fresh.table_name) ORDER BY 1",
        [pair.staging, dataset, f"{dated['table']}__", pair.raw],
    ).fetchall()
    known = {child for child, _ in dated["children"]}
    return found + [f"{table}.*" for (table,) in tables if table not in known]


def _children(pair: Pair, dataset: str, dated: Dated, fresh_day: str, window: tuple[str, str]) -> dict[str, list[int]]:
    """Child table -> rows that belong to the window: live, then staged."""
    live_day = _day(dated, types_of(pair, pair.raw, dataset, dated["table"]))
    found: dict[str, list[int]] = {}
    for table, _ in dated["children"]:
        found[table] = []
        for catalog, day in ((pair.raw, live_day), (pair.staging, fresh_day)):
            count = 0
            if types_of(pair, catalog, dataset, table):
                condition = _condition(dataset, dated, catalog, table, day)
                statement = f"SELECT count(*) FROM {ident(catalog, dataset, table)} WHERE {condition}"
                count = pair.connection.execute(statement, list(window)).fetchall()[0][0]
            found[table].append(count)
    return found
