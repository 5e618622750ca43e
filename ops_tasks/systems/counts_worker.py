"""Counts the rows of every table."""

from __future__ import annotations

import duckdb

from ops_tasks.errors import UsageError
from ops_tasks.systems.attaching_worker import base_tables
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote

UNREADABLE = "cannot be read"


@steady_if_remote
def counts(databases: dict[str, str]) -> dict[str, str]:
    """Return `catalog.schema.table` -> number of rows as text; one line says it of a database that cannot be read.

    Each database is opened by itself, so that a broken one does not hide the others.
    """
    found: dict[str, str] = {}
    for name, where in databases.items():
        try:
            with attached({name: where}) as connection:
                for table in sorted(base_tables(connection)):
                    if table[0] == name:
                        rows = connection.execute(f"SELECT count(*) FROM {ident(*table)}").fetchall()[0][0]
                        found[".".join(table)] = f"{rows:,} rows"
        except (duckdb.Error, UsageError):
            found[name] = UNREADABLE
    return found
