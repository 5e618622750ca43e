"""Reads DuckDB databases: columns, dlt schemas, rows and fingerprints per day. Never writes, never creates a file."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, TypedDict

import duckdb

from ops_tasks.errors import StepFailed
from ops_tasks.systems.attaching_worker import attach, base_tables, files
from ops_tasks.systems.sql import NO_DAY, NO_PARENT, ROW, day_of, ident, literal
from ops_tasks.systems.steady_worker import steady_if_remote

INEXACT = {"DOUBLE", "FLOAT"}


class Table(TypedDict):
    """What to measure: where it is, which column says the day (or None), which columns to leave out, and whether
    floating-point values may differ in their last digits (a table that is computed again).

    A dlt child table has no day of its own: `parents` are the tables above it, the one with `date_column` last.
    """

    name: str
    catalog: str
    schema: str
    table: str
    date_column: str | None
    parents: list[str]
    exclude: list[str]
    recomputed: bool


class Measured(TypedDict):
    """Rows and a fingerprint of one table, in all and per day.

    A row without a day counts under `none`, one whose parent is not there under `no parent`.
    """

    rows: int
    fingerprint: str
    days: dict[str, list[Any]]
    excluded: list[str]
    date_column: str | None


_polite = False


def be_polite() -> None:
    """From now on this process keeps nobody from writing to what it looks at; see `forgo_locks`."""
    global _polite
    _polite = True


def forgo_locks(*paths: str) -> None:
    """Give up this process's locks on files that it has attached.

    Closing any descriptor of a file drops every POSIX record lock that the process has on it. What is read while
    somebody writes may be torn: for questions whose answer is thrown away when the files have changed meanwhile.
    """
    for path in paths:
        os.close(os.open(path, os.O_RDONLY))


@contextmanager
def attached(databases: Mapping[str, str]) -> Generator[duckdb.DuckDBPyConnection]:
    """Open every database (catalog name -> path or `md:database`) read-only under its catalog name, times in UTC.

    Views made by SQLMesh on DuckDB 1.5 name their catalog, so a copy must be attached under the original's name.
    """
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        attach(connection, databases)
        if _polite:
            forgo_locks(*files(databases))
        yield connection
    finally:
        connection.close()


class Catalog(TypedDict):
    """`columns`: `catalog.schema.table` -> column -> DuckDB type, views included; `tables`: those that are no views."""

    columns: dict[str, dict[str, str]]
    tables: list[str]


@steady_if_remote
def catalog(databases: dict[str, str]) -> Catalog:
    """Return what all databases hold."""
    with attached(databases) as connection:
        return Catalog(columns=_columns(connection), tables=[".".join(name) for name in base_tables(connection)])


@steady_if_remote
def dlt_schemas(databases: dict[str, str], datasets: dict[str, tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return source -> table -> `{parent, resource, write_disposition, primary_key}` as dlt wrote it down last.

    `datasets` is source -> (catalog, dataset). dlt keeps its schemas as JSON in `_dlt_version`, one row per version;
    a source without that table has no tables here.
    """
    with attached(databases) as connection:
        return {name: _dlt_schema(connection, *where) for name, where in datasets.items()}


@steady_if_remote
def measure(databases: dict[str, str], tables: list[Table]) -> dict[str, Measured]:
    """Count and fingerprint each table per day. Tables that do not exist are left out of the answer."""
    with attached(databases) as connection:
        known = _columns(connection)
        found: dict[str, Measured] = {}
        for table in tables:
            types = known.get(f"{table['catalog']}.{table['schema']}.{table['table']}")
            if types is not None:
                found[table["name"]] = _measure(connection, table, known)
        return found


@steady_if_remote
def rows_per_day(databases: dict[str, str], tables: list[Table], since: str) -> dict[str, dict[str, int]]:
    """Return table -> ISO day -> rows, from `since` on; cheap, for the diagnosis."""
    with attached(databases) as connection:
        known = _columns(connection)
        found: dict[str, dict[str, int]] = {}
        for table in tables:
            types = known.get(f"{table['catalog']}.{table['schema']}.{table['table']}", {})
            column = table["date_column"]
            day = day_of(column, types[column]) if column in types else None
            if day is None:
                continue
            where = ident(table["catalog"], table["schema"], table["table"])
            rows = connection.execute(
                f"SELECT {day} AS day, count(*) FROM {where} WHERE {day} >= CAST(? AS DATE) GROUP BY 1 ORDER BY 1",
                [since],
            ).fetchall()
            found[table["name"]] = {str(day): count for day, count in rows}
        return found


@steady_if_remote
def reach(databases: dict[str, str], tables: dict[str, tuple[list[str], list[str]]]) -> dict[str, str | None]:
    """Return name -> the first ISO day that any of the given columns holds; `tables` is name -> (parts, columns)."""
    with attached(databases) as connection:
        known = _columns(connection)
        found: dict[str, str | None] = {}
        for name, (parts, columns) in tables.items():
            types = known.get(".".join(parts), {})
            days = [day for column in columns if column in types and (day := day_of(column, types[column]))]
            if days:
                least = ", ".join(f"min({day})" for day in days)
                row = connection.execute(f"SELECT {least} FROM {ident(*parts)}").fetchall()[0]
                found[name] = min((str(day) for day in row if day is not None), default=None)
        return found


@steady_if_remote
def describe(databases: dict[str, str], state: str | None, environment: str) -> dict[str, Any]:
    """Row counts of every table, and what SQLMesh's state says of itself, for a snapshot's manifest."""
    with attached(databases) as connection:
        rows = {
            ".".join(name): connection.execute(f"SELECT count(*) FROM {ident(*name)}").fetchall()[0][0]
            for name in base_tables(connection)
        }
    described: dict[str, Any] = {"rows": rows, "duckdb": duckdb.__version__}
    if state is not None:
        with attached({"sqlmesh_state": state}) as connection:
            described["sqlmesh"] = _sqlmesh_state(connection, environment)
    return described


