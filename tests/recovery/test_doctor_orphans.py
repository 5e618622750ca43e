"""The doctor names child rows without a parent, with the days of the backfill that removes them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from ops_tasks.errors import StepFailed
from ops_tasks.operation.plan import Run
from ops_tasks.scenarios.orphans import none_left, orphans
from ops_tasks.scenarios.symptoms import Line, verdict
from ops_tasks.stack import Stack, find
from ops_tasks.systems.crew import Crew

CHILD = "raw_ebird.main.observations__evidence"


def looked(stack: Stack) -> Line:
    with Crew(stack.root) as hands:
        return orphans(stack, hands, lambda _text: None)


def change(stack: Stack, statement: str) -> int:
    with duckdb.connect(str(stack.databases["raw_ebird"])) as connection:
        return connection.execute(statement).fetchall()[0][0]


def test_they_are_named_with_the_days_that_look_wrong_or_with_days_to_choose(stack: Path) -> None:
    found = find(stack)
    assert looked(found) == Line("orphans", "1 child table")

    days = [found.today() - timedelta(days=ago) for ago in (9, 8)]
    change(found, f"DELETE FROM observations WHERE CAST(observation_date AS DATE) IN ('{days[0]}', '{days[1]}')")
    line = looked(found)
    (told,) = line.symptoms
    alone = change(
        found,
        "SELECT count(*) FROM observations__evidence WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM observations)",
    )
    assert (told.cause, told.subject, told.evidence) == ("orphans", CHILD, f"{alone:,} rows have no parent")
    assert told.way_out == f"invoke ops.backfill --source=ebird --start={days[0]} --end={days[1]}"
    assert line.said == f"1 child table, {alone:,} rows without a parent"
    assert verdict([line]).words == "incident 2, a bad window of one source: orphans"

    change(found, "DELETE FROM observations")
    assert looked(found).symptoms[0].way_out == "invoke ops.backfill --source=ebird --start=DAY --end=DAY"


def test_a_load_that_left_any_has_failed(tmp_path: Path) -> None:
    run = Run("abc123", tmp_path, {}, lambda _text: None)
    none_left(run, {"left": {}})
    with pytest.raises(StepFailed, match=rf"{CHILD} has 1,280 rows without a parent"):
        none_left(run, {"left": {CHILD: 1280}})
