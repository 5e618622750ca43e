"""The documents of the three APIs, in the shape of the real ones."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import Any

from sandbox.api.data import Row, checklists, taxonomy
from sandbox.api.faults import served
from sandbox.api.state import State
from sandbox.api.world import PARAMETERS, REGIONS

Query = dict[str, str]


class BadRequest(Exception):
    """The request cannot be answered: a missing or malformed parameter."""


class NotFound(Exception):
    """No such address."""


def answer(path: str, query: Query, state: State) -> Any:
    """Return the JSON document of one address; raises `Broken`, `BadRequest` or `NotFound`."""
    match path.strip("/").split("/"):
        case ["v2", "data", "obs", region, "historic", year, month, day]:
            return _observations(region, _date(f"{year}-{int(month):02d}-{int(day):02d}"), state)
        case ["v2", "product", "lists", region, year, month, day]:
            return checklists(_observations(region, _date(f"{year}-{int(month):02d}-{int(day):02d}"), state))
        case ["v2", "ref", "taxonomy", "ebird"]:
            return taxonomy()
        case ["cdo-web", "api", "v2", "data"]:
            return _cdo(query, state)
        case ["nwis", "dv"]:
            return _nwis(query, state)
        case _:
            raise NotFound(path)


def _observations(region: str, day: date, state: State) -> list[Row]:
    if region not in REGIONS:
        raise BadRequest(f"unknown region {region}")
    time.sleep(state.seconds("ebird", day))
    return [row for row in served("ebird", day, state) if row["subnational2Code"] == region]


def _cdo(query: Query, state: State) -> Row:
    """NOAA's Climate Data Online: a flat list, in pages of at most 1000, counted from offset 1."""
    if query.get("datasetid") != "GHCND":
        raise BadRequest("datasetid must be GHCND")
    wanted = query.get("stationid")
    limit, offset = int(query.get("limit", "25")), int(query.get("offset", "1"))
    if not 1 <= limit <= 1000 or offset < 1:
        raise BadRequest("limit must be 1 to 1000, offset at least 1")
    rows = _days("noaa", _parameter(query, "startdate"), _parameter(query, "enddate"), state)
    rows = [row for row in rows if wanted is None or row["station"][:17] in wanted.split(",")]
    if not rows:
        return {}
    page = rows[offset - 1 : offset - 1 + limit]
    return {"metadata": {"resultset": {"offset": offset, "count": len(rows), "limit": limit}}, "results": page}


def _nwis(query: Query, state: State) -> Row:
    """USGS' daily values: one series per site and parameter, values as text."""
    wanted = [site for site in query.get("sites", "").split(",") if site]
    if query.get("format") != "json" or not wanted:
        raise BadRequest("format=json and sites are required")
    rows = _days("usgs", _parameter(query, "startDT"), _parameter(query, "endDT"), state)
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["site"][:8] in wanted:
            series.setdefault((row["site"], row["parameter"]), []).append(row)
    return {
        "name": "ns1:timeSeriesResponseType",
        "value": {
            "queryInfo": {"criteria": {"locationParam": query["sites"]}},
            "timeSeries": [_series(site, parameter, found) for (site, parameter), found in sorted(series.items())],
        },
    }


def _series(site: str, parameter: str, rows: list[Row]) -> Row:
    return {
        "sourceInfo": {"siteName": f"SANDBOX GAUGE {site}", "siteCode": [{"value": site, "agencyCode": "USGS"}]},
        "variable": {"variableCode": [{"value": parameter}], "variableName": PARAMETERS[parameter]},
        "values": [
            {
                "value": [
                    {
                        "value": f"{row['hundredths'] / 100:.2f}",
                        "qualifiers": ["P"],
                        "dateTime": row["dateTime"],
                    }
                    for row in rows
                ]
            }
        ],
    }


def _days(source: str, start: date, end: date, state: State) -> list[Row]:
    days = [day for day in state.all_days() if start <= day <= end]
    time.sleep(max((state.seconds(source, day) for day in days), default=0.0))
    return [row for day in days for row in served(source, day, state)]


def _parameter(query: Query, name: str) -> date:
    if name not in query:
        raise BadRequest(f"{name} is required")
    return _date(query[name])


def _date(text: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise BadRequest(f"{text!r} is not an ISO date") from None
