"""A backup that was put back without its companions: old marts below a new SQLMesh state."""

from __future__ import annotations

from pathlib import Path

from sandbox.api import state as states
from sandbox.breaks import Broken, older, targets


def apply(folder: Path, *, days: int = older.DAYS) -> Broken:
    """Replace databox.duckdb by itself as it was `days` days ago; raw data and SQLMesh's state are of today.

    Every schema, table and view has the same name as before, and the state counts the lost days as computed.
    """
    lost = older.last_days(states.read(folder), days)
    file = targets.database(folder, "databox")
    with older.marts(folder, lost) as copy:
        older.put_in_place(copy, file)
    shown = targets.shown(folder, file)
    words = f"{shown} is a copy from {days} days ago; raw data and SQLMesh's state are of today"
    return Broken("old-data-new-state", words, lost, {"file": shown, "start": str(lost[0]), "end": str(lost[-1])})
