"""The APIs: shape, size, determinism, faults, and the server's life."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from sandbox.api import server
from sandbox.api import state as states
from sandbox.api.data import checklists, data, taxonomy
from sandbox.api.faults import Broken, served
from sandbox.errors import SandboxError, UsageError

TODAY = date(2026, 4, 21)
STATE = states.State(TODAY, 45)
DAY = date(2026, 4, 18)
OBSERVATIONS = "v2/data/obs/US-AZ-013/historic/2026/4/18"
CDO = "cdo-web/api/v2/data?datasetid=GHCND&startdate=2026-04-17&enddate=2026-04-18"
NWIS = "nwis/dv/?format=json&sites=09380000,09402500&startDT=2026-04-17&endDT=2026-04-18"


def get(url: str, path: str) -> Any:
    with urlopen(f"{url}/{path}", timeout=10) as answer:  # noqa: S310 - our own server
        return json.load(answer)


def faulty(kind: str, source: str = "ebird", seconds: float = 0.0) -> states.State:
    return states.with_fault(STATE, states.fault(kind, source, DAY, DAY, seconds))


def test_ebird_answers_like_ebird(api: tuple[Path, str]) -> None:
    rows = get(api[1], OBSERVATIONS)
    assert {"speciesCode", "comName", "sciName", "locId", "obsDt", "subId", "evidence"} <= rows[0].keys()
    assert {row["subnational2Code"] for row in rows} == {"US-AZ-013"}
    assert all(row["obsDt"].startswith("2026-04-18 ") for row in rows)
    lists = get(api[1], "v2/product/lists/US-AZ-013/2026/4/18")
    assert {row["subId"] for row in lists} == {row["subId"] for row in rows}
    assert sum(row["numSpecies"] for row in lists) == len(rows)
    assert len(get(api[1], "v2/ref/taxonomy/ebird")) == len(taxonomy()) == 40


def test_noaa_answers_in_pages(api: tuple[Path, str]) -> None:
    whole = get(api[1], f"{CDO}&limit=1000")
    assert whole["metadata"]["resultset"]["count"] == len(whole["results"])
    assert whole["results"][0].keys() == {"date", "datatype", "station", "attributes", "value"}
    pages: list[Any] = []
    while len(pages) < len(whole["results"]):
        pages += get(api[1], f"{CDO}&limit=7&offset={len(pages) + 1}")["results"]
    assert pages == whole["results"]


def test_usgs_answers_in_nested_series(api: tuple[Path, str]) -> None:
    series = get(api[1], NWIS)["value"]["timeSeries"]
    assert {one["sourceInfo"]["siteCode"][0]["value"] for one in series} == {"09380000", "09402500"}
    assert {one["variable"]["variableCode"][0]["value"] for one in series} == {"00060", "00010"}
    assert float(series[0]["values"][0]["value"][0]["value"]) > 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nowhere", 404),
        ("v2/data/obs/US-XX/historic/2026/4/18", 400),
        ("v2/data/obs/US-AZ-013/historic/2026/4/31", 400),
        ("cdo-web/api/v2/data?datasetid=GHCND&startdate=soon&enddate=2026-04-18", 400),
        ("nwis/dv/?format=json&startDT=2026-04-17&endDT=2026-04-18", 400),
    ],
)
def test_a_bad_request_is_told_so(api: tuple[Path, str], path: str, status: int) -> None:
    with pytest.raises(HTTPError) as error:
        get(api[1], path)
    error.value.close()
    assert error.value.code == status


def test_days_without_data_are_empty(api: tuple[Path, str]) -> None:
    assert get(api[1], "v2/data/obs/US-AZ-013/historic/2026/4/21") == []
    assert get(api[1], "cdo-web/api/v2/data?datasetid=GHCND&startdate=2026-04-21&enddate=2026-04-25") == {}


def test_data_does_not_depend_on_the_process() -> None:
    code = (
        "from datetime import date; from hashlib import sha256; from sandbox.api.data import data;"
        "from sandbox.api.state import State; s = State(date(2026, 4, 21), 45);"
        "rows = [data(n, d, s) for n in ('ebird', 'noaa', 'usgs') for d in s.all_days()];"
        "print(sha256(repr(rows).encode()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


def test_the_past_does_not_depend_on_today() -> None:
    later = states.State(TODAY + timedelta(days=30), 60)
    assert data("ebird", DAY, later) == data("ebird", DAY, STATE)


def test_size_and_shape_of_the_week() -> None:
    counts = {day: len(data("ebird", day, STATE)) for day in STATE.all_days()}
    assert all(100 <= count <= 210 for count in counts.values())
    weekend = median(count for day, count in counts.items() if day.weekday() >= 5)
    assert weekend > 1.3 * median(count for day, count in counts.items() if day.weekday() < 5)
    assert {len({row["station"] for row in data("noaa", day, STATE)}) for day in counts} <= {3, 4}
    assert max(len(data("usgs", day, STATE)) for day in counts) == 10


@pytest.mark.parametrize("source", states.SOURCES)
@pytest.mark.parametrize("kind", ["error", "empty", "half", "wrong", "spike", "slow"])
def test_a_passing_fault_is_not_the_truth(source: str, kind: str) -> None:
    state = faulty(kind, source, 1.0 if kind == "slow" else 0.0)
    assert data(source, DAY, state) == data(source, DAY, STATE)
    assert served(source, DAY - timedelta(days=1), state) == data(source, DAY - timedelta(days=1), STATE)


@pytest.mark.parametrize("source", states.SOURCES)
def test_what_each_fault_serves(source: str) -> None:
    true = data(source, DAY, STATE)
    with pytest.raises(Broken):
        served(source, DAY, faulty("error", source))
    assert served(source, DAY, faulty("empty", source)) == []
    half = served(source, DAY, faulty("half", source))
    assert 0.4 * len(true) <= len(half) <= 0.67 * len(true)
    assert all(row in true for row in half)
    wrong = served(source, DAY, faulty("wrong", source))
    assert len(wrong) == len(true)
    assert wrong != true
    assert len(served(source, DAY, faulty("spike", source))) == 3 * len(true)


@pytest.mark.parametrize("source", states.SOURCES)
def test_a_correction_is_the_new_truth(source: str) -> None:
    window = states.fault("corrected", source, TODAY - timedelta(days=20), TODAY - timedelta(days=1))
    state = states.with_fault(STATE, window)
    days = [day for day in STATE.all_days() if day >= window.start]
    before = [row for day in days for row in data(source, day, STATE)]
    after = [row for day in days for row in data(source, day, state)]
    key = {"ebird": ("subId", "speciesCode"), "noaa": ("station", "datatype", "date")}.get(
        source, ("site", "parameter", "dateTime")
    )
    old, new = ({tuple(row[name] for name in key): row for row in rows} for rows in (before, after))
    assert old.keys() - new.keys(), "some rows are gone"
    assert new.keys() - old.keys(), "some rows are new"
    assert any(old[name] != new[name] for name in old.keys() & new.keys()), "some rows have changed"
    assert len(new) == len(after), "keys stay unique"
    assert after == [row for day in days for row in served(source, day, state)]


def test_a_correction_can_bring_checklists_that_agree() -> None:
    rows = data("ebird", DAY, faulty("corrected"))
    assert sum(row["numSpecies"] for row in checklists(rows)) == len(rows)


def test_clearing_keeps_corrections_unless_asked() -> None:
    state = states.with_fault(faulty("corrected"), states.fault("half", "noaa", DAY, DAY))
    assert [fault.kind for fault in states.cleared(state).faults] == ["corrected"]
    assert states.cleared(state, corrections=True).faults == ()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("errror", "ebird", DAY, DAY), "did you mean 'error'"),
        (("error", "ebrid", DAY, DAY), "did you mean 'ebird'"),
        (("error", "ebird", DAY, DAY - timedelta(days=1)), "before it starts"),
        (("slow", "ebird", DAY, DAY), "--seconds"),
        (("half", "ebird", DAY, DAY, 3.0), "no --seconds"),
    ],
)
def test_a_wrong_fault_is_refused(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        states.fault(*arguments)


def test_the_server_sees_a_new_state_at_once(api: tuple[Path, str]) -> None:
    folder, url = api
    state = states.read(folder)
    assert get(url, OBSERVATIONS)
    for kind in ("empty", "error"):
        states.write(folder, states.with_fault(state, states.fault(kind, "ebird", DAY, DAY)))
        if kind == "empty":
            assert get(url, OBSERVATIONS) == []
            continue
        with pytest.raises(HTTPError, match="500") as error:
            get(url, OBSERVATIONS)
        error.value.close()
    states.write(folder, states.cleared(state))
    assert get(url, OBSERVATIONS)


def test_a_slow_answer_is_slow(api: tuple[Path, str]) -> None:
    folder, url = api
    slow = states.fault("slow", "ebird", DAY, DAY, 0.4)
    states.write(folder, states.with_fault(states.read(folder), slow))
    began = time.monotonic()
    get(url, OBSERVATIONS)
    assert time.monotonic() - began >= 0.4


def test_the_state_survives_writing_and_reading(tmp_path: Path) -> None:
    state = faulty("slow", "usgs", 1.5)
    states.write(tmp_path, state)
    assert states.read(tmp_path) == state
    states.write(tmp_path, replace(state, days=9))
    assert states.read(tmp_path).days == 9


def test_a_broken_state_is_an_error_with_the_file_name(tmp_path: Path) -> None:
    states.write(tmp_path, STATE)
    states.path(tmp_path).write_text("{")
    with pytest.raises(SandboxError, match=r"api\.json"):
        states.read(tmp_path)


def test_a_detached_server_starts_stops_and_comes_back(tmp_path: Path) -> None:
    states.write(tmp_path, STATE)
    assert server.alive(tmp_path) is None
    url = server.start(tmp_path)
    try:
        assert server.start(tmp_path) == url, "a second start finds the first"
        assert get(url, OBSERVATIONS)
        assert server.stop(tmp_path)
        assert server.alive(tmp_path) is None
        again = server.start(tmp_path)
        assert get(again, OBSERVATIONS)
    finally:
        server.stop(tmp_path)
    assert not server.stop(tmp_path), "nothing is left to stop"


def test_a_server_ends_with_its_folder(tmp_path: Path) -> None:
    """Also when another stack takes the folder's place at once."""
    folder = tmp_path / "stack"
    states.write(folder, STATE)
    url = server.start(folder)
    shutil.rmtree(folder)
    states.write(folder, STATE)
    until = time.monotonic() + 10
    with pytest.raises(OSError, match=r"refused|reset"):
        while time.monotonic() < until:
            get(url, "healthz")
            time.sleep(0.1)


def test_a_foreign_server_is_not_taken_for_ours(api: tuple[Path, str]) -> None:
    other = api[0] / "other"
    states.write(other, STATE)
    address = (api[0] / ".sandbox" / "server.json").read_text()
    (other / ".sandbox" / "server.json").write_text(address)
    assert server.alive(api[0])
    assert server.alive(other) is None
