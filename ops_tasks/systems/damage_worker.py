"""Asks DuckDB about one database file: does it open, what cannot be read, and to whom does a block belong?"""

from __future__ import annotations

from typing import Any, TypedDict

import duckdb

from ops_tasks.errors import Busy
from ops_tasks.systems.attaching_worker import base_tables as tables_of
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ident, literal

FIRST, BLOCK = 3 * 4096, 262144
# How DuckDB (1.5, 2.0) words the reasons for which it does not open a file; the first that fits counts.
REASONS = (
    ("lock", ("Could not set lock",)),
    ("wal", ("replaying WAL", "WAL file", "This WAL", "WAL does not match")),
    ("version", ("Trying to read a database file with version number",)),
    ("truncation", ("Could not read enough bytes", "not a valid DuckDB database file", "Could not read from file")),
    ("bit-rot", ("Corrupt database file", "does not match stored checksum")),
)


class Opened(TypedDict):
    """Whether DuckDB opens a file: `cause` and its `message` where it does not."""

    cause: str
    message: str
    free_blocks: int
    client: str


def opened(path: str) -> Opened:
    """Open one file read-only, replaying its WAL in memory. Times out with its process, never creates a file."""
    try:
        with attached({"database": path}) as connection:
            rows = connection.execute(
                "SELECT free_blocks FROM pragma_database_size() WHERE database_name = 'database'"
            ).fetchall()
    except Busy as error:
        return Opened(cause="lock", message=error.reason, free_blocks=0, client=duckdb.__version__)
    except duckdb.Error as error:
        return Opened(cause=_cause(str(error)), message=_line(error), free_blocks=0, client=duckdb.__version__)
    return Opened(cause="", message="", free_blocks=rows[0][0], client=duckdb.__version__)


def owners(path: str, blocks: list[int]) -> dict[str, Any]:
    """Attribute blocks of a file that opens.

    Returns `tables` (`schema.table` -> blocks of its data), `catalog` (blocks of metadata), `indexed` (whether a block
    that is neither may belong to an index, of which DuckDB says nothing) and `rest`. Those are free, unless `indexed`.
    """
    wanted = set(blocks)
    with attached({"database": path}) as connection:
        tables: dict[str, list[int]] = {}
        for _, schema, table in tables_of(connection):
            try:
                mine = wanted & _blocks(connection, schema, table)
            except duckdb.Error as error:  # some statistics lie in the data: where they are hit, DuckDB names the place
                mine = {block for block in wanted if str(FIRST + block * BLOCK) in str(error)}
            if mine:
                tables[f"{schema}.{table}"] = sorted(mine)
        rows = connection.execute("SELECT block_id FROM pragma_metadata_info('database')").fetchall()
        metadata = {int(block) for (block,) in rows}
        indexes = connection.execute(
            "SELECT (SELECT count(*) FROM duckdb_indexes() WHERE database_name = 'database') + "
            "(SELECT count(*) FROM duckdb_constraints() WHERE database_name = 'database' "
            "AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY'))"
        ).fetchall()[0][0]
    used = metadata.union(*tables.values())
    return {
        "tables": tables,
        "catalog": sorted(wanted & metadata),
        "rest": sorted(wanted - used),
        "indexed": bool(indexes),
    }


def _blocks(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> set[int]:
    rows = connection.execute(
        "SELECT DISTINCT unnest(list_append(additional_block_ids, block_id)) "
        f"FROM pragma_storage_info({literal(ident('database', schema, table))}) WHERE persistent"
    ).fetchall()
    return {int(block) for (block,) in rows if block is not None}


def _cause(message: str) -> str:
    return next((cause for cause, words in REASONS if any(word in message for word in words)), "bit-rot")


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
