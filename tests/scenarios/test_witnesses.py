"""Which snapshots are held against the present, and what operations have explained since."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.operation.journal import Journal, history, operations
from ops_tasks.scenarios.backfill_validation import REPORT
from ops_tasks.scenarios.witnesses import Witness, fullest, habits, model_of, named_by_a_person, standing, witnesses
from ops_tasks.stack import Stack
from tests.conftest import bare_stack

RAW = "house.raw.sales"
MART = "house.sqlmesh__mart.mart__daily__123"
SETTINGS = """
ops:
  databases: {house: house.duckdb}
  sqlmesh: {project: project}
  sources: {sales: {catalog: house, dataset: raw, tables: {sales: {date_column: day}}}}
"""


@pytest.fixture
def bare(tmp_path: Path) -> Stack:
    """A stack of which nothing is there but its configuration."""
    return bare_stack(tmp_path, SETTINGS)


def taken(stack: Stack, name: str, hours: float, raw: int = 100, mart: int = 10, **more: Any) -> None:
    """A verified snapshot, so many hours from now."""
    folder = stack.home / "snapshots" / name
    folder.mkdir(parents=True)
    at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    manifest: dict[str, Any] = {"created_at": at, "why": "", "files": [], "rows": {RAW: raw, MART: mart}, **more}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "verified.json").write_text(json.dumps({"at": at}))


def done(stack: Stack, task: str, *ends: str, report: Any = None, **arguments: Any) -> None:
    """An operation that began and ended just now."""
    journal = Journal(operations(stack.home) / "abc123")
    journal.append("planned", task=task, title=task, arguments=arguments)
    for end in ends:
        journal.append(end)
    if report is not None:
        (journal.folder / REPORT).write_text(json.dumps(report))


def judged(stack: Stack) -> list[Witness]:
    done = history(stack.home)
    return witnesses(stack, standing(stack, done), done)


def names(stack: Stack) -> list[str]:
    return [one.name for one in judged(stack)]


def rows(stack: Stack, table: str) -> int | None:
    found = fullest(judged(stack), table)
    return found and found.rows[table]


def fell(table: str, before: int, after: int) -> dict[str, Any]:
    same: dict[str, Any] = {"outside": [], "excluded": [], "days": {}, "dated": False, "changed": True}
    return {"table": table, "role": {"kind": "reloaded"}, "rows": [before, after], **same}


def test_the_fullest_counts_and_the_newest_of_several(bare: Stack) -> None:
    taken(bare, "nightly", -30, raw=90)
    taken(bare, "watch_20260101_010101", -3, raw=100)
    taken(bare, "watch_20260101_020101", -2, raw=100)
    taken(bare, "watch_20260101_030101", -1, raw=5)
    found = fullest(judged(bare), RAW)
    assert found is not None
    assert (found.name, found.rows[RAW]) == ("watch_20260101_020101", 100)
    assert fullest(judged(bare), "house.raw.unknown") is None


def test_of_equals_the_one_that_lacks_no_other_table_counts() -> None:
    good = Witness("nightly", {"raw.a": 40, "raw.b": 7})
    broken = Witness("pre_repair_20260423_901af6", {"raw.a": 40, "raw.b": 0})
    assert fullest([good, broken], "raw.a") is good
    assert fullest([broken, good], "raw.a") is good
    assert fullest([good, Witness("later", good.rows), broken], "raw.a") == Witness("later", good.rows)


def test_what_is_before_the_newest_that_a_person_named_is_agreed_to(bare: Stack) -> None:
    taken(bare, "watch_20260101_010101", -5)
    taken(bare, "nightly", -4)
    taken(bare, "pre_mart_rewrite", -3)
    taken(bare, "pre_backfill_ebird_20260418_0a1b2c", -2)
    assert names(bare) == ["pre_mart_rewrite", "pre_backfill_ebird_20260418_0a1b2c"]


def test_an_old_a_forensic_and_another_backends_snapshot_is_none(bare: Stack) -> None:
    taken(bare, "older", -24 * 40)
    assert names(bare) == ["older"]
    taken(bare, "old", -24 * 30)
    assert names(bare) == ["old"], "the newest there is, where the lookback has none"
    taken(bare, "watch_20260101_010101", -1)
    taken(bare, "watch_20260101_020101", -1, forensic=True)
    taken(bare, "watch_20260101_030101", -1, backend="motherduck")
    assert names(bare) == ["watch_20260101_010101"]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"bring": [{"snapshot": "nightly", "only": None}]}, ["nightly", "watch_20260101_050101"]),
        ({"bring": [], "past": {"snapshot": "nightly"}}, ["nightly", "watch_20260101_050101"]),
    ],
)
def test_a_restore_makes_its_snapshot_the_measure(bare: Stack, arguments: dict[str, Any], left: list[str]) -> None:
    taken(bare, "nightly", -9)
    taken(bare, "watch_20260101_010101", -8, raw=1000)
    taken(bare, "later", -7, raw=1000)
    taken(bare, "watch_20260101_050101", 1)
    done(bare, "ops.restore", "succeeded", **arguments)
    assert names(bare) == left


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"bring": [{"snapshot": "nightly", "only": ["state.duckdb"]}]}, (100, None)),
        ({"bring": [{"snapshot": "nightly", "only": ["house.duckdb"]}]}, (None, None)),
        ({"place": {"target": "house.duckdb"}}, (None, None)),
    ],
)
def test_a_part_that_was_restored_and_what_hangs_on_it_have_no_witness(
    bare: Stack, arguments: dict[str, Any], left: tuple[int | None, int | None]
) -> None:
    taken(bare, "nightly", -9)
    done(bare, "ops.restore", "succeeded", **arguments)
    assert (rows(bare, RAW), rows(bare, MART)) == left


def test_a_restore_that_was_put_back_changes_nothing(bare: Stack) -> None:
    taken(bare, "nightly", -9)
    done(bare, "ops.restore", "put_back", bring=[])
    assert names(bare) == ["nightly"]


def test_a_rollback_takes_back_what_was_made_since(bare: Stack) -> None:
    taken(bare, "nightly", -9)
    done(bare, "ops.backfill", "succeeded", snapshot="pre_backfill_x_abc123")
    taken(bare, "pre_backfill_x_abc123", 0)
    taken(bare, "watch_20260101_010101", 0, raw=1000)
    Journal(operations(bare.home) / "abc123").append("rolled_back")
    assert names(bare) == ["nightly", "pre_backfill_x_abc123"]


def test_what_a_backfill_has_measured_is_no_loss_and_only_that(bare: Stack) -> None:
    taken(bare, "nightly", -9, raw=1000, mart=500)
    report = [fell(RAW, 1000, 900), fell("mart.daily", 500, 100), fell("mart.other", 500, 100)]
    done(bare, "ops.backfill", "succeeded", report=report)
    assert (rows(bare, RAW), rows(bare, MART)) == (900, 100)
    taken(bare, "watch_20260101_010101", 1, raw=950, mart=90)
    assert (rows(bare, RAW), rows(bare, MART)) == (950, 100)


@pytest.mark.parametrize("task", ["full-refresh", "promote"])
def test_models_are_what_the_project_says_and_raw_rows_stay(bare: Stack, task: str) -> None:
    taken(bare, "nightly", -9)
    done(bare, task, "succeeded")
    assert (rows(bare, RAW), rows(bare, MART)) == (100, None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nightly", True),
        ("pre_mart_rewrite", True),
        ("watch_20260101_010101", False),
        ("watch_me", True),
        ("pre_restate_0a1b2c", False),
        ("pre_retry_abc123_0a1b2c", False),
    ],
)
def test_who_has_named_a_snapshot(name: str, told: bool) -> None:
    assert named_by_a_person(name) is told


def test_a_models_name_is_told_from_its_table() -> None:
    assert model_of(MART) == "house.mart.daily"
    assert model_of(RAW) is None


@pytest.mark.parametrize(
    ("counts", "low"),
    [
        pytest.param([100, 20, 100, 30, 100], 20, id="it fell and rose twice"),
        pytest.param([100, 20, 15, 90, 30, 85, 10], 15, id="the present fall is no habit"),
        pytest.param([100, 20, 100, 10], None, id="one rise may have been a repair"),
        pytest.param([1, 10, 100, 1000, 10], None, id="growth and a fall"),
        pytest.param([100, 90, 100, 85, 100], None, id="small falls"),
    ],
)
def test_a_table_that_comes_and_goes_has_a_usual_low(bare: Stack, counts: list[int], low: int | None) -> None:
    for number, count in enumerate(counts):
        taken(bare, f"watch_20260101_01010{number}", number - 10, raw=count)
    assert habits(standing(bare, history(bare.home)), 80).get(RAW) == low
