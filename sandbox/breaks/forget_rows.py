"""`python forget_rows.py ADDRESS START END [SOURCE]` deletes a window of raw rows, as if it had never been loaded.

ADDRESS is a DuckDB file or a database of MotherDuck, `md:NAME`.
"""

from __future__ import annotations

import sys

import duckdb

STATEMENTS = {
    "ebird": (
        "DELETE FROM main.observations__evidence WHERE _dlt_parent_id IN "
        "(SELECT _dlt_id FROM main.observations WHERE observation_date BETWEEN $1::DATE AND $2::DATE)",
        "DELETE FROM main.observations WHERE observation_date BETWEEN $1::DATE AND $2::DATE",
        "DELETE FROM main.checklists WHERE CAST(left(obs_dt, 10) AS DATE) BETWEEN $1::DATE AND $2::DATE",
    ),
    "noaa": ("DELETE FROM main.daily_weather WHERE CAST(date AS DATE) BETWEEN $1::DATE AND $2::DATE",),
    "usgs": (
        "DELETE FROM main.daily_values WHERE CAST(datetime AT TIME ZONE 'UTC' AS DATE) BETWEEN $1::DATE AND $2::DATE",
    ),
}


def main(address: str, start: str, end: str, source: str = "ebird") -> None:
    """Delete in one transaction."""
    with duckdb.connect(address) as connection:
        connection.execute("BEGIN TRANSACTION")
        for statement in STATEMENTS[source]:
            connection.execute(statement, [start, end])
        connection.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
