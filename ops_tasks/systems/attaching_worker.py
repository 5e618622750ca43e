"""How a database gets under the name that views know it by: a file, a MotherDuck database, or a clone of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from ops_tasks.errors import Busy, UsageError
from ops_tasks.systems.sql import ident, literal

MD = "md:"
# How a lost connection shows itself; everything else is an answer. The texts are not documented.
LOST = (duckdb.IOException, duckdb.ConnectionException, duckdb.HTTPException)
Name = tuple[str, str, str]


def attach(connection: duckdb.DuckDBPyConnection, databases: Mapping[str, str]) -> None:
    """Attach databases (catalog name -> path or `md:database`) under these names, read-only as far as that goes.

    A MotherDuck database has no other name than its own, and no read-only mode: a clone gets a catalog of views in
    memory that stands for it. Raises `Busy` with the PID where another process writes, `UsageError` for a file that is
    not there.
    """
    for name, where in databases.items():
        if where.startswith(MD):
            connection.execute(f"ATTACH IF NOT EXISTS {literal(where)}")
        else:
            _attach_file(connection, name, where)
    clones = {name: where.removeprefix(MD) for name, where in databases.items() if where.startswith(MD)}
    clones = {name: database for name, database in clones.items() if name != database}
    for name, database in clones.items():
        _stand_for(connection, name, database)
    _create_views(connection, clones)


def _attach_file(connection: duckdb.DuckDBPyConnection, name: str, where: str) -> None:
    if not Path(where).is_file():
        raise UsageError(f"{where} does not exist", "invoke ops.doctor tells what is lost, and who has it")
    try:
        connection.execute(f"ATTACH {literal(where)} AS {ident(name)} (READ_ONLY)")
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise Busy(str(error).splitlines()[0], "stop that process and try again") from None
        raise


def detach(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Let go of what `attach` has attached."""
    database = real(connection, name)
    connection.execute(f"DETACH {ident(name)}")
    if database != name:
        connection.execute(f"DETACH {ident(database)}")
        connection.execute("DELETE FROM temp.ops_stands_for WHERE name = ?", [name])


def files(databases: Mapping[str, str]) -> list[str]:
    """Those of the databases that are files."""
    return [where for where in databases.values() if not where.startswith(MD)]


def base_tables(connection: duckdb.DuckDBPyConnection) -> list[Name]:
    """`(catalog, schema, table)` of every table that is no view, those of a clone under the name that it stands for."""
    stands = dict(_stands(connection))
    rows: list[Name] = connection.execute(
        "SELECT database_name, schema_name, table_name FROM duckdb_tables() "
        "WHERE NOT internal AND NOT temporary AND database_name NOT IN ('memory', 'system', 'temp') "
        "AND NOT starts_with(database_name, 'md_information_schema')"
    ).fetchall()
    return [(stands.get(database, database), schema, table) for database, schema, table in rows]


def real(connection: duckdb.DuckDBPyConnection, catalog: str) -> str:
    """The database behind a catalog's name."""
    return next((database for database, name in _stands(connection) if name == catalog), catalog)


def _stands(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    there = connection.execute("SELECT 1 FROM duckdb_tables() WHERE temporary AND table_name = 'ops_stands_for'")
    if not there.fetchall():
        return []
    return connection.execute("SELECT database, name FROM temp.ops_stands_for").fetchall()


def _stand_for(connection: duckdb.DuckDBPyConnection, name: str, database: str) -> None:
    """Views made by SQLMesh (DuckDB 1.5) name their catalog: in a clone they would read the original.

    So every table of the clone is shown by a view of a catalog in memory with the original's name, and the clone's own
    views are made there anew.
    """
    connection.execute(f"ATTACH ':memory:' AS {ident(name)}")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS ops_stands_for (database VARCHAR, name VARCHAR)")
    connection.execute("INSERT INTO temp.ops_stands_for VALUES (?, ?)", [database, name])
    for (schema,) in connection.execute(
        "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND NOT internal", [database]
    ).fetchall():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {ident(name, schema)}")
    for schema, table in connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [database]
    ).fetchall():
        connection.execute(f"CREATE VIEW {ident(name, schema, table)} AS FROM {ident(database, schema, table)}")


def _create_views(connection: duckdb.DuckDBPyConnection, clones: Mapping[str, str]) -> None:
    """Make the clones' views in whatever order they need; one that cannot be made could not be read there either."""
    left = [
        (name, sql)
        for name, database in clones.items()
        for (sql,) in connection.execute(
            "SELECT sql FROM duckdb_views() WHERE database_name = ? AND NOT internal", [database]
        ).fetchall()
    ]
    while left:
        failed = [(name, sql) for name, sql in left if not _created(connection, name, sql)]
        if len(failed) == len(left):
            break
        left = failed
    connection.execute("USE memory")


def _created(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> bool:
    try:
        connection.execute(f"USE {ident(name)}")
        connection.execute(sql)
    except LOST:
        raise
    except duckdb.Error:
        return False
    return True
