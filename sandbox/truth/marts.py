"""What the marts should hold, computed in plain Python from the APIs' truth, without SQL and without SQLMesh."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.api.data import Row, taxonomy
from sandbox.api.state import State
from sandbox.truth.raw import Rows, by_day, weather


def expected(state: State) -> dict[str, Rows]:
    """Table -> rows, in the order of columns of `tables.MARTS`."""
    birds = by_day("ebird", state)
    water = by_day("usgs", state)
    return {
        "ebird.fct_daily_bird_observations": _daily_birds(birds),
        "noaa.fct_daily_weather": [
            (day, station, *(_tenths(values.get(name)) for name in ("TMAX", "TMIN", "PRCP", "AWND")))
            for day, station, values in weather(state)
        ],
        "usgs.fct_daily_streamflow": _streamflow(water),
        "analytics.fct_species_environment_daily": _species_environment(birds, water, state),
        "ebird.dim_species": _species(birds),
        "ebird.species_latest": _latest(birds),
        "ebird.species_status_history": [
            (row["speciesCode"], row["category"], row["familyCode"], "extinct" if row["extinct"] else "extant")
            for row in taxonomy()
        ],
        "analytics.platform_health": _health(state),
    }


def _daily_birds(birds: dict[date, list[Row]]) -> Rows:
    made: Rows = []
    for day, rows in birds.items():
        effort: defaultdict[str, set[str]] = defaultdict(set)
        groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            effort[row["subnational2Code"]].add(row["subId"])
            groups[row["speciesCode"], row["subnational2Code"]].append(row)
        for (species, region), group in groups.items():
            counts = [row["howMany"] for row in group if "howMany" in row]
            lists = len({row["subId"] for row in group})
            made.append(
                (
                    day,
                    species,
                    region,
                    len(group),
                    lists,
                    len({row["locId"] for row in group}),
                    sum(counts),
                    max(counts, default=0),
                    sum(len(row["evidence"]) for row in group),
                    len(effort[region]),
                    lists * 1000 // len(effort[region]),
                )
            )
    return made


def _streamflow(water: dict[date, list[Row]]) -> Rows:
    values: defaultdict[tuple[date, str], dict[str, Decimal]] = defaultdict(dict)
    for day, rows in water.items():
        for row in rows:
            values[day, row["site"]][row["parameter"]] = Decimal(row["hundredths"]) / 100
    return [(day, site, found.get("00060"), found.get("00010")) for (day, site), found in values.items()]


def _species_environment(birds: dict[date, list[Row]], water: dict[date, list[Row]], state: State) -> Rows:
    stations: defaultdict[date, list[dict[str, int]]] = defaultdict(list)
    for day, _, values in weather(state):
        stations[day].append(values)
    made: Rows = []
    for day, rows in birds.items():
        here = stations[day]
        flows = [row["hundredths"] for row in water[day] if row["parameter"] == "00060"]
        environment = (
            _tenths(max((v["TMAX"] for v in here), default=None)),
            _tenths(min((v["TMIN"] for v in here), default=None)),
            _tenths(sum(v["PRCP"] for v in here) if here else None),
            Decimal(sum(flows)) / 100 if flows else None,
        )
        for species, group in _grouped(rows).items():
            total = sum(row.get("howMany", 0) for row in group)
            made.append((day, species, len({row["subId"] for row in group}), total, *environment))
    return made


def _species(birds: dict[date, list[Row]]) -> Rows:
    seen: defaultdict[str, set[date]] = defaultdict(set)
    for day, rows in birds.items():
        for row in rows:
            seen[row["speciesCode"]].add(day)
    made: Rows = []
    for row in taxonomy():
        days = seen[row["speciesCode"]]
        head = (row["speciesCode"], row["comName"], row["sciName"], row["familyCode"], row["taxonOrder"])
        made.append((*head, min(days, default=None), max(days, default=None), len(days)))
    return made


def _latest(birds: dict[date, list[Row]]) -> Rows:
    latest: dict[str, tuple[Any, ...]] = {}
    for day in sorted(birds):
        for species, group in _grouped(birds[day]).items():
            latest[species] = (species, day, len(group), sum(row.get("howMany", 0) for row in group))
    return list(latest.values())


def _health(state: State) -> Rows:
    counts = {
        "ebird": {day: len(rows) for day, rows in by_day("ebird", state).items()},
        "noaa": {day: len({row["station"] for row in rows}) for day, rows in by_day("noaa", state).items()},
        "usgs": {day: len(rows) for day, rows in by_day("usgs", state).items()},
    }
    made: Rows = []
    for source, found in counts.items():
        days = [day for day, count in found.items() if count]
        made.append((source, sum(found.values()), min(days), max(days)))
    return made


def _grouped(rows: list[Row]) -> dict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["speciesCode"]].append(row)
    return groups


def _tenths(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value) / 10
