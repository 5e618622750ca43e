"""Which models are computed anew, and from which day on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ops_tasks.scenarios.mending import LAST, Model, below, days, disagreements, from_worker

FULL = Model(
    "prod", '"d"."s"."full"', "s.full", "FULL", "d.x.full", "d.s.full", (), None, True, False, True, True, None
)
RANGE = replace(FULL, model='"d"."s"."range"', name="s.range", kind="INCREMENTAL_BY_TIME_RANGE", whole_history=False)
KEYED = replace(FULL, model='"d"."s"."keyed"', name="s.keyed", kind="INCREMENTAL_BY_UNIQUE_KEY")
PARTED = replace(FULL, model='"d"."s"."parted"', name="s.parted", kind="INCREMENTAL_BY_PARTITION")
HISTORY = replace(FULL, model='"d"."s"."scd"', name="s.scd", kind="SCD_TYPE_2_BY_COLUMN", scd=True)
VIEW = replace(FULL, model='"d"."s"."view"', name="s.view", kind="VIEW")
ALL = (FULL, RANGE, KEYED, PARTED, HISTORY, VIEW)
REACH: dict[str, str | None] = {model.model: "2026-03-01" for model in ALL}


def lost(model: Model) -> Model:
    return replace(model, table_exists=False)


def test_nothing_is_computed_where_everything_agrees() -> None:
    assert days(ALL, reach=REACH) == {}
    assert disagreements(ALL) == []


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.name)
def test_a_lost_table_without_history_is_computed_as_a_whole(model: Model) -> None:
    assert days([lost(model)], reach=REACH) == {model.model: None}


@pytest.mark.parametrize(
    ("model", "first"),
    [(RANGE, "2026-03-01"), (KEYED, "2026-03-01"), (PARTED, None), (HISTORY, LAST), (FULL, None)],
    ids=lambda value: value.name if isinstance(value, Model) else None,
)
def test_a_lost_table_that_got_its_history_back_goes_on_from_where_the_raw_data_begins(
    model: Model, first: str | None
) -> None:
    assert days([lost(model)], seeded=[model.model], reach=REACH) == {model.model: first}


def test_a_warehouse_that_lacks_days_is_older_as_a_whole() -> None:
    behind = replace(RANGE, lacks_from="2026-04-10")
    found = days([FULL, behind, KEYED, HISTORY, VIEW], reach=REACH)
    assert found == {
        FULL.model: None,
        behind.model: "2026-04-10",
        KEYED.model: "2026-04-10",
        HISTORY.model: LAST,
    }


def test_nothing_is_asked_of_days_that_the_raw_data_no_longer_reaches() -> None:
    late = dict.fromkeys(REACH, "2026-04-20")
    behind = replace(RANGE, lacks_from="2026-04-10")
    assert days([behind, KEYED], reach=late)[KEYED.model] == "2026-04-20"
    assert days([RANGE], stale=[RANGE.model], reach=late) == {RANGE.model: "2026-04-20"}


def test_emptied_tables_hold_nothing_but_their_seeds() -> None:
    found = days([RANGE, HISTORY, KEYED], seeded=[RANGE.model], stale=[m.model for m in ALL], reach=REACH, emptied=True)
    assert found == {RANGE.model: "2026-03-01", HISTORY.model: None, KEYED.model: None}


def test_every_disagreement_is_told_once() -> None:
    told = disagreements(
        [lost(FULL), replace(VIEW, view_exists=False), replace(RANGE, lacks_from="2026-04-10"), lost(FULL)]
    )
    assert len(told) == 3
    assert "s.full has no physical table (d.x.full)" in told[0]
    assert "s.view has no view (d.s.full)" in told[1]
    assert "s.range lacks the days from 2026-04-10 on" in told[2]


def test_what_hangs_on_a_raw_table() -> None:
    first = replace(FULL, model="a", upstream=("raw",))
    second = replace(FULL, model="b", upstream=("a",))
    other = replace(FULL, model="c", upstream=("elsewhere",))
    assert below([first, second, other], {"raw"}) == {"a", "b"}


def test_a_model_is_read_as_the_worker_writes_it() -> None:
    row: dict[str, Any] = {**vars(RANGE), "upstream": ["x"], "first": "2026-01-01", "last": "2026-02-01"}
    assert from_worker([row]) == (replace(RANGE, upstream=("x",)),)
