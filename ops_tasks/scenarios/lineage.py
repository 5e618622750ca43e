"""From raw tables to marts: which deployed models hang on which tables, and which column says their day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ops_tasks.errors import UsageError, nearest
from ops_tasks.stack import Stack
from ops_tasks.systems.sql import ident

DAYS = ("DATE", "TIMESTAMP")
KEYED = {"INCREMENTAL_BY_UNIQUE_KEY", "SCD_TYPE_2", "SCD_TYPE_2_BY_TIME", "SCD_TYPE_2_BY_COLUMN"}


@dataclass(frozen=True)
class RawTable:
    """A raw table. `parents` are the dlt tables above it, nearest first; a dated root has a `date_column`."""

    name: str
    source: str
    catalog: str
    dataset: str
    table: str
    date_column: str | None
    parents: tuple[str, ...]
    primary_key: tuple[str, ...]

    @property
    def quoted(self) -> str:
        """The name as SQLMesh writes it."""
        return f'"{self.catalog}"."{self.dataset}"."{self.table}"'


def raw_tables(
    stack: Stack, schemas: Mapping[str, Mapping[str, Any]], columns: Mapping[str, Mapping[str, str]]
) -> list[RawTable]:
    """Every raw table that is there, of all sources; `schemas` is dlt's own word per source.

    A child table takes the date column of the table at the top of it. Where sources share a dataset each has the tables
    that its configuration names, the first one those that none names. Raises `UsageError` for a date column that does
    not exist, and for a table that two sources name.
    """
    owners = _owners(stack)
    found: list[RawTable] = []
    for source, config in stack.config.sources.items():
        schema = schemas[source]
        prefix = f"{config.catalog}.{config.dataset}."
        there = [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]
        for table, section in config.tables.items():
            if section.date_column is None or table not in there:
                continue
            known = columns[prefix + table]
            if section.date_column not in known:
                key = f"ops.sources.{source}.tables.{table}.date_column"
                reason = f"{stack.file}: {key}: {prefix}{table} has no column {section.date_column!r}"
                raise UsageError(reason, nearest(section.date_column, list(known)))
        for table in there:
            if table.startswith("_dlt"):
                continue
            parents = _parents(table, schema, there)
            top = parents[-1] if parents else table
            if owners[config.catalog, config.dataset].get(top, owners[config.catalog, config.dataset][""]) != source:
                continue
            root = config.tables.get(top)
            found.append(
                RawTable(
                    prefix + table,
                    source,
                    config.catalog,
                    config.dataset,
                    table,
                    root.date_column if root else None,
                    parents,
                    tuple(schema.get(table, {}).get("primary_key", ())),
                )
            )
    return found


def nested(tables: Iterable[RawTable]) -> list[dict[str, Any]]:
    """The child tables among them in the words of `orphans_worker.Nested`, those nearer to their root first."""
    return [
        {
            "name": table.name,
            "catalog": table.catalog,
            "schema": table.dataset,
            "table": table.table,
            "parents": table.parents,
        }
        for table in sorted(tables, key=lambda one: len(one.parents))
        if table.parents
    ]


def _owners(stack: Stack) -> dict[tuple[str, str], dict[str, str]]:
    """(catalog, dataset) -> table -> the source that names it; the empty name is that of every other table."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for source, config in stack.config.sources.items():
        owners = found.setdefault((config.catalog, config.dataset), {"": source})
        for table in config.tables:
            if table in owners:
                key = f"ops.sources.{source}.tables.{table}"
                # To exchange its window for one of them would delete what the other has loaded.
                raise UsageError(f"{stack.file}: {key}: {owners[table]} has that table too", "name it once")
            owners[table] = source
    return found


def dated_raw(stack: Stack) -> dict[str, str]:
    """Quoted name -> date column of every raw table that has one, as far as they are configured."""
    return {
        ident(source.catalog, source.dataset, table): section.date_column
        for source in stack.config.sources.values()
        for table, section in source.tables.items()
        if section.date_column is not None
    }


def downstream(models: Mapping[str, Mapping[str, Any]], tables: Iterable[str]) -> list[str]:
    """Deployed models that depend, directly or not, on any of the quoted `tables`, upstream first."""
    reached = set(tables)
    found: list[str] = []
    for name, model in models.items():
        if reached & set(model["upstream"]):
            reached.add(name)
            found.append(name)
    return found


def roots(models: Mapping[str, Mapping[str, Any]], name: str) -> set[str]:
    """Quoted names of the tables outside SQLMesh that a model is made of."""
    found: set[str] = set()
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        current = ahead.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in models:
            ahead += models[current]["upstream"]
        else:
            found.add(current)
    return found


def date_column(model: Mapping[str, Any], types: Mapping[str, str], configured: str | None) -> str | None:
    """The column that says which day a model's row belongs to, or None.

    The configured one, else the model's own time column, else its only date: a model with a key of its own has none.
    """
    if configured is not None:
        return configured
    if model["time_column"]:
        return str(model["time_column"])
    dates = dated_columns(model, types)
    return dates[0] if len(dates) == 1 and model["kind"] not in KEYED else None


def dated_columns(model: Mapping[str, Any], types: Mapping[str, str]) -> list[str]:
    """All columns of a date or time type that are not the run's own clock."""
    return [name for name, kind in types.items() if kind.startswith(DAYS) and name not in model["clock_columns"]]


def _parents(table: str, schema: Mapping[str, Any], there: list[str]) -> tuple[str, ...]:
    """The tables above a dlt child table; where dlt's schema is silent, its naming convention (`parent__child`)."""
    found: list[str] = []
    current = table
    while True:
        parent = schema.get(current, {}).get("parent") or next(
            (
                candidate
                for candidate in sorted(there, key=len, reverse=True)
                if not schema and current.startswith(f"{candidate}__") and candidate != current
            ),
            None,
        )
        if parent is None:
            return tuple(found)
        found.append(parent)
        current = parent
