"""Database files that are large enough to measure."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ops_tasks.systems.sql import ident

ROWS_PER_MEGABYTE = 33_000
COLUMNS = (
    "range AS n, DATE '2026-01-01' + (range % 365)::INT AS day, TIMESTAMP '2026-01-01' + range * INTERVAL 1 SECOND AS "
    "seen_at, hash(range)::VARCHAR AS checklist, 'species ' || hash(range) % 700 AS species, random() AS latitude, "
    "random() AS longitude, (hash(range) % 90)::SMALLINT AS how_many, CASE WHEN range % 3 = 0 THEN 'remark ' || "
    "hash(range + 1) % 100_000 END AS remarks, range % 2 = 0 AS reviewed"
)


def fill(path: Path, megabytes: int, tables: int = 4) -> None:
    """Write a database of about that size: numbers, dates, times, floats, words, text with gaps."""
    rows = megabytes * ROWS_PER_MEGABYTE // tables
    with duckdb.connect(path) as connection:
        for number in range(tables):
            name = ident(f"observations_{number}")
            connection.execute(f"CREATE TABLE {name} AS SELECT {COLUMNS} FROM range({rows})")  # noqa: S608


def touch(path: Path) -> None:
    """Change one row, so that the file is another one."""
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE observations_0 SET how_many = how_many + 1 WHERE n = 1")
