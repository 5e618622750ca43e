"""Rows of dlt child tables whose parent is not there: they belong to no day, and marts count them all the same.

A delete that takes parents alone leaves them behind; when the parents are loaded again, dlt gives these new ids and
brings their children along, beside the old ones.
"""

from __future__ import annotations

from typing import TypedDict

import duckdb

from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.pairing_worker import paired
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote

ID, PARENT = "_dlt_id", "_dlt_parent_id"


class Nested(TypedDict):
    """A dlt child table; `parents` are the tables above it, nearest first, `name` is what it is called in an answer."""

    name: str
    catalog: str
    schema: str
    table: str
    parents: list[str]


@steady_if_remote
def count(databases: dict[str, str], tables: list[Nested]) -> dict[str, int]:
    """Return name -> rows without a parent, for the tables that have any; changes nothing."""
    with attached(databases) as connection:
        return _counted(connection, tables)


@steady_if_remote
def remove(raw: str, tables: list[Nested]) -> dict[str, int]:
    """Delete every row without a parent from the tables of one database, in one transaction; can be repeated."""
    with paired(raw, None) as pair:
        pair.connection.execute("BEGIN TRANSACTION")
        removed = remove_from(pair.connection, [Nested({**table, "catalog": pair.raw}) for table in tables])
        pair.connection.execute("COMMIT")
    return removed


def remove_from(connection: duckdb.DuckDBPyConnection, tables: list[Nested]) -> dict[str, int]:
    """The same in the caller's own transaction."""
    found = _counted(connection, tables)
    for table in tables:
        if table["name"] in found:
            where = ident(table["catalog"], table["schema"], table["table"])
            connection.execute(f"DELETE FROM {where} WHERE {_alone(table)}")
    return found


def _counted(connection: duckdb.DuckDBPyConnection, tables: list[Nested]) -> dict[str, int]:
    linked = _linked(connection)
    found: dict[str, int] = {}
    for table in tables:
        place = (table["catalog"], table["schema"])
        if not linked >= {(*place, table["table"], PARENT), *((*place, parent, ID) for parent in table["parents"])}:
            continue
        statement = f"SELECT count(*) FROM {ident(*place, table['table'])} WHERE {_alone(table)}"
        if rows := connection.execute(statement).fetchall()[0][0]:
            found[table["name"]] = rows
    return found


def _linked(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str, str, str]]:
    """`(catalog, schema, table, column)` of every column that dlt links by: other tables have no children."""
    rows = connection.execute(
        "SELECT database_name, schema_name, table_name, column_name FROM duckdb_columns() "
        "WHERE column_name IN ('_dlt_id', '_dlt_parent_id')"
    ).fetchall()
    return {(catalog, schema, table, column) for catalog, schema, table, column in rows}


def _alone(table: Nested) -> str:
    """The condition for a row without a parent, or with one that is without; an id that is NULL is nobody's."""
    return f"(_dlt_parent_id IN ({_kept(table, table['parents'])})) IS NOT TRUE"


def _kept(table: Nested, above: list[str]) -> str:
    """A subquery of the ids of the nearest table `above` that has its own parents, up to the topmost."""
    where = ident(table["catalog"], table["schema"], above[0])
    condition = f" WHERE _dlt_parent_id IN ({_kept(table, above[1:])})" if above[1:] else ""
    return f"SELECT _dlt_id FROM {where}{condition}"
