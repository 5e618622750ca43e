"""Broken content: no error anywhere, but rows, views or tables are missing."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from sandbox import breaks, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.errors import SandboxError
from sandbox.truth.compare import days
from tests.sandbox.test_breaks_files import changed, error_of, hashes

TODAY = date(2026, 4, 21)
FCT = "ebird.fct_daily_bird_observations"
RAW = "raw_ebird.main.observations"


def last(count: int) -> list[date]:
    return [TODAY - timedelta(days=back) for back in range(count, 0, -1)]


def names(folder: Path) -> list[tuple[str, ...]]:
    statement = "SELECT table_schema, table_name, table_type FROM information_schema.tables ORDER BY ALL"
    with duckdb.connect(str(folder / "data" / "databox.duckdb"), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def loads(folder: Path) -> set[str]:
    with duckdb.connect(str(folder / "data" / "raw_ebird.duckdb"), read_only=True) as connection:
        return {row[0] for row in connection.execute("SELECT load_id FROM main._dlt_loads").fetchall()}


@pytest.mark.rehearsal
def test_a_lost_wal_takes_a_load_along_that_dlt_knows(pinned: Path) -> None:
    before, known = hashes(pinned), loads(pinned)

    broken = breaks.apply("lost-wal", pinned, days=3)

    assert list(broken.days) == last(3)
    by_day = days(stacks.truth(pinned))
    assert list(by_day) == last(3)
    assert all(RAW in tables and FCT not in tables for tables in by_day.values())
    assert error_of(pinned, "raw_ebird") == ""
    others = changed(before, hashes(pinned)) - {"data/raw_ebird.duckdb"}
    others = {name for name in others if "__pycache__" not in name}  # the load ran, and may have kept its byte code
    assert others
    assert all(name.startswith("data/dlt_pipelines/ebird/") for name in others)
    completed = pinned / "data" / "dlt_pipelines" / "ebird" / "load" / "loaded"
    assert {folder.name for folder in completed.iterdir()} - loads(pinned), "dlt has completed a load that is not there"
    assert loads(pinned) == known
    assert server.alive(pinned) is None, "no server is left behind"


def test_a_wal_that_cannot_be_made_leaves_the_stack_as_it_was(pinned: Path) -> None:
    fault = states.fault("error", "ebird", TODAY - timedelta(days=5), TODAY - timedelta(days=1))
    states.write(pinned, states.with_fault(states.read(pinned), fault))
    before = hashes(pinned / "data")
    with pytest.raises(SandboxError, match="did not bring raw_ebird"):
        breaks.apply("lost-wal", pinned)
    assert hashes(pinned / "data") == before


@pytest.mark.parametrize(("name", "options"), [("old-data-new-state", {}), ("lost-wal", {"file": "databox"})])
def test_old_marts_below_a_new_state(pinned: Path, name: str, options: dict[str, object]) -> None:
    before, there = hashes(pinned), names(pinned)

    broken = breaks.apply(name, pinned, **options)

    assert list(broken.days) == last(5)
    assert changed(before, hashes(pinned)) == {"data/databox.duckdb"}
    assert names(pinned) == there
    assert error_of(pinned, "databox") == ""
    by_day = days(stacks.truth(pinned))
    assert list(by_day) == last(5)
    assert all(FCT in tables and RAW not in tables for tables in by_day.values())


def test_a_view_is_dropped_and_the_table_below_it_is_not(pinned: Path) -> None:
    before, there = hashes(pinned), names(pinned)
    broken = breaks.apply("dropped-view", pinned)
    assert broken.facts["view"] == FCT
    assert set(there) - set(names(pinned)) == {("ebird", "fct_daily_bird_observations", "VIEW")}
    assert changed(before, hashes(pinned)) == {"data/databox.duckdb"}
    assert [found.table for found in stacks.truth(pinned)] == [FCT]


def test_what_is_below_a_model_of_kind_view_can_be_dropped_too(pinned: Path) -> None:
    there = names(pinned)
    broken = breaks.apply("dropped-table", pinned, table="analytics.platform_health")
    schema, view = broken.facts["table"].split(".")
    assert set(there) - set(names(pinned)) == {(schema, view, "VIEW")}


def test_a_table_is_dropped_and_the_view_above_it_is_not(pinned: Path) -> None:
    before, there = hashes(pinned), names(pinned)
    broken = breaks.apply("dropped-table", pinned, table="noaa.fct_daily_weather")
    schema, table = broken.facts["table"].split(".")
    assert set(there) - set(names(pinned)) == {(schema, table, "BASE TABLE")}
    assert changed(before, hashes(pinned)) == {"data/databox.duckdb"}
    found = {one.table: one.problem for one in stacks.truth(pinned)}
    assert "does not exist" in found["noaa.fct_daily_weather"]
