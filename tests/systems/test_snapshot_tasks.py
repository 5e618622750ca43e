"""`snapshot.*` from the command line, on small databases: verify all, keep, prune."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from ops_tasks.operation.journal import Journal, operations
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.retention import REMOVING
from tests.conftest import Ran, Sandbox


def invoke(stack: Stack, *words: str) -> Ran:
    return Sandbox(stack.root).invoke(*words)


def aged(stack: Stack, name: str, days: float) -> None:
    """Take a snapshot and let its manifest say that this was days ago."""
    file = snapshots.create(stack, name, why="a test").folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["created_at"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    file.write_text(json.dumps(manifest), encoding="utf-8")


def names(stack: Stack) -> list[str]:
    return [one.name for one in snapshots.every(stack)]


def test_verify_all_finds_the_one_that_changed_and_it_no_longer_counts(small: Stack) -> None:
    for name, days in (("old", 3), ("new", 1)):
        aged(small, name, days)
    assert invoke(small, "snapshot.verify", "--all").code == 0
    copy = snapshots.folder_of(small, "new") / "files" / "data" / "raw.duckdb"
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)

    told = invoke(small, "snapshot.verify", "--all")

    assert told.code == 1
    assert told.document["findings"][0]["reason"].startswith("new: data/raw.duckdb")
    newest = snapshots.newest(small)
    assert newest is not None and newest.name == "old"
    rows = {row["name"]: row for row in invoke(small, "snapshot.list").document["snapshots"]}
    assert rows["new"]["verified_at"] is None
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["old", "new"]


def test_a_manifest_that_cannot_be_read_hides_no_other(small: Stack) -> None:
    aged(small, "good", 1)
    aged(small, "bad", 2)
    (snapshots.folder_of(small, "bad") / "manifest.json").write_text("{", encoding="utf-8")

    listed = invoke(small, "snapshot.list")

    assert listed.code == 1
    assert [row["name"] for row in listed.document["snapshots"]] == ["good"]
    assert "bad is damaged" in listed.document["findings"][0]["reason"]
    assert invoke(small, "snapshot.verify", "--all").code == 1


def test_pruning_shows_first_asks_and_keeps_what_is_kept(small: Stack) -> None:
    for day in range(5):
        aged(small, f"day_{day}", day)
    assert invoke(small, "snapshot.keep", "day_4", "--why=audit").code == 0
    assert invoke(small, "snapshot.keep", "day_3", "--until=2999-01-01").code == 0

    planned = invoke(small, "snapshot.prune", "--keep-last=1", "--plan")
    assert planned.code == 0
    assert planned.document["remove"] == ["day_1", "day_2"]
    assert planned.document["bytes"] > 0
    assert invoke(small, "snapshot.prune", "--keep-last=1").code == 3
    assert len(names(small)) == 5

    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["day_4", "day_3", "day_0"]

    assert invoke(small, "snapshot.keep", "day_4", "--off").code == 0
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["day_3", "day_0"]
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--dry-run").document["remove"] == []


@pytest.mark.parametrize(("ends", "stays"), [(["failed"], True), (["succeeded"], True), (["rolled_back"], False)])
def test_what_an_operation_needs_is_not_pruned(small: Stack, ends: list[str], stays: bool) -> None:
    aged(small, "pre_something", 9)
    aged(small, "newest", 0)
    journal = Journal(operations(small.home) / "abc123")
    journal.append("planned", task="ops.backfill", title="x", arguments={"snapshot": "pre_something"})
    for event in ends:
        journal.append(event)
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert ("pre_something" in names(small)) == stays


def test_leftovers_go_when_they_are_old_and_a_killed_removal_is_finished(small: Stack) -> None:
    aged(small, "good", 0)
    home = small.home / "snapshots"
    old, young, half = home / ".gone.making", home / ".busy.making", home / f".dying{REMOVING}"
    for folder in (old, young, half):
        (folder / "files").mkdir(parents=True)
    yesterday = datetime.now(UTC).timestamp() - 2 * 86_400
    os.utime(old, (yesterday, yesterday))

    told = invoke(small, "snapshot.prune", "--keep-last=5", "--yes")

    assert sorted(told.document["leftovers"]) == sorted([old.name, half.name])
    assert not old.exists()
    assert not half.exists()
    assert young.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot.prune",),
        ("snapshot.prune", "--keep-last=-1"),
        ("snapshot.verify",),
        ("snapshot.verify", "--name=x", "--all"),
        ("snapshot.verify", "--name=unknown"),
        ("snapshot.keep", "unknown"),
        ("snapshot.keep", "good", "--until=yesterday"),
        ("snapshot.keep", "good", "--until=2020-01-01"),
        ("snapshot.keep", "good", "--off"),
        ("snapshot.keep", "good", "--off", "--why=x"),
    ],
    ids=" ".join,
)
def test_bad_input_is_a_usage_error(small: Stack, words: tuple[str, ...]) -> None:
    aged(small, "good", 0)
    told = invoke(small, *words)
    assert told.code == 2, told.err
    assert names(small) == ["good"]
