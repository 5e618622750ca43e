"""Stacks: up, copies, the truth, and refusals."""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ops_tasks.systems import daemon
from sandbox import cache, run, stacks
from sandbox.api import state as states
from sandbox.build import Wanted
from sandbox.errors import UsageError
from sandbox.truth.compare import days
from sandbox.truth.tables import MARTS, RAW, Table

TODAY = date(2026, 4, 21)
FCT = "ebird.fct_daily_bird_observations"


def physical(folder: Path, schema: str, name: str) -> str:
    """The table behind a prod view."""
    with duckdb.connect(str(folder / "data" / "databox.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name = ? AND table_name LIKE ?",
            [f"sqlmesh__{schema}", f"{schema}__{name}__%"],
        ).fetchall()
    assert len(rows) == 1
    return ".".join(rows[0])


def change(folder: Path, catalog: str, statement: str) -> None:
    with duckdb.connect(str(folder / "data" / f"{catalog}.duckdb")) as connection:
        assert connection.execute(statement).fetchall()[0][0] > 0, "the statement changed something"


def test_a_new_stack_is_true(pinned: Path) -> None:
    assert stacks.truth(pinned) == []


def test_a_pinned_stack_says_so(pinned: Path) -> None:
    text = (pinned / "invoke.yaml").read_text()
    assert "clock: 2026-04-21" in text
    assert "root: ." in text
    assert 'today = "2026-04-21"' in (pinned / "databox.toml").read_text()


# Not platform_health: a view over the raw tables has no rows of its own.
@pytest.mark.parametrize("table", [*RAW, *MARTS[:-1]], ids=lambda table: table.name)
def test_the_truth_sees_a_missing_row_in_every_table(pinned: Path, table: Table) -> None:
    name = table.name
    local = name.split(".", 1)[1] if name.startswith("raw_") else physical(pinned, *name.split("."))
    change(pinned, table.catalog, f"DELETE FROM {local} WHERE rowid = (SELECT max(rowid) FROM {local})")
    found = {difference.table: difference for difference in stacks.truth(pinned)}
    assert found[name].missing == 1
    assert found[name].extra == 0


def test_the_truth_names_the_day_of_a_changed_value(pinned: Path) -> None:
    day = TODAY - timedelta(days=5)
    table = physical(pinned, "ebird", "fct_daily_bird_observations")
    change(pinned, "databox", f"UPDATE {table} SET total_count = total_count + 1 WHERE day_date = DATE '{day}'")
    assert days(stacks.truth(pinned)) == {day: [FCT]}


def test_the_truth_names_a_missing_day(pinned: Path) -> None:
    day = TODAY - timedelta(days=3)
    change(pinned, "raw_ebird", f"DELETE FROM main.observations WHERE observation_date = DATE '{day}'")
    found = stacks.truth(pinned)
    assert list(days(found)) == [day]
    orphans = next(one for one in found if one.table.endswith("observations__evidence"))
    assert "without a parent" in orphans.problem


def test_the_truth_ignores_the_clock(pinned: Path) -> None:
    table = physical(pinned, "ebird", "fct_daily_bird_observations")
    change(pinned, "databox", f"UPDATE {table} SET computed_at = computed_at + INTERVAL 1 DAY")
    assert stacks.truth(pinned) == []


def test_a_missing_view_is_told_as_a_problem(pinned: Path) -> None:
    with duckdb.connect(str(pinned / "data" / "databox.duckdb")) as connection:
        connection.execute("DROP VIEW noaa.fct_daily_weather")
    (found,) = stacks.truth(pinned)
    assert found.table == "noaa.fct_daily_weather"
    assert "does not exist" in found.problem


def test_a_missing_database_is_told_as_a_problem(pinned: Path) -> None:
    (pinned / "data" / "raw_noaa.duckdb").unlink()
    problems = {one.table: one.problem for one in stacks.truth(pinned)}
    assert problems.keys() == {"raw_noaa.main.daily_weather", "analytics.platform_health"}
    assert all(problems.values())
    assert not (pinned / "data" / "raw_noaa.duckdb").exists(), "looking does not create it"


def test_a_correction_upstream_makes_the_stack_untrue(pinned: Path) -> None:
    day = TODAY - timedelta(days=4)
    before = states.read(pinned)
    states.write(pinned, states.with_fault(before, states.fault("corrected", "ebird", day, day)))
    assert list(days(stacks.truth(pinned))) == [day]
    states.write(pinned, states.with_fault(before, states.fault("half", "ebird", day, day)))
    assert stacks.truth(pinned) == []


def test_nothing_in_a_copy_points_to_the_original(pinned_source: Path, pinned: Path) -> None:
    for file in pinned.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(pinned_source).encode() not in content, file
            assert b"building-" not in content, file
    assert not (pinned / ".sandbox" / "server.json").exists()


def test_a_copy_does_not_touch_what_is_there(pinned: Path) -> None:
    target = pinned.parent / "full"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        stacks.copy(pinned, target)
    with pytest.raises(UsageError, match="not a sandbox"):
        stacks.up(target, serve=False)
    assert [file.name for file in target.iterdir()] == ["mine.txt"]


def test_a_stack_that_is_there_is_kept(pinned: Path) -> None:
    change(pinned, "raw_ebird", "DELETE FROM main.checklists WHERE num_species > 0")
    made = stacks.up(pinned, serve=False)
    assert made.kept
    assert stacks.truth(pinned)
    with pytest.raises(UsageError, match="--fresh"):
        stacks.up(pinned, days=30, serve=False)
    assert not stacks.up(pinned, today=TODAY, fresh=True, serve=False).kept
    assert stacks.truth(pinned) == []


def test_a_stack_that_goes_down_takes_its_daemon_along(pinned: Path) -> None:
    """Also the keeper, which would start it again, in a folder that is gone."""
    home = pinned / ".ops"
    keeper = daemon.start(home, pinned, [sys.executable, "-c", "import time; time.sleep(600)"], {})
    assert [process.pid for process in daemon.keepers(home)] == [keeper]
    stacks.down(pinned, remove=True)
    assert daemon.keepers(home) == []
    assert not pinned.exists()


@pytest.mark.parametrize("count", [0, 3, 4000])
def test_an_impossible_number_of_days_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(UsageError, match="--days"):
        stacks.up(tmp_path / "stack", days=count, serve=False)


def test_down_removes_only_a_sandbox(pinned: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="not a sandbox"):
        stacks.down(other, remove=True)
    assert other.is_dir()
    assert not stacks.down(pinned, remove=True), "no server was running"
    assert not pinned.exists()


def test_the_cache_key_follows_what_the_stack_is_made_of() -> None:
    wanted = Wanted(states.State(TODAY, 45), pinned=True)
    assert cache.key(wanted) == cache.key(wanted)
    others = [Wanted(states.State(TODAY, 46), pinned=True), Wanted(states.State(TODAY, 45), pinned=False)]
    assert len({cache.key(one) for one in (wanted, *others)}) == 3


def test_a_failed_build_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_SANDBOX_CACHE", str(tmp_path / "cache"))

    def fail(folder: Path, *_: object) -> None:
        (folder / "half.txt").write_text("half")
        raise RuntimeError("power cut")

    monkeypatch.setattr(cache, "build", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        stacks.up(tmp_path / "stack", serve=False)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert not (tmp_path / "stack").exists()


def test_processes_that_want_the_same_stack_build_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand in for processes: each opens the lock file anew, and flock holds per opening."""
    monkeypatch.setenv("OPS_SANDBOX_CACHE", str(tmp_path / "cache"))
    wanted = Wanted(states.State(TODAY, 45), pinned=True)
    built: list[Path] = []

    def build(folder: Path, *_: object) -> None:
        built.append(folder)
        (folder / "first.txt").write_text("1")
        time.sleep(0.2)
        (folder / "second.txt").write_text("2")

    def complete(_: int) -> tuple[bool, bool]:
        folder, cached = cache.entry(wanted, lambda _stage, _seconds: None)
        return cached, (folder / "second.txt").is_file()

    monkeypatch.setattr(cache, "build", build)
    with ThreadPoolExecutor(4) as pool:
        seen = sorted(pool.map(complete, range(4)))
    assert len(built) == 1
    assert seen == [(False, True), (True, True), (True, True), (True, True)]


def test_a_stack_works_where_it_was_copied_to(pinned: Path) -> None:
    """A window is loaded again in the copy: dlt goes on from the copied state, the rows stay the same."""
    from sandbox.api import server

    asked = {"DATABOX_BACKFILL_START": "2026-04-10", "DATABOX_BACKFILL_END": "2026-04-11"}
    with server.serve(pinned):
        assert "observations" in run.python(pinned, "-m", "databox.load", "ebird", more=asked)
        assert "no rows" in run.python(pinned, "-m", "databox.load", "usgs"), "the cursor came along"
    assert stacks.truth(pinned) == []
    state = json.loads((pinned / "data" / "dlt_pipelines" / "ebird" / "state.json").read_text())
    assert state["_local"]["initial_cwd"] == str(pinned)
    shutil.rmtree(pinned)
