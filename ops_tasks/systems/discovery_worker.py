"""What lies in DuckDB databases: tables, columns that may say the day of a row, and what dlt wrote of itself."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any, TypedDict, cast

import duckdb

from ops_tasks.errors import StepFailed
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote

DATED = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
DIGITS = r"^\d{8}$"
SAMPLE = 5000
LEAST = 0.99
# dlt (1.31) keeps the staging dataset of merges beside the dataset, under its name and this.
STAGING = "_staging"


class Column(TypedDict):
    """A column that may be the day of a row: its type, how it says days, and on how many different ones.
    `newest` is its last day, `filled` the share of rows that have a value.
    """

    name: str
    type: str
    text: bool
    days: int
    newest: str | None
    filled: float


class Found(TypedDict):
    """One database: `tables` (schema -> table -> date candidates), `views` (schema -> names), what `dlt` says, whether
    SQLMesh's `state` is in."""

    tables: dict[str, dict[str, list[Column]]]
    views: dict[str, list[str]]
    dlt: list[dict[str, Any]]
    state: bool


@steady_if_remote
def look(databases: dict[str, str], leave_out: list[list[str]]) -> dict[str, Found]:
    """Return what is in each database (catalog -> path or `md:database`), read-only.

    `leave_out` are schemas [catalog, schema] that are made, not loaded. Raises `UsageError` for a file that is not
    there, `StepFailed` for one that cannot be opened, `Busy` for one that another process writes.
    """
    made = {(catalog.lower(), schema.lower()) for catalog, schema in leave_out}
    try:
        with attached(databases) as connection:
            return {catalog: _found(connection, catalog, made) for catalog in databases}
    except duckdb.Error as error:
        raise StepFailed(str(error).splitlines()[0], "mend it first: a stack is described when it is healthy") from None


def _found(connection: duckdb.DuckDBPyConnection, catalog: str, made: set[tuple[str, str]]) -> Found:
    there = _by_schema(
        connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() "
            "WHERE database_name = ? AND NOT internal ORDER BY 1, 2",
            [catalog],
        ).fetchall()
    )
    views = _by_schema(
        connection.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = ? AND NOT internal ORDER BY 1, 2",
            [catalog],
        ).fetchall()
    )
    state = any("_snapshots" in tables and "_intervals" in tables for tables in there.values())
    tables: dict[str, dict[str, list[Column]]] = {}
    for schema, names in there.items():
        own = schema.startswith("sqlmesh") or {"_snapshots", "_intervals"} <= set(names)
        if own or (catalog.lower(), schema.lower()) in made or _is_staging(schema, there):
            continue
        own_tables = [name for name in names if not name.startswith("_dlt_")]
        tables[schema] = {name: _candidates(connection, (catalog, schema, name)) for name in own_tables}
    dlt = [
        one
        for schema, names in there.items()
        if "_dlt_version" in names and "_dlt_pipeline_state" in names
        for one in _dlt(connection, catalog, schema, names)
    ]
    return Found(tables=tables, views=views, dlt=dlt, state=state)


