"""Compares the stack with the truth, over one read-only connection to the files of its catalogs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from sandbox import account
from sandbox.account import CATALOGS
from sandbox.api import state as states
from sandbox.truth import marts, raw
from sandbox.truth.tables import MARTS, RAW, Table


@dataclass(frozen=True)
class Difference:
    """How one table differs from the truth.

    `days`: the days with a differing row, empty for a table without days. `missing`: rows that should be there and
    are not, `extra`: rows that are there and should not be (a changed row is one of each). `problem`: why the table
    could not be read.
    """

    table: str
    days: tuple[date, ...] = ()
    missing: int = 0
    extra: int = 0
    problem: str = ""


def differences(folder: Path) -> list[Difference]:
    """Return how the raw tables and the prod views of a stack differ from the truth; empty means not at all."""
    state = states.read(folder)
    wanted = raw.expected(state) | marts.expected(state)
    connection = duckdb.connect(":memory:")
    try:
        broken = {catalog: problem for catalog in CATALOGS if (problem := _attach(connection, folder, catalog))}
        compared = (_compare(connection, table, wanted[table.name], broken) for table in (*RAW, *MARTS))
        return [found for found in compared if found is not None]
    finally:
        connection.close()


def _attach(connection: duckdb.DuckDBPyConnection, folder: Path, catalog: str) -> str:
    """Attach one database; returns why that is not possible."""
    try:
        path = str(account.file_of(folder, catalog)).replace("'", "''")
        connection.execute(f"ATTACH '{path}' AS {catalog} (READ_ONLY)")
    except (duckdb.Error, ValueError) as error:
        return _first_line(error)
    return ""


def _compare(
    connection: duckdb.DuckDBPyConnection, table: Table, wanted: raw.Rows, broken: dict[str, str]
) -> Difference | None:
    if table.catalog in broken:
        return Difference(table.name, problem=broken[table.catalog])
    try:
        found = connection.execute(table.query).fetchall()
    except duckdb.Error as error:
        return Difference(table.name, problem=_first_line(error))
    missing, extra = _minus(wanted, found), _minus(found, wanted)
    if not missing and not extra:
        return None
    days: set[date | None] = set() if table.day is None else {row[table.day] for row in (*missing, *extra)}
    dated = tuple(sorted(day for day in days if day is not None))
    homeless = "" if None not in days else "rows without a day (children without a parent, or no date)"
    return Difference(table.name, dated, missing.total(), extra.total(), homeless)


def _minus(left: raw.Rows, right: raw.Rows) -> Counter[tuple[Any, ...]]:
    return Counter(left) - Counter(right)


def days(found: list[Difference]) -> dict[date, list[str]]:
    """Day -> the tables that differ on it."""
    by_day: defaultdict[date, list[str]] = defaultdict(list)
    for difference in found:
        for day in difference.days:
            by_day[day].append(difference.table)
    return dict(sorted(by_day.items()))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
