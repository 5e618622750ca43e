"""The changing tasks of the daily routine: shown, asked for, done or put back, and undone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ops_tasks.scenarios import reset as resetting
from ops_tasks.stack import find

if TYPE_CHECKING:
    from tests.conftest import Sandbox

CHANGING = ("promote", "full-refresh", "db.reset")


def everything(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and ".sandbox" not in path.relative_to(folder).parts]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def reason(document: dict[str, Any]) -> str:
    return document["findings"][0]["reason"]


def edit(sandbox: Sandbox, model: str, old: str, new: str) -> None:
    file = sandbox.folder / "transforms/main/models" / model
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def bad_change(sandbox: Sandbox) -> None:
    """A change that SQLMesh accepts and a contract does not."""
    edit(sandbox, "noaa/fct_daily_weather.sql", "  prcp_mm,", "  prcp_mm,\n  1 AS extra,")


def good_change(sandbox: Sandbox) -> None:
    edit(sandbox, "noaa/fct_daily_weather.sql", "  prcp_mm,", "  prcp_mm + 1000 AS prcp_mm,")


def rain(sandbox: Sandbox) -> float:
    with duckdb.connect(str(sandbox.folder / "data/databox.duckdb"), read_only=True) as connection:
        return connection.execute("SELECT min(prcp_mm) FROM noaa.fct_daily_weather").fetchall()[0][0]


@pytest.mark.usefixtures("leaves_nothing")
def test_plans_are_shown_and_nothing_is_written(sandbox: Sandbox) -> None:
    bad_change(sandbox)
    before = everything(sandbox.folder)
    prod, dev = sandbox.invoke("plan.prod"), sandbox.invoke("plan.dev", "--environment=mine")
    promote = sandbox.invoke("promote", "--plan")
    refresh = sandbox.invoke("full-refresh", "--plan")
    reset = sandbox.invoke("db.reset", "--plan")
    dagster = sandbox.invoke("dagster.dev", "--plan")
    assert [done.code for done in (prod, dev, promote, refresh, reset, dagster)] == [0] * 6
    assert "noaa.fct_daily_weather" in prod.document["modified"]
    assert "Directly Modified" in prod.document["text"]
    assert "noaa__mine.fct_daily_weather" in dev.document["text"]
    assert {effect["object"] for effect in promote.document["effects"]} >= {"noaa.fct_daily_weather"}
    assert [step["name"] for step in refresh.document["steps"]] == [
        "snapshot",
        "load ebird",
        "load noaa",
        "load usgs",
        "compute",
        "audits",
        "contracts",
        "seal",
    ]
    assert "data/sqlmesh_state.duckdb" in reset.document["moved"]
    assert dagster.document["home"] == str(sandbox.folder / ".dagster")
    assert everything(sandbox.folder) == before
    assert not (sandbox.folder / ".ops").exists()


def test_without_a_change_there_is_nothing_to_promote(sandbox: Sandbox) -> None:
    done = sandbox.invoke("promote", "--yes")
    assert (done.code, done.document["changes"]) == (0, False)


@pytest.mark.rehearsal
def test_a_promotion_that_breaks_a_contract_is_put_back(sandbox: Sandbox) -> None:
    bad_change(sandbox)
    before = sandbox.hashes()
    done = sandbox.invoke("promote", "--yes")
    assert done.code == 4
    assert done.document["status"] == "put_back"
    assert reason(done.document).endswith("unexpected columns extra")
    assert sandbox.hashes() == before
    assert sandbox.last_operation()["status"] == "put_back"


def test_a_promotion_is_done_and_can_be_undone(sandbox: Sandbox) -> None:
    good_change(sandbox)
    before = sandbox.hashes()
    done = sandbox.invoke("promote", "--yes")
    assert done.code == 0, done.err
    assert rain(sandbox) >= 1000
    undone = sandbox.invoke("ops.rollback", done.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert sandbox.hashes() == before


@pytest.mark.rehearsal
def test_a_refresh_brings_corrections_and_is_put_back_when_a_source_fails(sandbox: Sandbox) -> None:
    yesterday = sandbox.today - timedelta(days=1)
    sandbox.fault("corrected", "noaa", yesterday, yesterday)
    assert _missing(sandbox) == {"raw_noaa.main.daily_weather", "noaa.fct_daily_weather"}
    sandbox.fault("error", "usgs", yesterday - timedelta(days=400), sandbox.today)
    before = sandbox.hashes()
    failed = sandbox.invoke("full-refresh", "--yes")
    assert failed.code == 4
    assert failed.document["findings"][0]["step"] == "load usgs"
    assert sandbox.hashes() == before
    sandbox.heal()
    done = sandbox.invoke("full-refresh", "--yes")
    assert done.code == 0, done.err
    # A row that is gone upstream stays: dlt's merge deletes nothing, that is what ops.backfill is for.
    assert _missing(sandbox) == set()


@pytest.mark.rehearsal
def test_a_killed_refresh_goes_on_where_it_stopped(sandbox: Sandbox) -> None:
    killed = sandbox.killed("started", "compute", "full-refresh", "--yes")
    assert killed.code == -9
    blocked = sandbox.invoke("full-refresh", "--yes")
    assert blocked.code == 5
    operation = sandbox.last_operation()["operation"]
    assert operation in reason(blocked.document)
    done = sandbox.invoke("ops.retry", operation, "--yes")
    assert done.code == 0, done.err
    assert sandbox.last_operation()["status"] == "succeeded"
    assert sandbox.differences() == []


@pytest.mark.parametrize("task", CHANGING)
def test_without_a_terminal_and_yes_nothing_is_done(sandbox: Sandbox, task: str) -> None:
    good_change(sandbox)
    before = sandbox.hashes()
    done = sandbox.invoke(task)
    assert done.code == 3
    assert done.document["findings"][0]["way_out"] == f"invoke {task} --yes --stack={sandbox.folder}"
    assert sandbox.hashes() == before


@pytest.mark.parametrize("task", ["full-refresh", "db.reset"])
def test_a_held_database_is_named_before_anything_happens(sandbox: Sandbox, task: str) -> None:
    with duckdb.connect(str(sandbox.folder / "data/raw_noaa.duckdb")):
        done = sandbox.invoke(task, "--yes")
    assert done.code == 6
    assert f"raw_noaa.duckdb is held by PID {os.getpid()} " in reason(done.document)
    assert not (sandbox.folder / ".ops/snapshots").exists()


def test_a_bad_number_of_days_is_a_usage_error(sandbox: Sandbox) -> None:
    assert sandbox.invoke("full-refresh", "--days=0", "--yes").code == 2


def test_a_reset_moves_everything_and_deletes_nothing(sandbox: Sandbox) -> None:
    wal = sandbox.folder / "data/raw_noaa.duckdb.wal"
    _leave_a_wal(sandbox.folder / "data/raw_noaa.duckdb")
    assert wal.is_file()
    before = sandbox.hashes()
    done = sandbox.invoke("db.reset", "--yes")
    assert done.code == 0, done.err
    assert sandbox.hashes() == {}
    quarantine = Path(done.document["quarantine"])
    assert "data/raw_noaa.duckdb.wal" in done.document["moved"]
    (quarantine / "moved.json").unlink()
    assert everything(quarantine) == before
    again = sandbox.invoke("db.reset", "--yes")
    assert (again.code, again.document["moved"]) == (0, [])
    shutil.copytree(quarantine, sandbox.folder, dirs_exist_ok=True)
    assert sandbox.hashes() == before


def test_a_reset_that_fails_half_way_moves_everything_back(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = find(sandbox.folder)
    planned = resetting.plan_reset(stack)
    before = sandbox.hashes()
    rename = Path.rename

    def third_fails(path: Path, target: Path) -> Path:
        if path == stack.root / planned.paths[2]:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", third_fails)
    with pytest.raises(OSError, match="No space left"):
        resetting.reset(stack, planned)
    assert sandbox.hashes() == before


def test_dagster_dev_refuses_to_be_a_document(sandbox: Sandbox) -> None:
    assert sandbox.invoke("dagster.dev").code == 2


def _missing(sandbox: Sandbox) -> set[str]:
    """Tables of the weather that lack a row, or a value, which the source has."""
    return {found.table for found in sandbox.differences() if found.missing and "noaa" in found.table}


def _leave_a_wal(file: Path) -> None:
    """A committed row that only the WAL has, as a killed process leaves it."""
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute(\"SET checkpoint_threshold = '1GB'\"); "
        "c.execute('CREATE TABLE main.late AS SELECT 1 AS id'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False)
