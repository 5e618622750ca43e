"""Quoting: the only way a name or a path gets into a statement."""

from __future__ import annotations


def ident(*parts: str) -> str:
    """Quote the parts of a dotted name, each one separately."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Quote a string where the grammar takes no parameter (ATTACH, SET)."""
    return "'" + text.replace("'", "''") + "'"


def day_of(column: str, kind: str, table: str | None = None) -> str | None:
    """The expression for the UTC day of a column of DuckDB type `kind`, or None for a type that has no day.

    `table` qualifies the column where a query joins.

    Text is read as ISO: its first ten characters, that is the day as written.
    """
    name = ident(table, column) if table is not None else ident(column)
    if kind == "DATE":
        return name
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"CAST({name} AT TIME ZONE 'UTC' AS DATE)"
    if kind.startswith("TIMESTAMP"):
        return f"CAST({name} AS DATE)"
    if kind == "VARCHAR":
        return f"TRY_CAST(left(ltrim({name}), 10) AS DATE)"
    return None
