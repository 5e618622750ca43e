"""eBird: observations, checklists and the taxonomy of two counties.

`DATABOX_BACKFILL_START`/`DATABOX_BACKFILL_END` (inclusive ISO dates) ask for a window; without them the last
`DATABOX_EBIRD_DAYS_BACK` days are loaded, by default the whole history.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dlt
from dlt.extract.source import DltSource
from dlt.sources.helpers.requests import RequestException

from .. import settings
from ..http import client, get

REGIONS = ("US-AZ-013", "US-AZ-019")
logger = logging.getLogger("databox.ebird")
Row = dict[str, Any]


def window() -> tuple[date, date]:
    """The days to load, both inclusive."""
    start, end = os.environ.get("DATABOX_BACKFILL_START"), os.environ.get("DATABOX_BACKFILL_END")
    last = date.fromisoformat(end) if end else settings.today() - timedelta(days=1)
    return date.fromisoformat(start) if start else settings.first_day("DATABOX_EBIRD_DAYS_BACK"), last


def _daily(path: str) -> Iterator[Row]:
    """Every row of every region and day; a day that the API cannot give is logged and left out."""
    http = client()
    for day in settings.days(*window()):
        for region in REGIONS:
            try:
                yield from get(http, path.format(region=region, day=f"{day.year}/{day.month}/{day.day}"))
            except RequestException as error:
                logger.error("resource_fetch_failed %s %s: %s", region, day, error)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _observation(row: Row) -> Row:
    at = _instant(row["obsDt"])
    return {
        "sub_id": row["subId"],
        "species_code": row["speciesCode"],
        "common_name": row["comName"],
        "scientific_name": row["sciName"],
        "location_id": row["locId"],
        "location_name": row["locName"],
        "region_code": row["subnational2Code"],
        "latitude": row["lat"],
        "longitude": row["lng"],
        "observation_date": at.date(),
        "observed_at": at.strftime("%H:%M"),
        "how_many": row.get("howMany"),
        "reviewed": row["obsReviewed"],
        "evidence": row["evidence"],
    }


def _checklist(row: Row) -> Row:
    return {
        "sub_id": row["subId"],
        "location_id": row["locId"],
        "region_code": row["subnational2Code"],
        "obs_dt": _instant(row["isoObsDate"]).isoformat(),
        "num_species": row["numSpecies"],
        "duration_minutes": row["durationMinutes"],
        "observer": row["userDisplayName"],
    }


def _taxon(row: Row) -> Row:
    return {
        "species_code": row["speciesCode"],
        "common_name": row["comName"],
        "scientific_name": row["sciName"],
        "category": row["category"],
        "taxon_order": row["taxonOrder"],
        "family_code": row["familyCode"],
        "extinct": row["extinct"],
    }


def source() -> DltSource:
    """The eBird source. Like many hand-written loaders it swallows HTTP errors: it logs them and yields nothing."""

    @dlt.resource(
        name="observations",
        write_disposition="merge",
        primary_key=["sub_id", "species_code"],
        columns={
            "observation_date": {"data_type": "date"},
            "observed_at": {"data_type": "text"},
            "how_many": {"data_type": "bigint"},
        },
    )
    def observations() -> Iterator[Row]:
        for row in _daily("v2/data/obs/{region}/historic/{day}?detail=full"):
            yield _observation(row)

    @dlt.resource(
        name="checklists",
        write_disposition="merge",
        primary_key="sub_id",
        # dlt would otherwise see a timestamp in the ISO text.
        columns={"obs_dt": {"data_type": "text"}},
    )
    def checklists() -> Iterator[Row]:
        for row in _daily("v2/product/lists/{region}/{day}"):
            yield _checklist(row)

    @dlt.resource(name="taxonomy", write_disposition="replace", primary_key="species_code")
    def taxonomy() -> Iterator[Row]:
        try:
            for row in get(client(), "v2/ref/taxonomy/ebird", {"fmt": "json"}):
                yield _taxon(row)
        except RequestException as error:
            logger.error("resource_fetch_failed taxonomy: %s", error)

    @dlt.source(name="ebird")
    def ebird() -> Any:
        return observations(), checklists(), taxonomy()

    made = ebird()
    return made.add_limit(settings.SMOKE_ITEMS) if settings.smoke() else made
