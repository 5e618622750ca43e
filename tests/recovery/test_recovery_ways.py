"""Recoveries that lose something or nearly do, from parts and plain files, beside a development environment."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sandbox import breaks
from sandbox.api import state as states
from sandbox.breaks import older
from tests.conftest import Sandbox
from tests.namespaces.test_verify import plan_dev

pytestmark = pytest.mark.rehearsal


def test_a_history_that_nobody_has_is_not_begun_anew_unasked(sandbox: Sandbox) -> None:
    breaks.apply("zero-file", sandbox.folder, file="databox")
    before = sandbox.hashes()

    refused = sandbox.invoke("ops.rebuild", "--yes")
    assert refused.code == 3, refused.err
    finding = refused.document["findings"][0]
    assert "the history of" in finding["reason"]
    assert "cannot be read" in finding["reason"]
    assert "--allow-history-loss" in finding["way_out"]
    assert sandbox.hashes() == before

    allowed = sandbox.invoke("ops.rebuild", "--yes", "--allow-history-loss")
    assert allowed.code == 0, allowed.err
    assert {one.table for one in sandbox.differences()} <= {"ebird.species_status_history"}


def test_days_that_a_source_no_longer_serves_stop_at_the_gate(sandbox: Sandbox) -> None:
    state = states.read(sandbox.folder)
    days: list[date] = list(state.all_days())
    sandbox.fault("empty", "ebird", days[0], days[4])
    breaks.apply("flip-bytes", sandbox.folder, file="raw_ebird")
    before = sandbox.hashes()

    refused = sandbox.invoke("ops.rebuild", "--yes")
    assert refused.code == 3, refused.err
    finding: dict[str, Any] = refused.document["findings"][0]
    assert "5 of 45 days" in finding["reason"], finding
    assert "--allow-history-loss" in finding["way_out"]
    assert sandbox.hashes() == before

    allowed = sandbox.invoke("ops.rebuild", "--yes", "--allow-history-loss")
    assert allowed.code == 0, allowed.err
    sandbox.heal()
    assert {day for one in sandbox.differences() for day in one.days} == set(days[:5])


def test_an_older_plain_file_is_brought_up_to_date(sandbox: Sandbox, tmp_path: Path) -> None:
    backup = tmp_path / "databox.duckdb"
    with older.marts(sandbox.folder, older.last_days(states.read(sandbox.folder), 5)) as copy:
        shutil.copy(copy, backup)

    ran = sandbox.invoke("ops.restore", f"--file={backup}", "--yes")

    assert ran.code == 0, ran.err
    assert sandbox.differences() == []
    assert sandbox.invoke("verify.drift").code == 0


@pytest.mark.parametrize("only", ["marts", "raw"])
def test_a_part_of_a_snapshot(saved: Sandbox, only: str) -> None:
    breaks.apply("zero-file", saved.folder, file={"marts": "databox", "raw": "raw_usgs"}[only])
    before = saved.hashes()

    ran = saved.invoke("ops.restore", "--snapshot=nightly", f"--only={only}", "--yes")

    assert ran.code == 0, ran.err
    assert saved.differences() == []
    assert saved.invoke("ops.rollback", ran.document["operation"], "--yes").code == 0
    assert saved.hashes() == before


def test_a_development_environment_lives_through_a_rebuild_and_a_repair(sandbox: Sandbox) -> None:
    plan_dev(sandbox.folder)
    live = sandbox.folder / "data" / "databox.duckdb"
    breaks.apply("flip-bytes", sandbox.folder, file="databox")

    rebuilt = sandbox.invoke("ops.rebuild", "--yes")
    assert rebuilt.code == 0, rebuilt.err
    assert sandbox.differences() == []
    assert sandbox.invoke("verify.dev").code == 0

    with duckdb.connect(str(live)) as connection:
        connection.execute("DROP VIEW noaa__dev.fct_daily_weather")
    assert sandbox.invoke("verify.dev").code == 1
    repaired = sandbox.invoke("ops.repair-state", "--yes")
    assert repaired.code == 0, repaired.err
    assert sandbox.invoke("verify.dev").code == 0
