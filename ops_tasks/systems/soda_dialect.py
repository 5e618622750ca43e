"""Two things Soda's DuckDB dialect lacks: columns of one catalog only, and contracts moved to another schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soda_core.common.metadata_types import DbSchemaDataSourceNamespace
from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBSqlDialect
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError


class CatalogDialect(DuckDBSqlDialect, sqlglot_dialect="duckdb"):
    """Looks columns up in one catalog.

    DuckDB's information_schema lists the columns of every attached database, and Soda asks for schema and table
    alone: a table of the same name in a second catalog would double its columns.
    """

    def __init__(self, catalog: str) -> None:
        """Keep the catalog that the contracts' datasets are in."""
        super().__init__()
        self._catalog = catalog

    def build_columns_metadata_query_str(self, table_namespace: Any, table_name: str) -> str:
        """Return Soda's query for the columns of a table, with the catalog in its condition."""
        schema = table_namespace.get_schema_for_metadata_query()
        inside = DbSchemaDataSourceNamespace(database=self._catalog, schema=schema)
        return super().build_columns_metadata_query_str(inside, table_name)

    def information_schema_namespace_elements(self, prefixes: Any) -> list[str]:  # noqa: ARG002 - Soda's signature
        """Return the name that holds every catalog's metadata; it needs no prefix."""
        return ["information_schema"]


def sql_for_schemas(query: str, suffix: str, there: Mapping[tuple[str, str], str]) -> str:
    """Return `query` with every table that also exists in `<schema><suffix>` read from there.

    Raises `ValueError` for a query that cannot be parsed: it would silently be judged on the wrong tables.
    """
    try:
        tree = parse_one(query, dialect="duckdb")
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"its query cannot be moved to schema suffix {suffix!r}: {first}") from None
    for table in tree.find_all(exp.Table):
        schema = table.args.get("db")
        if schema is not None and (f"{schema.name}{suffix}", table.name) in there:
            table.set("db", exp.to_identifier(f"{schema.name}{suffix}", quoted=True))
    return tree.sql(dialect="duckdb")
