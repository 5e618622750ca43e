"""NOAA: daily weather of four stations. `DATABOX_NOAA_DAYS_BACK` says how many days back a load reaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dlt
from dlt.extract.source import DltSource

from .. import settings
from ..http import client, get

STATIONS = ("GHCND:USW00023183", "GHCND:USW00023160", "GHCND:USC00022807", "GHCND:USC00025467")
PAGE = 250
Row = dict[str, Any]


def _measurements() -> Iterator[Row]:
    """NOAA's long format, page by page: one row per station, date and datatype."""
    http, offset = client(), 1
    while True:
        document = get(
            http,
            "cdo-web/api/v2/data",
            {
                "datasetid": "GHCND",
                "stationid": ",".join(STATIONS),
                "startdate": settings.first_day("DATABOX_NOAA_DAYS_BACK").isoformat(),
                "enddate": (settings.today() - timedelta(days=1)).isoformat(),
                "limit": PAGE,
                "offset": offset,
            },
        )
        yield from document.get("results", [])
        offset += PAGE
        if offset > document.get("metadata", {}).get("resultset", {}).get("count", 0):
            return


def source() -> DltSource:
    """The NOAA source; raises on an HTTP error."""

    @dlt.resource(
        name="daily_weather",
        write_disposition="merge",
        primary_key=["station", "date"],
        columns={
            "date": {"data_type": "timestamp", "timezone": False},
            **{name: {"data_type": "bigint"} for name in ("tmax", "tmin", "prcp", "awnd")},
        },
    )
    def daily_weather() -> Iterator[Row]:
        days: dict[tuple[str, str], Row] = {}
        for row in _measurements():
            made = days.setdefault(
                (row["station"], row["date"]),
                {"station": row["station"], "date": datetime.fromisoformat(row["date"])},
            )
            made[row["datatype"].lower()] = row["value"]
        yield from days.values()

    @dlt.source(name="noaa")
    def noaa() -> Any:
        return daily_weather()

    made = noaa()
    return made.add_limit(settings.SMOKE_ITEMS) if settings.smoke() else made
