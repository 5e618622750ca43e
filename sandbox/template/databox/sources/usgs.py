"""USGS: daily values of five gauges, loaded incrementally; dlt's own interval variables ask for a window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import dlt
from dlt.extract.source import DltSource

from .. import settings
from ..http import client, get

SITES = ("09380000", "09402500", "09498500", "09502000", "09512500")
Row = dict[str, Any]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _values(start: date, end: date) -> Iterator[Row]:
    document = get(
        client(),
        "nwis/dv/",
        {"format": "json", "sites": ",".join(SITES), "startDT": start.isoformat(), "endDT": end.isoformat()},
    )
    for series in document["value"]["timeSeries"]:
        for value in series["values"][0]["value"]:
            yield {
                "site_no": series["sourceInfo"]["siteCode"][0]["value"],
                "parameter_cd": series["variable"]["variableCode"][0]["value"],
                "datetime": datetime.fromisoformat(value["dateTime"]).replace(tzinfo=UTC),
                "value": Decimal(value["value"]),
                "qualifier": value["qualifiers"][0],
            }


def source() -> DltSource:
    """The USGS source; raises on an HTTP error."""

    first = _midnight(settings.first_day("DATABOX_USGS_DAYS_BACK"))
    since = dlt.sources.incremental[datetime]("datetime", initial_value=first)

    @dlt.resource(
        name="daily_values",
        write_disposition="merge",
        primary_key=["site_no", "parameter_cd", "datetime"],
        columns={
            "datetime": {"data_type": "timestamp", "timezone": True},
            "value": {"data_type": "decimal", "precision": 14, "scale": 2},
        },
    )
    def daily_values(cursor: dlt.sources.incremental[datetime] = since) -> Iterator[Row]:
        # `end_value` is exclusive.
        last = (cursor.end_value - timedelta(days=1)).date() if cursor.end_value else settings.today()
        yield from _values((cursor.start_value or first).date(), last)

    @dlt.source(name="usgs")
    def usgs() -> Any:
        return daily_values()

    made = usgs()
    return made.add_limit(settings.SMOKE_ITEMS) if settings.smoke() else made
