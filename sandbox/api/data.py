"""What the APIs know, as a pure function of source, day and state: seeded by names and days, by nothing else."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from hashlib import blake2b
from math import cos, pi
from random import Random
from typing import Any

from sandbox.api.state import CORRECTED, State
from sandbox.api.world import PARAMETERS, PLACES, SITES, SPECIES, STATIONS, Place, Species
from sandbox.errors import choose

Row = dict[str, Any]


def data(source: str, day: date, state: State) -> list[Row]:
    """Return the upstream truth of one day: corrections are honoured, passing faults ignored.

    `ebird`: one row per species of a checklist, as eBird's API writes it. `noaa`: one row per station, date and
    datatype (tenths). `usgs`: one row per site and parameter (hundredths). The rows must not be changed.
    """
    choose(source, GENERATORS, "source")
    if not state.has(day):
        return []
    return list(_day(source, day, corrected=CORRECTED in state.kinds(source, day)))


@lru_cache(maxsize=1024)
def _day(source: str, day: date, *, corrected: bool) -> tuple[Row, ...]:
    rows = GENERATORS[source](day)
    return tuple(CORRECTIONS[source](rows, day) if corrected else rows)


def taxonomy() -> list[Row]:
    """Return eBird's taxonomy, which has no days."""
    return [
        {
            "sciName": species.scientific,
            "comName": species.common,
            "speciesCode": species.code,
            "category": "species",
            "taxonOrder": 1000 + 10 * order,
            "familyCode": species.family,
            "extinct": False,
        }
        for order, species in enumerate(SPECIES)
    ]


def checklists(rows: list[Row]) -> list[Row]:
    """Return the checklists that a day's observations belong to, in the shape of eBird's product/lists."""
    found: dict[str, Row] = {}
    for row in rows:
        made = found.setdefault(
            row["subId"],
            {
                "locId": row["locId"],
                "subId": row["subId"],
                "userDisplayName": "Sandbox Observer",
                "numSpecies": 0,
                "isoObsDate": row["obsDt"],
                "subnational2Code": row["subnational2Code"],
                "durationMinutes": 20 + digest("duration", row["subId"]) % 100,
            },
        )
        made["numSpecies"] += 1
    return list(found.values())


def digest(*parts: object) -> int:
    """A stable number for a name (Python's own hash changes from process to process)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def season(day: date, peak: int, depth: float) -> float:
    """A factor around 1 that is largest on day `peak` of the year."""
    return 1.0 + depth * cos(2 * pi * (day.timetuple().tm_yday - peak) / 365.0)


def _ebird(day: date) -> list[Row]:
    rows: list[Row] = []
    for place in PLACES:
        for number in range(3 if day.weekday() >= 5 else 2):
            rows += _checklist(place, day, number)
    return rows


def _checklist(place: Place, day: date, number: int) -> list[Row]:
    rng = Random(digest("ebird", place.loc_id, day, number))
    sub_id = f"S{day:%y%m%d}{place.loc_id[1:]}{number}"
    at = f"{day.isoformat()} {5 + rng.randrange(12):02d}:{rng.randrange(60):02d}"
    ranked = sorted(SPECIES, key=lambda s: rng.random() ** (1 / (s.abundance * season(day, s.peak, 0.5))), reverse=True)
    chosen = sorted(ranked[: rng.randint(8, 10)], key=lambda s: s.code)
    return [observation(place, day, at, sub_id, species, rng) for species in chosen]


def observation(place: Place, day: date, at: str, sub_id: str, species: Species, rng: Random) -> Row:
    """One species of a checklist, as in eBird's `detail=full`; without `howMany` where the observer did not count."""
    row: Row = {
        "speciesCode": species.code,
        "comName": species.common,
        "sciName": species.scientific,
        "locId": place.loc_id,
        "locName": place.name,
        "obsDt": at,
        "lat": place.lat,
        "lng": place.lng,
        "obsValid": True,
        "obsReviewed": rng.random() < 0.1,
        "subId": sub_id,
        "subnational2Code": place.region,
        "evidence": [],
    }
    if rng.random() >= 0.05:
        row["howMany"] = 1 + int(rng.expovariate(1 / (species.abundance * season(day, species.peak, 0.6))))
    if rng.random() < 0.15:
        kinds = ["photo", "audio"][: rng.randint(1, 2)]
        row["evidence"] = [
            {"kind": kind, "url": f"https://example.org/{sub_id}/{species.code}/{kind}"} for kind in kinds
        ]
    return row


