"""`snapshot.*` from the command line, on small databases: verify all, keep, prune."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.namespaces import ns
from ops_tasks.operation import lock
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.program import Ops, namespace
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.retention import REMOVING
from tests.conftest import Ran, Sandbox
from tests.systems.conftest import small_stack

TWO_DAYS = 2 * 86_400


def invoke(stack: Stack, *words: str) -> Ran:
    """Run a command line in this process: a tenth of the time of one of its own."""
    out, err = io.StringIO(), io.StringIO()
    program = Ops(name="ops", binary="ops", binary_names=["ops"], namespace=namespace(ns))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            program.run(["ops", *words, f"--stack={stack.root}", "--json"])
            code = 0
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real snapshot, whose copies are as good under any other name."""
    return snapshots.create(small_stack(tmp_path_factory.mktemp("taken") / "stack"), "taken", why="a test").folder


@pytest.fixture
def small(small: Stack, taken: Path) -> Stack:
    """The small stack, which knows where to copy its snapshots from."""
    (small.root / "taken").symlink_to(taken)
    return small


def aged(stack: Stack, name: str, days: float) -> None:
    """A snapshot whose manifest says that it was taken days ago."""
    file = shutil.copytree(stack.root / "taken", snapshots.folder_of(stack, name)) / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["created_at"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    file.write_text(json.dumps(manifest), encoding="utf-8")


def grow_old(folder: Path) -> None:
    then = datetime.now(UTC).timestamp() - TWO_DAYS
    os.utime(folder, (then, then))


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
    assert "has changed since it was taken" in rows["new"]["problems"][0]
    assert "damaged" in invoke(small, "snapshot.list").err
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["old"]


def test_a_manifest_that_cannot_be_read_hides_no_other(small: Stack) -> None:
    aged(small, "good", 1)
    aged(small, "bad", 2)
    (snapshots.folder_of(small, "bad") / "manifest.json").write_text("{", encoding="utf-8")

    listed = invoke(small, "snapshot.list")

    assert listed.code == 1
    assert [row["name"] for row in listed.document["snapshots"]] == ["good"]
    assert "bad is damaged" in listed.document["findings"][0]["reason"]
    assert invoke(small, "snapshot.verify", "--all").code == 1
    assert invoke(small, "snapshot.verify", "--name=bad").code == 1
    (snapshots.folder_of(small, "bad") / "manifest.json").unlink()
    assert "bad is damaged: it has no manifest" in invoke(small, "snapshot.list").document["findings"][0]["reason"]
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert snapshots.folder_of(small, "bad").is_dir()


def test_a_snapshot_that_was_mended_counts_again(small: Stack) -> None:
    aged(small, "one", 0)
    copy = snapshots.folder_of(small, "one") / "files" / "data" / "raw.duckdb"
    away = copy.rename(copy.with_name("away"))
    assert invoke(small, "snapshot.verify", "--name=one").code == 1
    assert snapshots.newest(small) is None
    away.rename(copy)
    assert invoke(small, "snapshot.verify", "--name=one").code == 0
    newest = snapshots.newest(small)
    assert newest is not None and newest.problems == ()


def test_pruning_shows_first_asks_and_keeps_what_is_kept(small: Stack) -> None:
    for day in range(5):
        aged(small, f"day_{day}", day)
    assert invoke(small, "snapshot.keep", "day_4", "--why=audit").code == 0
    assert invoke(small, "snapshot.keep", "day_3", "--until=2999-01-01").code == 0

    planned = invoke(small, "snapshot.prune", "--keep-last=1", "--plan")
    assert planned.code == 0
    assert planned.document["remove"] == ["day_1", "day_2"]
    assert planned.document["bytes"] > 0
    told = invoke(small, "snapshot.prune", "--keep-last=1", "--keep-within=1h")
    assert told.code == 3
    assert "invoke snapshot.prune --keep-last=1 --keep-within=1h" in told.err
    assert len(names(small)) == 5

    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["day_4", "day_3", "day_0"]

    assert invoke(small, "snapshot.keep", "day_4", "--off").code == 0
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["day_3", "day_0"]
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--dry-run").document["remove"] == []


def stopped(stack: Stack, operation: str, **arguments: Any) -> Journal:
    journal = Journal(operations(stack.home) / operation)
    journal.append("planned", task="ops.restore", title="x", arguments=arguments)
    return journal


@pytest.mark.parametrize(("ends", "stays"), [(["failed"], True), (["succeeded"], True), (["rolled_back"], False)])
def test_what_an_operation_needs_is_not_pruned(small: Stack, ends: list[str], stays: bool) -> None:
    aged(small, "pre_something", 9)
    aged(small, "newest", 0)
    journal = stopped(small, "abc123", snapshot="pre_something")
    for event in ends:
        journal.append(event)
    told = invoke(small, "snapshot.prune", "--keep-last=1", "--yes")
    assert told.code == 0
    assert ("pre_something" in names(small)) == stays
    assert ("operation abc123" in str(told.document["keep"])) == stays


def test_what_a_stopped_restore_has_to_go_on_with_is_not_pruned(small: Stack) -> None:
    for name, days in (("source", 50), ("pre_retry_abc123_0", 40), ("pre_retry_fed321_0", 41), ("newest", 0)):
        aged(small, name, days)
    for name in ("pre_retry_abc123_0", "pre_retry_fed321_0"):
        file = snapshots.folder_of(small, name) / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {"forensic": True}), encoding="utf-8")
    stopped(small, "abc123", snapshot="not_taken_yet", bring=[{"snapshot": "source", "only": None}])
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").code == 0
    assert names(small) == ["source", "pre_retry_abc123_0", "newest"]


