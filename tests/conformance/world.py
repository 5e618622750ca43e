"""A DuckDB in memory with what the sources ask for: SQLMesh's own state, dlt's tables, MotherDuck's catalog.

SQLMesh makes its state itself. dlt's tables are what the installed dlt declares them to be. MotherDuck's are those of
the double, which follows the service's documentation.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from sandbox.motherduck import grammar, information
from tests.conformance.checkers import load
from tests.conformance.sql import Statement, statements
from tests.conformance.texts import WORD

KINDS = {"text": "VARCHAR", "timestamp": "TIMESTAMPTZ", "bigint": "BIGINT"}
STATE = "sqlmesh"


@dataclass(frozen=True)
class World:
    """A connection, and table -> its full name there."""

    connection: duckdb.DuckDBPyConnection
    tables: dict[str, str]


@cache
def world() -> World:
    """Made once per process."""
    connection = duckdb.connect(":memory:")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapter = load("sqlmesh.core.engine_adapter").create_engine_adapter(connection.cursor, "duckdb")
        load("sqlmesh.core.state_sync").EngineAdapterStateSync(adapter, schema=STATE).migrate()
    connection.execute("CREATE SCHEMA dlt")
    for table in _dlt():
        columns = ", ".join(f'"{name}" {KINDS[column["data_type"]]}' for name, column in table["columns"].items())
        connection.execute(f"CREATE TABLE dlt.{table['name']} ({columns})")
    for text in (f"ATTACH ':memory:' AS {information.NAME}", *information.TABLES, "ATTACH ':memory:' AS database"):
        connection.execute(text)
    connection.execute(f"CREATE TABLE {WORD} (i INTEGER)")
    connection.execute(f"CREATE TYPE {WORD} AS INTEGER")
    for one in statements():
        if one.text.startswith("CREATE TEMP TABLE IF NOT EXISTS"):
            connection.execute(one.text)
    listed = connection.execute(
        "SELECT table_name, concat_ws('.', database_name, schema_name, table_name) FROM duckdb_tables()"
    ).fetchall()
    return World(connection, {name: full for name, full in listed if name != WORD})


def _dlt() -> list[Any]:
    declared = load("dlt.common.schema.utils")
    return [declared.loads_table(), declared.version_table(), declared.pipeline_state_table()]


@cache
def columns(table: str) -> frozenset[str]:
    """The columns of one of the tables."""
    described = world().connection.execute(f"DESCRIBE {world().tables[table]}").fetchall()
    return frozenset(str(name) for name, *_ in described)


def parse(one: Statement) -> None:
    """Let whoever would parse the statement do it; raises its error."""
    if one.for_motherduck:
        grammar.parse(one.text)
    elif len(duckdb.extract_statements(one.text)) != 1:
        raise ValueError(f"{one.text} is not one statement")


def bound(one: Statement) -> str | None:
    """The statement over the tables of the world; None where it is about tables that only a user has."""
    if one.for_motherduck or not one.text.lstrip().startswith(("SELECT", "WITH", "FROM", "DELETE", "INSERT")):
        return None
    from sqlglot import exp, parse_one

    tree = parse_one(one.text, dialect="duckdb")
    common = {table.alias for table in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.name in common:
            continue
        if table.db == "information_schema":
            continue
        if table.name not in world().tables:
            return None
        full = exp.to_table(world().tables[table.name], dialect="duckdb")
        for part in ("this", "db", "catalog"):
            table.set(part, full.args[part])
    return tree.sql(dialect="duckdb")


def bind(text: str) -> None:
    """Let DuckDB look up every table, column and function of a statement; raises its error. Nothing is run."""
    one = duckdb.extract_statements(text)[0]
    world().connection.execute(f"EXPLAIN {text}", [None] * len(one.named_parameters))
