"""`ops.restate`: models are computed again from what raw holds, behind a snapshot, and where raw holds something."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest

from tests.conftest import Sandbox
from tests.faults.both_ways import check_every

STAGING = "ebird_staging.stg_observations"
MART = "ebird.fct_daily_bird_observations"


def raw(sandbox: Sandbox, statement: str) -> None:
    with duckdb.connect(str(sandbox.folder / "data" / "raw_ebird.duckdb")) as connection:
        connection.execute(statement)


def total(sandbox: Sandbox, day: date) -> int:
    with duckdb.connect(str(sandbox.folder / "data" / "databox.duckdb"), read_only=True) as connection:
        found = connection.execute(f"select sum(total_count)::int from {MART} where day_date = ?", [day]).fetchall()
    return int(found[0][0] or 0)


def window(sandbox: Sandbox) -> tuple[date, str]:
    day = sandbox.today - timedelta(days=9)
    return day, f"--start={day}"


def double(sandbox: Sandbox, day: date) -> None:
    """Raw is corrected by hand; the marts do not know it yet."""
    raw(sandbox, f"update main.observations set how_many = how_many * 2 where observation_date = DATE '{day}'")


def test_what_raw_holds_reaches_the_mart_and_comes_back(sandbox: Sandbox) -> None:
    day, start = window(sandbox)
    old = total(sandbox, day)
    double(sandbox, day)
    before = sandbox.hashes()

    planned = sandbox.invoke("ops.restate", f"--model={STAGING}", start, "--plan")
    assert planned.code == 0, planned.err
    names = {one["model"] for one in planned.document["plan"]["restatements"]}
    assert {STAGING, MART, "analytics.fct_species_environment_daily"} <= names
    assert planned.document["plan"]["sources"] == []
    assert sandbox.hashes() == before

    done = sandbox.invoke("ops.restate", f"--model={STAGING}", start, "--yes")
    assert done.code == 0, done.err
    assert total(sandbox, day) == 2 * old
    changed = {one["table"] for one in done.document["changes"] if one["changed"]}
    assert MART in changed
    assert not any(name.startswith("raw_") for name in changed)
    (journal,) = sandbox.folder.glob(f".ops/operations/{done.document['operation']}/journal.jsonl")
    assert "has taken pre_restate_" in journal.read_text()

    undone = sandbox.invoke("ops.rollback", done.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert sandbox.hashes() == before


def test_days_that_raw_has_lost_are_not_restated_away(sandbox: Sandbox) -> None:
    day, start = window(sandbox)
    raw(sandbox, f"delete from main.observations where observation_date = DATE '{day}'")
    before = sandbox.hashes()
    ran = sandbox.invoke("ops.restate", f"--model={STAGING}", start, "--yes")
    assert ran.code == 3
    finding = ran.document["findings"][0]
    assert f"raw_ebird.main.observations has no or few rows on {day}" in finding["reason"]
    assert f"invoke ops.backfill --source=ebird --start={day} --end={day}" in finding["way_out"]
    assert sandbox.hashes() == before
    accepted = sandbox.invoke("ops.restate", f"--model={MART}", start, "--allow-shrink", "--yes")
    assert accepted.code == 0, accepted.err


def test_all_that_is_made_of_a_source(sandbox: Sandbox) -> None:
    _, start = window(sandbox)
    ran = sandbox.invoke("ops.restate", "--source=usgs", start, "--plan")
    assert ran.code == 0, ran.err
    names = {one["model"] for one in ran.document["plan"]["restatements"]}
    assert "usgs.fct_daily_streamflow" in names
    assert not any(name.startswith("ebird.") for name in names)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model=ebird.fct_dayly_bird_observations", "--start=2026-01-01"], f"did you mean '{MART}'?"),
        (["--source=ebirt", "--start=2026-01-01"], "did you mean 'ebird'?"),
        (["--start=2026-01-01"], "no model given"),
        ([f"--model={MART}"], "no window given"),
        ([f"--model={MART}", "--start=yesterday"], "is not a date"),
        ([f"--model={MART}", "--start=2026-01-01", "--exclude=usgs.fct_daily_streamflow"], "is not among the models"),
    ],
    ids=["model", "source", "nothing", "no window", "no date", "excluded"],
)
def test_what_cannot_be_meant_is_exit_2(stack: object, sandbox: Sandbox, words: list[str], told: str) -> None:
    before = sandbox.hashes()
    ran = sandbox.invoke("ops.restate", *words, "--yes")
    assert ran.code == 2
    finding = ran.document["findings"][0]
    assert told in f"{finding['reason']} {finding['way_out']}"
    assert sandbox.hashes() == before


@pytest.mark.rehearsal
def test_killed_before_and_after_sqlmesh_has_written(sandbox: Sandbox) -> None:
    day, start = window(sandbox)
    before = sandbox.hashes()
    words = ("ops.restate", f"--model={STAGING}", start, "--yes")
    check_every(sandbox, before, words, [("started", "restate"), ("started", "compare")])
    assert total(sandbox, day) > 0


def test_without_a_yes_nothing_happens(sandbox: Sandbox) -> None:
    _, start = window(sandbox)
    before = sandbox.hashes()
    ran = sandbox.invoke("ops.restate", f"--model={MART}", start)
    assert ran.code == 3
    assert f"invoke ops.restate --model={MART} {start}" in ran.document["findings"][0]["way_out"]
    assert sandbox.hashes() == before