def _noaa(day: date) -> list[Row]:
    return [row for station in STATIONS if not _gap("noaa", station, day) for row in _weather(station, day)]


def _weather(station: str, day: date) -> list[Row]:
    rng = Random(digest("noaa", station, day))
    high, low = STATIONS[station]
    warmth = round(100 * (season(day, 196, 1.0) - 1.0)) + rng.randint(-25, 25)
    values = {
        "TMAX": high + warmth,
        "TMIN": low + warmth - rng.randint(0, 15),
        "PRCP": rng.randint(1, 180) if rng.random() < 0.12 else 0,
        "AWND": rng.randint(8, 60),
    }
    return [
        {"date": f"{day}T00:00:00", "datatype": kind, "station": station, "attributes": ",,W,2400", "value": value}
        for kind, value in values.items()
    ]


def _usgs(day: date) -> list[Row]:
    return [row for site in SITES if not _gap("usgs", site, day) for row in _gauge(site, day)]


def _gauge(site: str, day: date) -> list[Row]:
    rng = Random(digest("usgs", site, day))
    flow = round(SITES[site] * season(day, 140, 0.3) * rng.uniform(0.9, 1.1))
    warmth = round(1600 * season(day, 200, 0.4)) + rng.randint(-100, 100)
    return [
        {"site": site, "parameter": parameter, "dateTime": f"{day}T00:00:00.000", "hundredths": value}
        for parameter, value in zip(PARAMETERS, (flow, warmth), strict=True)
    ]


def _gap(source: str, name: str, day: date) -> bool:
    """Some stations miss some days; a correction delivers them later."""
    return digest("gap", source, name, day) % 40 == 0


def _correct_ebird(rows: list[Row], day: date) -> list[Row]:
    """A tenth of the rows gone, three tenths counted again, and one more species on a fifth of the checklists.

    What has evidence is not withdrawn: of a day's few rows of it no more may go than the gate lets through.
    """
    kept: list[Row] = []
    for row in rows:
        turn = digest("corrected", row["subId"], row["speciesCode"]) % 10
        if turn in (1, 2, 3):
            row = row | {"howMany": 2 * row.get("howMany", 0) + turn, "obsReviewed": True}
        if turn or row["evidence"]:
            kept.append(row)
    places = {place.loc_id: place for place in PLACES}
    for head in {row["subId"]: row for row in rows}.values():
        seed = digest("added", head["subId"])
        there = {row["speciesCode"] for row in rows if row["subId"] == head["subId"]}
        absent = [species for species in SPECIES if species.code not in there]
        if seed % 5 == 0:
            place, species = places[head["locId"]], absent[seed % len(absent)]
            kept.append(observation(place, day, head["obsDt"], head["subId"], species, Random(seed)))
    return kept


def _correct_noaa(rows: list[Row], day: date) -> list[Row]:
    """The gaps filled, every maximum 0.7 degrees higher, and one station of four withdrawn on every other day."""
    withdrawn = list(STATIONS)[digest("withdrawn", day) % 4] if day.toordinal() % 2 else ""
    filled = [*rows, *(row for name in STATIONS if _gap("noaa", name, day) for row in _weather(name, day))]
    return [
        row | {"value": row["value"] + (7 if row["datatype"] == "TMAX" else 0)}
        for row in filled
        if row["station"] != withdrawn
    ]


def _correct_usgs(rows: list[Row], day: date) -> list[Row]:
    """The gaps filled, every discharge revised by two percent, and one site withdrawn on every other day."""
    withdrawn = list(SITES)[digest("withdrawn", day) % 5] if day.toordinal() % 2 else ""
    filled = [*rows, *(row for name in SITES if _gap("usgs", name, day) for row in _gauge(name, day))]
    return [
        row | {"hundredths": row["hundredths"] * 102 // 100 if row["parameter"] == "00060" else row["hundredths"]}
        for row in filled
        if row["site"] != withdrawn
    ]


GENERATORS = {"ebird": _ebird, "noaa": _noaa, "usgs": _usgs}
CORRECTIONS = {"ebird": _correct_ebird, "noaa": _correct_noaa, "usgs": _correct_usgs}
