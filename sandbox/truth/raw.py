"""What the raw tables should hold: the APIs' answers, reshaped as the loads do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.api.data import Row, checklists, data, taxonomy
from sandbox.api.state import State

Rows = list[tuple[Any, ...]]


def by_day(source: str, state: State) -> dict[date, list[Row]]:
    """The truth of every day of a source."""
    return {day: data(source, day, state) for day in state.all_days()}


def weather(state: State) -> list[tuple[date, str, dict[str, int]]]:
    """One day, station and its values by datatype, in tenths."""
    found: dict[tuple[date, str], dict[str, int]] = {}
    for day, rows in by_day("noaa", state).items():
        for row in rows:
            found.setdefault((day, row["station"]), {})[row["datatype"]] = row["value"]
    return [(day, station, values) for (day, station), values in found.items()]


def expected(state: State) -> dict[str, Rows]:
    """Table -> rows, in the order of columns of `tables.RAW`."""
    observations: Rows = []
    evidence: Rows = []
    lists: Rows = []
    for day, rows in by_day("ebird", state).items():
        for row in rows:
            observations.append((day, *_observation(row)))
            evidence += [
                (day, row["subId"], row["speciesCode"], index, item["kind"], item["url"])
                for index, item in enumerate(row["evidence"])
            ]
        lists += [(day, *_checklist(row)) for row in checklists(rows)]
    return {
        "raw_ebird.main.observations": observations,
        "raw_ebird.main.observations__evidence": evidence,
        "raw_ebird.main.checklists": lists,
        "raw_ebird.main.taxonomy": [_taxon(row) for row in taxonomy()],
        "raw_noaa.main.daily_weather": [
            (day, station, *(values.get(name) for name in ("TMAX", "TMIN", "PRCP", "AWND")))
            for day, station, values in weather(state)
        ],
        "raw_usgs.main.daily_values": [
            (day, row["site"], row["parameter"], Decimal(row["hundredths"]) / 100, "P")
            for day, rows in by_day("usgs", state).items()
            for row in rows
        ],
    }


def _observation(row: Row) -> tuple[Any, ...]:
    names = ("subId", "speciesCode", "comName", "sciName", "locId", "locName", "subnational2Code", "lat", "lng")
    return (*(row[name] for name in names), row["obsDt"][-5:], row.get("howMany"), row["obsReviewed"])


def _checklist(row: Row) -> tuple[Any, ...]:
    at = f"{row['isoObsDate'].replace(' ', 'T')}:00"
    head = (row["subId"], row["locId"], row["subnational2Code"], at)
    return (*head, row["numSpecies"], row["durationMinutes"], row["userDisplayName"])


def _taxon(row: Row) -> tuple[Any, ...]:
    names = ("speciesCode", "comName", "sciName", "category", "taxonOrder", "familyCode", "extinct")
    return tuple(row[name] for name in names)
