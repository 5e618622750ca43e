"""Quoting: the only way a name or a path gets into a statement."""

from __future__ import annotations

# What rows of a measured table are counted under that belong to no day: theirs is missing, or their parent is.
NO_DAY, NO_PARENT = UNDATED = ("none", "no parent")


def ident(*parts: str) -> str:
    """Quote the parts of a dotted name, each one separately."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Quote a string where the grammar takes no parameter (ATTACH, SET)."""
    return "'" + text.replace("'", "''") + "'"


# A whole row is asked for by its table's alias, and DuckDB looks for a column of that name first: this is none's.
ROW = "whole_row_of_ops_tasks"
COMPACT = r"^\s*(\d{8})(?:[T ].*|\s*)$"
FIRST, LAST = "DATE '0001-01-01'", "DATE '9999-12-31'"


def day_of(column: str, kind: str, table: str | None = None) -> str | None:
    """The expression for the UTC day of a column of DuckDB type `kind`, or None for a type that has no day.

    `table` qualifies the column where a query joins.

    Text is read as ISO: its first ten characters, or eight digits (`20260418`), that is the day as written. A day that
    no calendar here knows (DuckDB's dates go on after 9999, and to infinity) counts as no day.
    """
    name = ident(table, column) if table is not None else ident(column)
    if kind == "DATE":
        day = name
    elif kind == "TIMESTAMP WITH TIME ZONE":
        day = f"CAST({name} AT TIME ZONE 'UTC' AS DATE)"
    elif kind.startswith("TIMESTAMP"):
        day = f"CAST({name} AS DATE)"
    elif kind == "VARCHAR":
        compact = f"CAST(try_strptime(regexp_extract({name}, {literal(COMPACT)}, 1), '%Y%m%d') AS DATE)"
        day = f"coalesce(TRY_CAST(left(ltrim({name}), 10) AS DATE), {compact})"
    else:
        return None
    return f"CASE WHEN {day} BETWEEN {FIRST} AND {LAST} THEN {day} END"
