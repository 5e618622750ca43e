"""What a catalog holds, object by object, in a form that can be written down and compared: nothing else is believed."""

from __future__ import annotations

from typing import Any, TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import base_tables, real
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ROW, ident
from ops_tasks.systems.steady_worker import steady_if_remote


class Held(TypedDict):
    """One object: `kind` (table, view, schema), `rows` (0 for what has none) and a digest of definition and rows.

    Row digests are sums of DuckDB's `hash`: they do not depend on the order of the rows, and they hold for one version
    of DuckDB only.
    """

    kind: str
    rows: int
    digest: str


@steady_if_remote
def content(databases: dict[str, str]) -> dict[str, dict[str, Held]]:
    """Return catalog -> object -> what it is; `databases` is catalog -> path or `md:database`. Reads everything."""
    with attached(databases) as connection:
        return {name: _catalog(connection, name) for name in databases}


def _catalog(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, Held]:
    database = real(connection, catalog)
    found: dict[str, Held] = {}
    schemas = "schema_name", "duckdb_schemas() WHERE database_name = ? AND NOT internal"
    for (schema,) in _ask(connection, *schemas, database):
        found[schema] = Held(kind="schema", rows=0, digest="")
    views = "schema_name, view_name, md5(sql)", "duckdb_views() WHERE database_name = ? AND NOT internal"
    for schema, view, digest in _ask(connection, *views, database):
        found[f"{schema}.{view}"] = Held(kind="view", rows=0, digest=digest)
    defined = {
        (schema, table): digest
        for schema, table, digest in _ask(
            connection, "schema_name, table_name, md5(sql)", "duckdb_tables() WHERE database_name = ?", database
        )
    }
    for name, schema, table in base_tables(connection):
        if name == catalog:
            where = ident(database, schema, table)
            rows, digest = connection.execute(f"SELECT count(*), sum(hash({ROW})) FROM {where} {ROW}").fetchall()[0]
            found[f"{schema}.{table}"] = Held(kind="table", rows=rows, digest=f"{defined[schema, table]} {digest or 0}")
    return found


def _ask(connection: duckdb.DuckDBPyConnection, columns: str, source: str, database: str) -> list[Any]:
    return connection.execute(f"SELECT {columns} FROM {source}", [database]).fetchall()
