"""`python duck_tool.py COMMAND FILE [ARGUMENT...]`: what DuckDB alone knows or does; prints one JSON value.

A script of its own, because a process with a DuckDB connection must not open the file by other means. The commands that
take an ADDRESS also take a database of MotherDuck, `md:NAME`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import duckdb

USER_TABLES = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"


def quoted(*parts: str) -> str:
    """A dotted name, each part quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def scan(file: str) -> dict[str, Any]:
    """Read every byte of every table: `{"open": error or "", "tables": {name: error}}`, whole tables left out.

    Each table gets a connection of its own: one bad block can invalidate a connection for all that follows.
    """
    try:
        with duckdb.connect(file, read_only=True) as connection:
            names = connection.execute(USER_TABLES).fetchall()
    except duckdb.Error as error:
        return {"open": first_line(error), "tables": {}}
    bad: dict[str, str] = {}
    for name in names:
        try:
            with duckdb.connect(file, read_only=True) as connection:
                connection.execute(f"SELECT sum(hash(t)) FROM {quoted(*name)} AS t").fetchall()  # noqa: S608 - quoted
        except duckdb.Error as error:
            bad[".".join(name)] = first_line(error)
    return {"open": "", "tables": bad}


def blocks(file: str) -> dict[str, list[int]]:
    """Table -> the numbers of the blocks that hold its data; tables without any are left out."""
    statement = (
        "SELECT DISTINCT unnest(list_prepend(block_id, additional_block_ids)) AS block "
        "FROM pragma_storage_info($1) WHERE persistent ORDER BY block"
    )
    found: dict[str, list[int]] = {}
    with duckdb.connect(file, read_only=True) as connection:
        for name in connection.execute(USER_TABLES).fetchall():
            rows = connection.execute(statement, [quoted(*name)]).fetchall()
            if numbers := [int(row[0]) for row in rows if row[0] is not None and row[0] >= 0]:
                found[".".join(name)] = numbers
    return found


def make_free(file: str) -> None:
    """Leave a free block in the file: the rows of a small table are written again as they are, to a new block.

    A table that only comes and goes would not do: DuckDB gives free blocks at the end back to the filesystem.
    """
    owned = blocks(file)
    keys = "SELECT schema_name, table_name FROM duckdb_constraints() WHERE constraint_type IN ('PRIMARY KEY', 'UNIQUE')"
    with duckdb.connect(file) as connection:
        keyed = {".".join(row) for row in connection.execute(keys).fetchall()}
        name = min(owned.keys() - keyed, key=lambda table: (len(owned[table]), table))
        table = quoted(*name.split(".", 1))
        connection.execute(f"CREATE TEMP TABLE kept AS FROM {table}")
        connection.execute("BEGIN TRANSACTION")
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - quoted
        connection.execute(f"INSERT INTO {table} FROM kept")
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")


def reading(address: str) -> duckdb.DuckDBPyConnection:
    """A connection to read with; MotherDuck opens no database of one's own read-only."""
    return duckdb.connect(address, read_only=not address.startswith("md:"))


def views(address: str) -> dict[str, list[str]]:
    """View of prod -> kind (TABLE or VIEW) and name of what SQLMesh has below it."""
    statement = (
        "WITH below AS (SELECT 'TABLE' AS kind, database_name, schema_name, table_name AS name FROM duckdb_tables() "
        "UNION ALL SELECT 'VIEW', database_name, schema_name, view_name FROM duckdb_views()) "
        "SELECT v.schema_name || '.' || v.view_name, b.kind, b.schema_name || '.' || b.name "
        "FROM duckdb_views() AS v JOIN below AS b ON b.database_name = v.database_name "
        "AND b.schema_name = 'sqlmesh__' || v.schema_name AND contains(v.sql, b.name) "
        "WHERE v.database_name = current_database() ORDER BY ALL"
    )
    with reading(address) as connection:
        return {view: [kind, name] for view, kind, name in connection.execute(statement).fetchall()}


def schemas(address: str) -> dict[str, int]:
    """Schema -> the number of its tables and views; schemas without any are left out."""
    statement = (
        "SELECT table_schema, count(*) FROM information_schema.tables "
        "WHERE table_catalog = current_database() GROUP BY ALL ORDER BY ALL"
    )
    with reading(address) as connection:
        return dict(connection.execute(statement).fetchall())


def drop(address: str, kind: str, *name: str) -> None:
    """Drop a VIEW, a TABLE, or a SCHEMA with all that is in it."""
    with duckdb.connect(address) as connection:
        connection.execute(f"DROP {kind} {quoted(*name)}{' CASCADE' if kind == 'SCHEMA' else ''}")


def delete(address: str, table: str, column: str, start: str, end: str) -> int:
    """Delete a table's rows of the days `[start, end]` and return how many they were."""
    statement = f"DELETE FROM {quoted(*table.split('.', 1))} WHERE {quoted(column)} BETWEEN $1::DATE AND $2::DATE"  # noqa: S608 - quoted
    with duckdb.connect(address) as connection:
        ((count,),) = connection.execute(statement, [start, end]).fetchall()
    return int(count)


def die_with_wal(file: str) -> None:
    """Make a new database, commit to its write-ahead log and die before the log is worked in."""
    connection = duckdb.connect(file)
    connection.execute("CREATE TABLE main.readings AS SELECT range AS id, random() AS value FROM range(1000)")
    connection.execute("CHECKPOINT")
    connection.execute("INSERT INTO main.readings SELECT range, random() FROM range(1000, 1200)")
    os.kill(os.getpid(), signal.SIGKILL)


def first_line(error: Exception) -> str:
    """What DuckDB says, without the advice below it."""
    return str(error).splitlines()[0]


COMMANDS = {
    function.__name__: function for function in (scan, blocks, make_free, views, schemas, drop, delete, die_with_wal)
}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