def _by_schema(listed: Iterable[tuple[Any, ...]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for schema, name in listed:
        found.setdefault(str(schema), []).append(str(name))
    return found


def _is_staging(schema: str, there: dict[str, list[str]]) -> bool:
    return schema.endswith(STAGING) and "_dlt_version" in there.get(schema.removesuffix(STAGING), [])


def _candidates(connection: duckdb.DuckDBPyConnection, table: tuple[str, str, str]) -> list[Column]:
    columns = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = ? "
        "AND schema_name = ? AND table_name = ? ORDER BY column_index",
        list(table),
    ).fetchall()
    return [
        told
        for name, kind in columns
        if not str(name).startswith("_dlt_") and (told := _candidate(connection, table, str(name), str(kind)))
    ]


def _candidate(
    connection: duckdb.DuckDBPyConnection, table: tuple[str, str, str], column: str, kind: str
) -> Column | None:
    """What a column says as a date; None where it does not, or where it is text of which nearly all must parse."""
    if kind not in DATED and kind != "VARCHAR":
        return None
    value = ident(column)
    where = ident(*table)
    day = f"TRY_CAST({value} AS DATE)"
    if kind == "VARCHAR":
        digits = f"CASE WHEN regexp_matches({value}, '{DIGITS}') THEN try_strptime({value}, '%Y%m%d') END"
        day = f"COALESCE(TRY_CAST({value} AS DATE), TRY_CAST(TRY_CAST({value} AS TIMESTAMPTZ) AS DATE), {digits}::DATE)"
    rows, filled, parsed, days, newest = connection.execute(
        f"SELECT count(*), count({value}), count(d), count(DISTINCT d), max(d) "
        f"FROM (SELECT {value}, {day} AS d FROM {where} USING SAMPLE {SAMPLE} ROWS)"
    ).fetchall()[0]
    if kind == "VARCHAR" and (not filled or parsed < LEAST * filled):
        return None
    return Column(
        name=column,
        type=kind,
        text=kind == "VARCHAR",
        days=int(days),
        newest=None if newest is None else str(newest),
        filled=round(filled / rows, 3) if rows else 0.0,
    )


def _dlt(connection: duckdb.DuckDBPyConnection, catalog: str, dataset: str, names: list[str]) -> list[dict[str, Any]]:
    """A dlt schema each: `dataset`, `schema`, `pipeline`, root `tables` that exist -> write disposition and cursor."""
    versions = connection.execute(
        f"SELECT schema_name, schema FROM {ident(catalog, dataset, '_dlt_version')} "
        "QUALIFY row_number() OVER (PARTITION BY schema_name ORDER BY version DESC, inserted_at DESC) = 1 ORDER BY 1"
    ).fetchall()
    pipelines = _pipelines(connection, catalog, dataset)
    made: list[dict[str, Any]] = []
    for name, text in versions:
        schema = cast("dict[str, Any]", json.loads(str(text)))
        mine = [pipeline for pipeline, state in pipelines.items() if str(name) in state]
        pipeline = next(iter(mine or pipelines), None)
        cursors = pipelines[mine[0]][str(name)] if mine else dict[str, str]()
        tables = {
            table: {
                "disposition": told.get("write_disposition"),
                "cursor": cursors.get(str(told.get("resource", table))),
                "keys": [key for key, one in told.get("columns", {}).items() if one.get("primary_key")],
            }
            for table, told in cast("dict[str, dict[str, Any]]", schema.get("tables", {})).items()
            if not table.startswith("_dlt") and "parent" not in told and table in names
        }
        if tables:
            made.append({"dataset": dataset, "schema": str(name), "pipeline": pipeline, "tables": tables})
    return made


def _pipelines(
    connection: duckdb.DuckDBPyConnection, catalog: str, dataset: str
) -> dict[str, dict[str, dict[str, str]]]:
    """Pipeline -> dlt source -> resource -> its cursor's path, from the newest state that dlt (1.31) has stored."""
    rows = connection.execute(
        f"SELECT pipeline_name, state FROM {ident(catalog, dataset, '_dlt_pipeline_state')} "
        "QUALIFY row_number() OVER (PARTITION BY pipeline_name ORDER BY version DESC, created_at DESC) = 1 ORDER BY 1"
    ).fetchall()
    return {str(name): _cursors(str(state)) for name, state in rows}


def _cursors(state: str) -> dict[str, dict[str, str]]:
    try:
        told = cast("dict[str, Any]", json.loads(zlib.decompress(base64.b64decode(state))))
    except (ValueError, zlib.error):
        return {}
    return {
        source: {
            resource: next(iter(cast("dict[str, Any]", one["incremental"])))
            for resource, one in cast("dict[str, dict[str, Any]]", kept.get("resources", {})).items()
            if one.get("incremental")
        }
        for source, kept in cast("dict[str, dict[str, Any]]", told.get("sources", {})).items()
    }
