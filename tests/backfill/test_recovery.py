"""A corrected window reaches every mart, nothing else moves, and all of it can be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox

CHANGED = {
    "raw_ebird.main.observations",
    "raw_ebird.main.observations__evidence",
    "raw_ebird.main.checklists",
    "ebird.fct_daily_bird_observations",
    "analytics.fct_species_environment_daily",
}


def test_corrected_values_reach_every_mart_and_nothing_else_moves(sandbox: Sandbox) -> None:
    start, end = sandbox.today - timedelta(days=12), sandbox.today - timedelta(days=10)
    before = sandbox.hashes()
    sandbox.fault("corrected", "ebird", start, end)
    wrong = {difference.table for difference in sandbox.differences()}
    assert wrong >= CHANGED

    ran = sandbox.backfill(start=start, end=end)

    assert ran.code == 0, ran.err
    assert sandbox.differences() == []
    document = ran.document
    assert document["status"] == "ok"
    assert {step["status"] for step in document["steps"]} == {"done"}
    changes = {change["table"]: change for change in document["changes"]}
    assert {name for name, change in changes.items() if change["changed"]} >= CHANGED
    assert [name for name, change in changes.items() if change["dated"] and change["outside"]] == []
    assert not any(change["changed"] for name, change in changes.items() if name.startswith(("noaa", "usgs", "raw_u")))
    window = {(start + timedelta(days=n)).isoformat() for n in range(3)}
    assert set(changes["ebird.fct_daily_bird_observations"]["days"]) == window
    assert "computed_at" in changes["ebird.fct_daily_bird_observations"]["excluded"]
    scd = "ebird.species_status_history (SCD_TYPE_2_BY_COLUMN) is not restated"
    assert any(scd in note for note in document["plan"]["notes"])
    assert not changes["ebird.species_status_history"]["changed"]

    undone = sandbox.invoke("ops.rollback", document["operation"], "--yes")

    assert undone.code == 0, undone.err
    assert sandbox.hashes() == before
    assert sandbox.last_operation()["status"] == "rolled_back"


@pytest.mark.parametrize(
    ("source", "table"),
    [
        pytest.param("noaa", "noaa.fct_daily_weather", id="noaa-command-loader-timestamp"),
        pytest.param("usgs", "usgs.fct_daily_streamflow", id="usgs-interval-timestamptz"),
    ],
)
def test_other_sources_and_ways_to_load(sandbox: Sandbox, source: str, table: str) -> None:
    start, end = sandbox.today - timedelta(days=9), sandbox.today - timedelta(days=8)
    pipelines = {name: digest for name, digest in sandbox.hashes().items() if "dlt_pipelines" in name}
    sandbox.fault("corrected", source, start, end)
    assert table in {difference.table for difference in sandbox.differences()}

    ran = sandbox.backfill(source=source, start=start, end=end)

    assert ran.code == 0, ran.err
    assert sandbox.differences() == []
    assert {name: digest for name, digest in sandbox.hashes().items() if "dlt_pipelines" in name} == pipelines


def test_several_sources_in_one_operation(sandbox: Sandbox) -> None:
    day = sandbox.today - timedelta(days=6)
    for source in ("ebird", "usgs"):
        sandbox.fault("corrected", source, day, day)

    ran = sandbox.invoke("ops.backfill", "--source=ebird", "--source=usgs", f"--start={day}", "--yes")

    assert ran.code == 0, ran.err
    assert sandbox.differences() == []
    assert len([step for step in ran.document["steps"] if step["name"] == "restate"]) == 1


@pytest.mark.rehearsal
def test_without_dates_the_window_is_found_and_mended(sandbox: Sandbox) -> None:
    from sandbox import breaks

    start, end = sandbox.today - timedelta(days=9), sandbox.today - timedelta(days=7)
    breaks.apply("bad-window", sandbox.folder, start=start, end=end, mode="half")
    assert sandbox.differences() != []

    ran = sandbox.invoke("ops.backfill", "--source=ebird", "--yes")

    assert ran.code == 0, ran.err
    assert ran.document["plan"]["window"] == {"start": str(start), "end": str(end)}
    assert sandbox.differences() == []


def test_a_healthy_stack_has_nothing_to_backfill(sandbox: Sandbox) -> None:
    before = sandbox.hashes()

    ran = sandbox.invoke("ops.backfill", "--source=ebird", "--yes")

    assert ran.code == 0
    assert ran.document["findings"] == []
    assert sandbox.hashes() == before


@pytest.mark.rehearsal
def test_a_rollback_that_would_discard_later_work_is_refused(sandbox: Sandbox) -> None:
    first_day, second_day = sandbox.today - timedelta(days=12), sandbox.today - timedelta(days=5)
    for day in (first_day, second_day):
        sandbox.fault("corrected", "ebird", day, day)
    first = sandbox.backfill(start=first_day, end=first_day)
    second = sandbox.backfill(start=second_day, end=second_day)
    assert (first.code, second.code) == (0, 0)
    before = sandbox.hashes()

    refused = sandbox.invoke("ops.rollback", first.document["operation"], "--yes")

    assert refused.code == 3
    assert "data/databox.duckdb" in refused.document["findings"][0]["reason"]
    assert sandbox.hashes() == before
    words = ("ops.rollback", first.document["operation"], "--yes", "--discard-later-changes")
    assert sandbox.invoke(*words).code == 0
