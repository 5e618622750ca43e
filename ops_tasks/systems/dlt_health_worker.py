"""How dlt's loads ended, told by its tables and by its working state on disk; dlt itself is not imported."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, cast

from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote

# Folders of dlt's (1.31) working state that hold what has not been loaded to the end yet.
PENDING = ("normalize/extracted", "load/new", "load/normalized")


class Loads(TypedDict):
    """One source: the `last` load that ended well, ids of `failed` ones, `pending` packages, and when dlt `extracted`
    last, as its working state says. Times are ISO, in UTC."""

    last: str | None
    failed: list[str]
    pending: list[str]
    extracted: str | None


@steady_if_remote
def loads(databases: dict[str, str], datasets: dict[str, list[str]], folders: dict[str, str]) -> dict[str, Loads]:
    """Return source -> its loads; `datasets` is source -> [catalog, dataset], `folders` source -> its working state."""
    found: dict[str, Loads] = {}
    with attached(databases) as connection:
        for source, (catalog, dataset) in datasets.items():
            there = connection.execute(
                "SELECT 1 FROM duckdb_tables() "
                "WHERE database_name = ? AND schema_name = ? AND table_name = '_dlt_loads'",
                [catalog, dataset],
            ).fetchall()
            rows: list[Any] = []
            if there:
                table = ident(catalog, dataset, "_dlt_loads")
                rows = connection.execute(f"SELECT load_id, status, inserted_at FROM {table}").fetchall()
            good = [inserted for _, status, inserted in rows if status == 0]
            folder = Path(folders[source]) if source in folders else None
            found[source] = Loads(
                last=max(good).astimezone(UTC).isoformat() if good else None,
                failed=[str(load) for load, status, _ in rows if status != 0],
                pending=_pending(folder) if folder else [],
                extracted=_extracted(folder) if folder else None,
            )
    return found


def _pending(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for place in PENDING
        if (folder / place).is_dir()
        for path in (folder / place).iterdir()
        if path.is_dir() and any(path.rglob("*.*"))
    )


def _extracted(folder: Path) -> str | None:
    """dlt writes the time of an extraction into its state only when that changed the state."""
    try:
        state = cast("dict[str, Any]", json.loads((folder / "state.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None
    text = str(state.get("_local", {}).get("_last_extracted_at", ""))
    try:
        # Times are written behind a private-use character that names their type (dlt 1.31).
        return datetime.fromisoformat(text.lstrip("\uf026\uf027\uf028")).astimezone(UTC).isoformat()
    except ValueError:
        return None
