"""Where what is in the way goes: nothing in a quarantine is ever overwritten."""

from __future__ import annotations

from pathlib import Path


def untaken(path: Path) -> Path:
    """The path, or with a number behind it that nothing has yet: `usgs.duckdb.2`."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
