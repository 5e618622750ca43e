"""Which rows the newest loads brought, told by the load id that dlt writes into every row. Reads only."""

from __future__ import annotations

from pathlib import Path

from ops_tasks.systems.attaching_worker import MD
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote


@steady_if_remote
def loads(raw: str, dataset: str) -> list[str]:
    """Every load id of a dataset; none where there is no such database or dataset."""
    if not _there(raw):
        return []
    with attached({_name(raw): raw}) as connection:
        there = connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = '_dlt_loads'",
            [_name(raw), dataset],
        ).fetchall()
        if not there:
            return []
        rows = connection.execute(f"SELECT load_id FROM {ident('raw', dataset, '_dlt_loads')}").fetchall()
        return [str(load_id) for (load_id,) in rows]


@steady_if_remote
def brought(raw: str, dataset: str, tables: list[str], known: list[str]) -> dict[str, int]:
    """Table -> rows that came (or came again) with a load that is not among `known`."""
    if not _there(raw):
        return dict.fromkeys(tables, 0)
    found: dict[str, int] = {}
    with attached({_name(raw): raw}) as connection:
        for table in tables:
            columns = connection.execute(
                "SELECT column_name FROM duckdb_columns() "
                "WHERE database_name = ? AND schema_name = ? AND table_name = ?",
                [_name(raw), dataset, table],
            ).fetchall()
            found[table] = 0
            if ("_dlt_load_id",) in columns:
                where = ident(_name(raw), dataset, table)
                counted = f"SELECT count(*) FROM {where} WHERE NOT list_contains(CAST(? AS VARCHAR[]), _dlt_load_id)"
                found[table] = int(connection.execute(counted, [known]).fetchall()[0][0])
    return found


def _there(raw: str) -> bool:
    return raw.startswith(MD) or Path(raw).is_file()


def _name(raw: str) -> str:
    """What it is attached as: MotherDuck's databases have no names but their own."""
    return raw.removeprefix(MD) if raw.startswith(MD) else "raw"
