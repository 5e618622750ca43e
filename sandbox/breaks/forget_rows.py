"""`python forget_rows.py FILE START END` deletes a window of eBird's raw rows, as if it had never been loaded."""

from __future__ import annotations

import sys

import duckdb

STATEMENTS = (
    "DELETE FROM main.observations__evidence WHERE _dlt_parent_id IN "
    "(SELECT _dlt_id FROM main.observations WHERE observation_date BETWEEN CAST($1 AS DATE) AND CAST($2 AS DATE))",
    "DELETE FROM main.observations WHERE observation_date BETWEEN CAST($1 AS DATE) AND CAST($2 AS DATE)",
    "DELETE FROM main.checklists WHERE CAST(left(obs_dt, 10) AS DATE) BETWEEN CAST($1 AS DATE) AND CAST($2 AS DATE)",
)


def main(file: str, start: str, end: str) -> None:
    """Delete in one transaction."""
    with duckdb.connect(file) as connection:
        connection.execute("BEGIN TRANSACTION")
        for statement in STATEMENTS:
            connection.execute(statement, [start, end])
        connection.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
