"""The passing lies of an API: what it answers while a fault lies on a day."""

from __future__ import annotations

from datetime import date

from sandbox.api.data import Row, data
from sandbox.api.state import State


class Broken(Exception):
    """The API answers 500 for this day."""


def served(source: str, day: date, state: State) -> list[Row]:
    """Return what the API says about one day, faults included; raises `Broken` where it answers an error."""
    kinds = state.kinds(source, day)
    if "error" in kinds:
        raise Broken(f"{source} cannot tell about {day}")
    rows = data(source, day, state)
    if "empty" in kinds:
        return []
    if "half" in kinds:
        rows = _half(source, rows)
    if "wrong" in kinds:
        rows = [_wrong(source, row) for row in rows]
    if "spike" in kinds:
        rows = [copy for row in rows for copy in _copies(source, row)]
    return rows


def _half(source: str, rows: list[Row]) -> list[Row]:
    """Every second observation, or everything of every second station or site."""
    if source == "ebird":
        return rows[::2]
    key = "station" if source == "noaa" else "site"
    kept = sorted({row[key] for row in rows})[::2]
    return [row for row in rows if row[key] in kept]


def _wrong(source: str, row: Row) -> Row:
    """The right rows with wrong values."""
    if source == "ebird":
        return row | {"howMany": 10 * row.get("howMany", 1)}
    column = "value" if source == "noaa" else "hundredths"
    return row | {column: 10 * row[column] + 1}


def _copies(source: str, row: Row) -> list[Row]:
    """The row three times, under keys that no merge takes for the same."""
    key = {"ebird": "subId", "noaa": "station", "usgs": "site"}[source]
    return [row, *(row | {key: f"{row[key]}{suffix}"} for suffix in ("B", "C"))]
