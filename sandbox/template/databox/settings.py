"""Where things are and what day it is; everything is relative to the stack's root."""

from __future__ import annotations

import json
import os
import tomllib
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

SOURCES = ("ebird", "noaa", "usgs")
SMOKE_ITEMS = 5
BACKENDS = ("local", "motherduck")


def root() -> Path:
    """The stack's root: `DATABOX_ROOT`, else the folder that holds this package."""
    named = os.environ.get("DATABOX_ROOT")
    return Path(named).resolve() if named else Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """The folder of every database."""
    return root() / "data"


def database(catalog: str) -> Path:
    """The DuckDB file of a catalog, on the local backend; SQLMesh's state is such a file on both."""
    return data_dir() / f"{catalog}.duckdb"


def address(catalog: str) -> str:
    """What DuckDB connects to for a catalog: its file, or `md:` and its name."""
    return f"md:{catalog}" if backend() == "motherduck" else str(database(catalog))


def catalogs() -> dict[str, str]:
    """Catalog name -> address: the marts and the raw data of each source."""
    return {name: address(name) for name in ("databox", *(f"raw_{source}" for source in SOURCES))}


@cache
def _settings(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def settings() -> dict[str, Any]:
    """The content of `databox.toml`."""
    return _settings(root() / "databox.toml")


def backend() -> str:
    """Where the catalogs are, `local` or `motherduck`: `DATABOX_BACKEND`, else `backend` of `databox.toml`."""
    named = os.environ.get("DATABOX_BACKEND") or str(settings().get("backend", "local"))
    if named not in BACKENDS:
        raise ValueError(f"{named!r} is no backend ({' or '.join(BACKENDS)})")
    return named


def pinned_now() -> datetime | None:
    """The end of the fixed present day, or None when the clock tells."""
    fixed = os.environ.get("DATABOX_TODAY") or settings().get("today")
    if not fixed:
        return None
    return datetime.combine(date.fromisoformat(str(fixed)), time(23, 59), tzinfo=UTC)


def today() -> date:
    """The present day in UTC; the last complete day is the one before."""
    return (pinned_now() or datetime.now(UTC)).date()


def first_day(variable: str) -> date:
    """The first day of an ordinary load: as many days back as the variable says, else the whole history."""
    return today() - timedelta(days=int(os.environ.get(variable) or settings()["history_days"]))


def days(start: date, end: date) -> list[date]:
    """Every day of `[start, end]`."""
    return [start + timedelta(days=offset) for offset in range((end - start).days + 1)]


def smoke() -> bool:
    """Whether each resource is capped at a few items."""
    return os.environ.get("DATABOX_SMOKE") == "1"


def api_url() -> str:
    """The address of the APIs: `DATABOX_API_URL`, else the server that belongs to this stack."""
    named = os.environ.get("DATABOX_API_URL")
    if named:
        return named.rstrip("/")
    file = root() / ".sandbox" / "server.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["url"])
    except FileNotFoundError:
        raise RuntimeError(f"no API server runs for this stack (no {file}); set DATABOX_API_URL") from None