def test_a_used_up_one_is_listed_by_whom_and_goes_after_a_day(small: Stack) -> None:
    for name in ("spent", "good"):
        aged(small, name, 0)
    stopped(small, "abc123", snapshot="spent").append("put_back")
    spent = snapshots.folder_of(small, "spent")
    (spent / "consumed.json").write_text('{"by": "data/raw.duckdb"}', encoding="utf-8")

    listed = invoke(small, "snapshot.list")
    assert listed.code == 0
    assert [(one["name"], one["operation"]) for one in listed.document["used_up"]] == [("spent", "abc123")]
    assert "spent: used up by operation abc123" in listed.err
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--plan").document["leftovers"] == []
    grow_old(spent)
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--yes").document["leftovers"] == ["spent"]
    assert not spent.exists()


def test_a_name_that_was_removed_by_halves_can_be_removed_again(small: Stack) -> None:
    for name, days in (("again", 3), ("good", 0)):
        aged(small, name, days)
    folder = snapshots.folder_of(small, "again")
    shutil.copytree(folder, folder.with_name(f".again{REMOVING}"))
    told = invoke(small, "snapshot.prune", "--keep-last=1", "--yes")
    assert told.code == 0, told.err
    assert [path.name for path in folder.parent.iterdir()] == ["good"]


def test_a_half_removed_copy_of_a_drill_goes_too_and_its_link_takes_nothing_along(small: Stack) -> None:
    aged(small, "good", 0)
    old, half = small.home / "drill-x", small.home / f".drill-y{REMOVING}"
    for folder in (old, half):
        (folder / "snapshots").mkdir(parents=True)
        (folder / "snapshots" / "good").symlink_to(snapshots.folder_of(small, "good"))
    grow_old(old)
    told = invoke(small, "snapshot.prune", "--keep-last=1", "--yes")
    assert (told.code, told.document["bytes"]) == (0, 0)
    assert sorted(told.document["leftovers"]) == [half.name, old.name]
    assert invoke(small, "snapshot.verify", "--name=good").code == 0
    assert invoke(small, "snapshot.prune", "--keep-last=1", "--plan").document["leftovers"] == []


def test_pruning_waits_for_nobody(small: Stack) -> None:
    aged(small, "old", 3)
    with lock.held(small.home, "ops.backfill", "abc123"):
        told = invoke(small, "snapshot.prune", "--keep-last=1", "--yes")
    assert told.code == 6
    assert names(small) == ["old"]


def test_leftovers_go_when_they_are_old_and_a_killed_removal_is_finished(small: Stack) -> None:
    aged(small, "good", 0)
    home = small.home / "snapshots"
    old, young, half = home / ".gone.making", home / ".busy.making", home / f".dying{REMOVING}"
    for folder in (old, young, half):
        (folder / "files").mkdir(parents=True)
    grow_old(old)

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
        ("snapshot.prune", "--keep-last=many"),
        ("snapshot.prune", "--keep-within=7"),
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


def test_the_whole_life_of_one_from_a_real_command_line(small: Stack) -> None:
    here = Sandbox(small.root)
    assert here.invoke("snapshot.create", "--name=first", "--yes").code == 0
    assert here.invoke("snapshot.create", "--name=second").code == 0
    planned = here.invoke("snapshot.prune", "--keep-last=1", "--plan", json_output=False)
    assert planned.code == 0
    assert "nothing keeps it" in planned.out
    assert "newest verified, last" in planned.out
    assert here.invoke("snapshot.prune", "--keep-last=1", "--yes").document["remove"] == ["first"]
