"""Rows that a bad write took away are told from what the snapshots held."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.scenarios import watching
from ops_tasks.scenarios.losses import losses, shown
from ops_tasks.scenarios.symptoms import Line
from ops_tasks.stack import find
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from sandbox import breaks
from tests.conftest import Sandbox

RAW = "raw_ebird.main.observations"


def looked(folder: Path) -> Line:
    stack = find(str(folder))
    with Crew(stack.root) as hands:
        return losses(stack, hands, lambda _text: None)


def change(folder: Path, statement: str) -> None:
    with duckdb.connect(str(folder / "data" / "raw_ebird.duckdb")) as connection:
        connection.execute(statement)


@pytest.mark.rehearsal
@pytest.mark.parametrize("incident", ["mass-delete", "wrong-restate"])
def test_a_bad_write_is_incident_3_and_its_way_out_shows_what_comes_back(saved: Sandbox, incident: str) -> None:
    breaks.apply(incident, saved.folder)
    told = saved.invoke("ops.doctor")
    assert told.code == 1, told.err
    assert told.document["verdict"] == {
        "incident": 3,
        "words": "incident 3, a bad write: bad-write",
        "cause": "bad-write",
    }
    found: list[dict[str, Any]] = [one for one in told.document["findings"] if one["cause"] == "bad-write"]
    assert {"raw_ebird.main.observations", "ebird.fct_daily_bird_observations"} <= {one["subject"] for one in found}
    words = found[0]["way_out"].removeprefix("invoke ").split(" --stack")[0].split()
    assert words == ["ops.restore", "--snapshot=nightly", "--plan"]
    planned = saved.invoke(*words, json_output=False)
    assert planned.code == 0, planned.err
    assert RAW in planned.out


def test_a_few_rows_less_are_no_loss_and_a_raw_table_that_is_gone_is(saved: Sandbox) -> None:
    assert looked(saved.folder).symptoms == ()
    change(saved.folder, "DELETE FROM main.observations WHERE hash(sub_id) % 10 = 0")
    assert looked(saved.folder).symptoms == ()
    change(saved.folder, "DROP TABLE main.checklists")
    (found,) = looked(saved.folder).symptoms
    assert (found.cause, found.subject) == ("bad-write", "raw_ebird.main.checklists")
    assert found.evidence.startswith("0 rows, ")
    assert found.evidence.endswith(" in nightly")


def test_what_dlt_needs_while_it_works_is_no_loss(saved: Sandbox) -> None:
    change(saved.folder, "CREATE SCHEMA IF NOT EXISTS main_staging")
    change(saved.folder, "CREATE OR REPLACE TABLE main_staging.observations AS FROM main.observations")
    snapshots.create(find(str(saved.folder)), "later", why="with a load's leftovers")
    change(saved.folder, "DELETE FROM main_staging.observations")
    change(saved.folder, "DELETE FROM main._dlt_pipeline_state")
    assert looked(saved.folder).symptoms == ()


def test_a_newer_snapshot_by_itself_hides_no_loss_and_one_that_a_person_names_agrees_to_it(saved: Sandbox) -> None:
    change(saved.folder, "DELETE FROM main.observations")
    stack = find(str(saved.folder))
    watching.take(stack, watching.name_at(stack, datetime.now(UTC)), lambda _text: None, ())
    (found,) = looked(saved.folder).symptoms
    assert found.subject == RAW
    assert found.told().startswith(f"{RAW}: 0 rows, ")
    assert found.way_out.startswith("invoke ops.restore --snapshot=nightly --plan; ")
    snapshots.create(stack, "meant", why="nobody needs them")
    assert looked(saved.folder).symptoms == ()


def test_a_table_that_comes_and_goes_is_noted_and_nothing_else_is_missed(
    saved: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usual(_taken: object, _keep: float) -> dict[str, int]:
        return {RAW: 100}

    monkeypatch.setattr("ops_tasks.scenarios.losses.habits", usual)
    change(saved.folder, "DELETE FROM main.observations USING range(1) WHERE rowid >= 90")
    line = looked(saved.folder)
    assert line.symptoms == ()
    assert line.notes[0].startswith(f"{RAW} comes and goes by itself: 90 rows, ")
    change(saved.folder, "DELETE FROM main.observations WHERE rowid >= 70")
    assert [one.subject for one in looked(saved.folder).symptoms] == [RAW]


def test_without_a_snapshot_it_says_so(sandbox: Sandbox) -> None:
    assert looked(sandbox.folder) == Line("losses", "there is no snapshot to compare with")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("databox.sqlmesh__ebird.ebird__fct_daily__4168594504", "ebird.fct_daily"),
        ("databox.sqlmesh__ebird.something_else__1", "databox.sqlmesh__ebird.something_else__1"),
        (RAW, RAW),
    ],
)
def test_tables_are_told_as_people_know_them(name: str, expected: str) -> None:
    assert shown(name) == expected
