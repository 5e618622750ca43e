"""What a catalog holds, object by object, in a form that can be written down and compared: nothing else is believed."""

from __future__ import annotations

from typing import Any, TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import base_tables, real
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ROW, ident
from ops_tasks.systems.steady_worker import steady_if_remote


class Held(TypedDict):
    """One object: `kind`, `rows` (0 for what has none) and a digest of definition and rows.

    Kinds are table, view, schema, index, sequence, type, macro and table_macro. Of a sequence counts the value that
    comes next, of a macro what DuckDB tells: not the defaults of its parameters (1.5).
    Row digests are sums of DuckDB's `hash`: they do not depend on the order of the rows, and they hold for one version
    of DuckDB only.
    """

    kind: str
    rows: int
    digest: str


@steady_if_remote
def content(databases: dict[str, str]) -> dict[str, dict[str, Held]]:
    """Return catalog -> object -> what it is; `databases` is catalog -> path or `md:database`. Reads everything.

    Objects go by their quoted names, see `contents`.
    """
    with attached(databases) as connection:
        return {name: _catalog(connection, name) for name in databases}


def _catalog(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, Held]:
    database = real(connection, catalog)
    found: dict[str, Held] = {}
    schemas = "schema_name", "duckdb_schemas() WHERE database_name = ? AND NOT internal"
    for (schema,) in _ask(connection, *schemas, database):
        found[ident(schema)] = Held(kind="schema", rows=0, digest="")
    views = "schema_name, view_name, md5(sql)", "duckdb_views() WHERE database_name = ? AND NOT internal"
    for schema, view, digest in _ask(connection, *views, database):
        found[ident(schema, view)] = Held(kind="view", rows=0, digest=digest)
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
            told = f"{defined[schema, table]} {digest or 0}"
            found[ident(schema, table)] = Held(kind="table", rows=rows, digest=told)
    return found | _others(connection, database)


def _others(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, Held]:
    """What has no rows, by definition: all of it survives a clone and a restart (DuckDB 1.5) as it is."""
    found: list[tuple[str, str, str, str]] = []
    macros = "duckdb_functions() WHERE database_name = ? AND NOT internal GROUP BY ALL"
    defined = "parameters, parameter_types, macro_definition"  # one row for each of a macro's overloads
    found += _ask(
        connection,
        f"function_type, schema_name, function_name, md5(list(({defined}) ORDER BY {defined})::VARCHAR)",
        macros,
        database,
    )
    # the statement tells the next value; `last_value` and `start_value` are others after a restart
    found += _ask(
        connection,
        "'sequence', schema_name, sequence_name, md5(sql)",
        "duckdb_sequences() WHERE database_name = ?",
        database,
    )
    found += _ask(
        connection, "'index', schema_name, index_name, md5(sql)", "duckdb_indexes() WHERE database_name = ?", database
    )
    types = "duckdb_types() WHERE database_name = ? AND NOT internal"
    found += [
        ("type", schema, name, _type(connection, ident(database, schema, name), told))
        for schema, name, told in _ask(
            connection, "schema_name, type_name, concat_ws(' ', logical_type, labels)", types, database
        )
    ]
    return {
        f"{kind} {ident(schema, name)}": Held(kind=kind, rows=0, digest=digest) for kind, schema, name, digest in found
    }


def _type(connection: duckdb.DuckDBPyConnection, name: str, told: str) -> str:
    """A user's type in full; `duckdb_types()` does not tell the fields of a struct or the digits of a decimal."""
    try:
        return str(connection.execute(f"SELECT typeof(CAST(NULL AS {name}))").fetchall()[0][0])
    except (duckdb.BinderException, duckdb.CatalogException):  # a server need not know it under this name
        return told


def _ask(connection: duckdb.DuckDBPyConnection, columns: str, source: str, database: str) -> list[Any]:
    return connection.execute(f"SELECT {columns} FROM {source}", [database]).fetchall()