@steady_if_remote
def full_scan(databases: dict[str, str]) -> list[str]:
    """Read every value of every table; return what could not be read, a line per table or unreadable database."""
    problems: list[str] = []
    for catalog_name, path in databases.items():
        try:
            with attached({catalog_name: path}) as connection:
                problems += _unreadable(connection)
        except duckdb.Error as error:
            problems.append(f"{catalog_name}: {str(error).splitlines()[0]}")
    return problems


def _unreadable(connection: duckdb.DuckDBPyConnection) -> list[str]:
    problems: list[str] = []
    for name in base_tables(connection):
        try:
            connection.execute(f"SELECT sum(hash({ROW})) FROM {ident(*name)} {ROW}").fetchall()
        except duckdb.Error as error:
            problems.append(f"{'.'.join(name)}: {str(error).splitlines()[0]}")
    return problems


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for catalog, schema, table, column, kind in connection.execute(
        "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal AND database_name NOT IN ('memory', 'system', 'temp') ORDER BY column_index"
    ).fetchall():
        found.setdefault(f"{catalog}.{schema}.{table}", {})[column] = kind
    return found


def _dlt_schema(connection: duckdb.DuckDBPyConnection, database: str, dataset: str) -> dict[str, Any]:
    if f"{database}.{dataset}._dlt_version" not in _columns(connection):
        return {}
    rows = connection.execute(
        f"SELECT schema FROM {ident(database, dataset, '_dlt_version')} "
        "QUALIFY row_number() OVER (PARTITION BY schema_name ORDER BY inserted_at DESC, version DESC) = 1"
    ).fetchall()
    tables: dict[str, Any] = {}
    for (text,) in rows:
        for name, table in json.loads(text)["tables"].items():
            keys = [column for column, hints in table["columns"].items() if hints.get("primary_key")]
            tables[name] = {
                "parent": table.get("parent"),
                "resource": table.get("resource"),
                "write_disposition": table.get("write_disposition"),
                "primary_key": keys,
            }
    return tables


def _measure(connection: duckdb.DuckDBPyConnection, table: Table, known: dict[str, dict[str, str]]) -> Measured:
    types = known[f"{table['catalog']}.{table['schema']}.{table['table']}"]
    column = table["date_column"]
    dated = table["parents"][-1] if table["parents"] else table["table"]
    kind = known.get(f"{table['catalog']}.{table['schema']}.{dated}", {}).get(column or "", "not there")
    day = day_of(column, kind, table=dated) if column is not None else None
    if column is not None and day is None:
        raise StepFailed(f"{table['name']}: the date column {column!r} has no day (it is {kind})")
    shown = day
    if day is not None and table["parents"]:
        shown = f"CASE WHEN {ident(dated, '_dlt_id')} IS NULL THEN {literal(NO_PARENT)} ELSE CAST({day} AS VARCHAR) END"
    kept = [name for name in types if name not in table["exclude"]]
    values = ", ".join(_value(table["table"], name, types[name], table["recomputed"]) for name in kept) or "1"
    rows = connection.execute(
        f"SELECT {shown or 'NULL'} AS day, count(*), sum(hash({values})) FROM {_joined(table)} GROUP BY 1 ORDER BY 1"
    ).fetchall()
    days: dict[str, list[Any]] = {
        (NO_DAY if day is None else str(day)): [count, str(total)] for day, count, total in rows
    }
    total = sum(int(fingerprint) for _, fingerprint in days.values())
    return Measured(
        rows=sum(int(count) for count, _ in days.values()),
        fingerprint=str(total),
        days=days if day is not None else {},
        excluded=[name for name in types if name in table["exclude"]],
        date_column=column,
    )


def _joined(table: Table) -> str:
    """The table, joined to the tables above it up to the one that has the day."""
    text, child = ident(table["catalog"], table["schema"], table["table"]), table["table"]
    for parent in table["parents"]:
        where = ident(table["catalog"], table["schema"], parent)
        text += f" LEFT JOIN {where} ON {ident(child, '_dlt_parent_id')} = {ident(parent, '_dlt_id')}"
        child = parent
    return text


def _value(table: str, column: str, kind: str, recomputed: bool) -> str:
    """Sums of floating-point numbers depend on the order of the rows in their last digits: 10 digits are compared."""
    name = ident(table, column)
    return f"format('{{:.10g}}', {name})" if recomputed and kind in INEXACT else name


def has_state(path: str) -> bool:
    """Whether a database holds SQLMesh's state."""
    with attached({"sqlmesh_state": path}) as connection:
        return bool(_state_schemas(connection))


def _state_schemas(connection: duckdb.DuckDBPyConnection) -> list[tuple[str]]:
    return connection.execute("SELECT schema_name FROM duckdb_tables() WHERE table_name = '_environments'").fetchall()


def _sqlmesh_state(connection: duckdb.DuckDBPyConnection, environment: str) -> dict[str, Any]:
    schemas = _state_schemas(connection)
    if not schemas:
        return {}
    schema = schemas[0][0]
    versions = connection.execute(
        f"SELECT schema_version, sqlglot_version, sqlmesh_version FROM {ident('sqlmesh_state', schema, '_versions')}"
    ).fetchall()
    plans = connection.execute(
        f"SELECT plan_id FROM {ident('sqlmesh_state', schema, '_environments')} WHERE name = ?", [environment]
    ).fetchall()
    return {"versions": list(versions[0]) if versions else None, "plan_id": plans[0][0] if plans else None}
