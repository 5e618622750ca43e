"""Bad writes and dropped things: broken alike where the catalogs are files and where they are MotherDuck's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from sandbox import breaks, run, stacks
from sandbox.api import server
from sandbox.errors import UsageError
from sandbox.truth.compare import days
from tests.sandbox.conftest import TODAY, rows

pytestmark = pytest.mark.rehearsal

FIRST = TODAY - timedelta(days=45)
WINDOW = [TODAY - timedelta(days=back) for back in (9, 8, 7)]
FCT = "ebird.fct_daily_bird_observations"
RAW = "raw_ebird.main.observations"
TABLES = [f"raw_ebird.main.{name}" for name in ("observations", "observations__evidence", "checklists")]


def names(folder: Path) -> set[tuple[object, ...]]:
    tables = "SELECT schema_name, table_name, 'TABLE' FROM duckdb_tables() WHERE database_name = 'databox'"
    views = "SELECT schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE database_name = 'databox'"
    return set(rows(folder, "databox", f"{tables} UNION ALL {views} AND NOT internal"))


def intervals(folder: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(folder / "data" / "sqlmesh_state.duckdb"), read_only=True) as connection:
        statement = "SELECT name, start_ts, end_ts FROM sqlmesh._intervals WHERE NOT is_removed ORDER BY ALL"
        return connection.execute(statement).fetchall()


def test_a_mass_delete_takes_most_days_of_a_mart_and_of_its_raw_table(either: Path) -> None:
    computed = intervals(either)

    broken = breaks.apply("mass-delete", either)

    assert (broken.days[0], broken.days[-1]) == (FIRST, TODAY - timedelta(days=6))
    assert all(count > 1000 for count in broken.facts["deleted"].values())
    found = days(stacks.truth(either))
    assert tuple(found) == broken.days
    assert all({FCT, RAW} <= set(tables) for tables in found.values())
    assert rows(either, "databox", f"SELECT min(day_date) FROM {FCT}") == [(TODAY - timedelta(days=5),)]
    assert intervals(either) == computed, "the state knows nothing of it"


def test_a_mass_delete_of_a_window(either: Path) -> None:
    broken = breaks.apply("mass-delete", either, start=WINDOW[0], end=WINDOW[-1])
    assert list(broken.days) == WINDOW == list(days(stacks.truth(either)))
    with pytest.raises(UsageError, match="come together"):
        breaks.apply("mass-delete", either, start=WINDOW[0])


def test_a_wrong_restate_empties_the_marts_below_a_state_that_knows_every_day(either: Path) -> None:
    told = {(name, end) for name, _, end in intervals(either)}

    broken = breaks.apply("wrong-restate", either)

    assert (broken.days[0], broken.days[-1]) == (FIRST, FIRST + timedelta(days=9))
    found = days(stacks.truth(either))
    assert tuple(found) == broken.days
    assert all({FCT, RAW, "analytics.fct_species_environment_daily"} <= set(tables) for tables in found.values())
    assert told <= {(name, end) for name, _, end in intervals(either)}
    assert server.alive(either) is None


def test_a_bad_window_is_wrong_and_can_be_mended_by_hand(remote: Path) -> None:
    broken = breaks.apply("bad-window", remote)
    assert list(broken.days) == WINDOW == list(days(stacks.truth(remote)))
    asked = {"DATABOX_BACKFILL_START": str(WINDOW[0]), "DATABOX_BACKFILL_END": str(WINDOW[-1])}
    with server.serve(remote):
        run.python(remote, "-m", "databox.load", "ebird", more=asked)
    run.python(remote, "-m", "databox.transform", "restate", str(WINDOW[0]), str(WINDOW[-1]), *TABLES)
    assert stacks.truth(remote) == []


def test_a_schema_is_dropped_with_its_tables(either: Path) -> None:
    there = names(either)
    broken = breaks.apply("dropped-schema", either)
    gone = there - names(either)
    assert {schema for schema, _, _ in gone} == {"sqlmesh__ebird"}
    assert len(gone) == broken.facts["tables"]
    assert FCT in {found.table for found in stacks.truth(either) if found.problem}


def test_another_schema_is_dropped(either: Path) -> None:
    there = names(either)
    breaks.apply("dropped-schema", either, schema="noaa")
    assert {schema for schema, _, _ in there - names(either)} == {"noaa"}
    with pytest.raises(UsageError, match="unknown schema 'noaa'"):
        breaks.apply("dropped-schema", either, schema="noaa")


@pytest.mark.parametrize("name", ["dropped-view", "dropped-table"])
def test_a_view_or_its_table_is_dropped_in_the_account(remote: Path, name: str) -> None:
    there = names(remote)
    broken = breaks.apply(name, remote, table="noaa.fct_daily_weather")
    ((schema, gone, _),) = there - names(remote)
    assert f"{schema}.{gone}" == broken.facts["dropped"]
    assert broken.facts["database"] == "md:databox"
    assert [found.table for found in stacks.truth(remote)] == ["noaa.fct_daily_weather"]


def test_a_lost_state_is_a_local_file(remote: Path) -> None:
    breaks.apply("lost-state", remote)
    assert not (remote / "data" / "sqlmesh_state.duckdb").exists()


FILES = sorted(set(breaks.registry()) - set(breaks.ANYWHERE))


@pytest.mark.parametrize("name", FILES)
def test_a_break_of_files_is_refused_where_the_catalogs_are_motherducks(remote_source: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"breaks files.* MotherDuck's \(possible: bad-window, .*lost-state.*\)"):
        breaks.apply(name, remote_source)
