"""Named snapshots of a small stack, taken and put back by real workers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import Busy, Refused, StepFailed, UsageError
from ops_tasks.operation.journal import Journal, operations, read
from ops_tasks.scenarios.undo import plan_undo, undo
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew


@pytest.fixture
def crew(small: Stack) -> Iterator[Crew]:
    with Crew(small.root) as made:
        yield made


def contents(stack: Stack) -> dict[str, str]:
    """Path -> hash of every file of the state set."""
    found = (path for path in sorted((stack.root / "data").rglob("*")) if path.is_file())
    return {path.relative_to(stack.root).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found}


def spoil(stack: Stack) -> None:
    with duckdb.connect(stack.databases["raw"]) as connection:
        connection.execute("UPDATE t SET h = 0")
    (stack.root / "data/dlt/ebird/state.json").write_text('{"cursor": 2}')


def test_round_trip(small: Stack, crew: Crew) -> None:
    before = contents(small)
    told: list[str] = []
    taken = snapshots.create(small, "pre_test", why="a test", say=told.append, crew=crew)
    assert contents(small) == before
    assert (taken.name, taken.why, taken.folder) == ("pre_test", "a test", small.home / "snapshots/pre_test")
    assert taken.bytes == snapshots.set_bytes(small) == sum((small.root / path).stat().st_size for path in before)
    assert taken.verified_at is not None
    assert timedelta() <= datetime.now(UTC) - taken.verified_at < timedelta(minutes=1)
    assert "copying data/raw.duckdb" in told
    spoil(small)
    (small.root / "data/dlt/ebird/normalize").rmdir()
    snapshots.restore(small, "pre_test", small.home / "quarantine", consume=False, crew=crew)
    assert contents(small) == before
    assert (small.root / "data/dlt/ebird/normalize").is_dir()
    assert snapshots.verify(small, "pre_test", crew=crew) == []
    assert snapshots.stamps(small, crew) == before


def test_the_manifest_tells_what_is_in_it(small: Stack, crew: Crew) -> None:
    manifest = snapshots.create(small, "pre_test", why="a test", crew=crew).manifest
    assert manifest["schema"] == "ops-snapshot/1"
    assert manifest["rows"] == {"databox.main.t": 20_000, "raw.main.t": 5_000}
    assert manifest["duckdb"] == duckdb.__version__
    assert {entry["path"]: entry["sha256"] for entry in manifest["files"]} == contents(small)
    versions = {entry.get("storage_version") for entry in manifest["files"] if entry["kind"] == "duckdb"}
    assert versions == {64}


def test_snapshots_are_listed_in_order(small: Stack, crew: Crew) -> None:
    assert snapshots.every(small) == []
    for name in ("second", "first"):
        snapshots.create(small, name, why="", crew=crew)
    (small.home / "snapshots" / ".half.making").mkdir()
    (small.home / "snapshots" / "no-manifest").mkdir()
    assert [found.name for found in snapshots.every(small)] == ["second", "first"]
    with pytest.raises(UsageError, match=r"unknown snapshot 'frist'.*did you mean 'first'"):
        snapshots.get(small, "frist")
    for name in ("no-manifest", ".half.making", "../snapshots/first", ""):
        with pytest.raises(UsageError, match="unknown snapshot"):
            snapshots.get(small, name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "-x", "_x", "A", "a b", "a/b", "../x", "ä", "a\n", "x" * 101, "a\0", "~", "a:b"]
)
def test_bad_names(small: Stack, name: str) -> None:
    with pytest.raises(UsageError, match="bad snapshot name"):
        snapshots.create(small, name, why="")
    assert not small.home.exists()


@pytest.mark.parametrize("name", ["a", "0", "pre_backfill_ebird_20260418_1a2b3c", "x" * 100, "v1.2-rc_3"])
def test_good_names(name: str) -> None:
    snapshots.check_name(name)


def test_an_existing_name_is_not_taken_again(small: Stack, crew: Crew) -> None:
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    before = {path: path.read_bytes() for path in taken.folder.rglob("*") if path.is_file()}
    spoil(small)
    with pytest.raises(UsageError, match="'pre_test' exists already"):
        snapshots.create(small, "pre_test", why="", crew=crew)
    assert {path: path.read_bytes() for path in taken.folder.rglob("*") if path.is_file()} == before


def test_a_half_made_snapshot_is_in_nobody_s_way(small: Stack, crew: Crew) -> None:
    half = small.home / "snapshots" / ".pre_test.making" / "files"
    half.mkdir(parents=True)
    (half / "stray").touch()
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    assert not (taken.folder / "files" / "stray").exists()
    assert [path.name for path in (small.home / "snapshots").iterdir()] == ["pre_test"]


def test_a_writer_is_named_and_nothing_is_written(small: Stack, writing: Any) -> None:
    with writing(small.databases["raw"]) as process:
        with pytest.raises(Busy, match=f"raw.duckdb is held by PID {process.pid} ") as caught:
            snapshots.refuse_foreign(small)
        assert f"kill {process.pid}" in caught.value.way_out
        with pytest.raises(Busy, match=f"PID {process.pid}"):
            snapshots.create(small, "pre_test", why="")
    assert list((small.home / "snapshots").iterdir()) == []
    snapshots.refuse_foreign(small)


def test_what_a_killed_writer_left_in_the_wal_is_part_of_it(small: Stack, crew: Crew, writing: Any) -> None:
    with writing(small.databases["raw"], "INSERT INTO t VALUES (-1, 42)") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = contents(small)
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    assert taken.manifest["rows"]["raw.main.t"] == 5_001
    assert contents(small) == before
    spoil(small)
    snapshots.restore(small, "pre_test", small.home / "quarantine", consume=False, crew=crew)
    assert contents(small) == before
    assert "data/raw.duckdb.wal" in before
    assert snapshots.verify(small, "pre_test", crew=crew) == []


def damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("act", ["header", "block", "cut", "no database"])
def test_a_damaged_database_is_no_basis_for_anything(small: Stack, crew: Crew, act: str) -> None:
    path = small.databases["databox"]
    if act == "header":
        damage(path, 5000)
    elif act == "block":
        with duckdb.connect(path) as connection:
            found = connection.execute("SELECT max(block_id) FROM pragma_storage_info('t')").fetchall()
        damage(path, 3 * 4096 + int(found[0][0]) * 262144 + 5000)
    elif act == "cut":
        os.truncate(path, 3 * 4096 + 262144)
    else:
        path.write_text("hello")
    with pytest.raises(Refused, match=r"databox\.duckdb is damaged: .+restore an older snapshot"):
        snapshots.create(small, "pre_test", why="", crew=crew)
    assert list((small.home / "snapshots").iterdir()) == []


def test_damage_in_an_index_is_damage(small: Stack, crew: Crew) -> None:
    """DuckDB reads every table of such a file from beginning to end without seeing it."""
    path = small.databases["databox"]
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE u (n BIGINT PRIMARY KEY)")
        connection.execute("INSERT INTO u SELECT hash(range) % 1_000_000_007 * 5000 + range FROM range(50_000)")
    blocks = (path.stat().st_size - 3 * 4096) // 262144
    silent: list[int] = []
    for block in range(blocks):
        damage(path, 3 * 4096 + block * 262144 + 5000)
        with suppress(duckdb.Error), duckdb.connect(path, read_only=True) as connection:
            for table in ("t", "u"):
                connection.execute(f"SELECT sum(hash(x)) FROM {table} x").fetchall()
            silent.append(block)
        damage(path, 3 * 4096 + block * 262144 + 5000)
    assert silent
    damage(path, 3 * 4096 + silent[0] * 262144 + 5000)
    with pytest.raises(Refused, match=f"databox.duckdb is damaged: block {silent[0]} "):
        snapshots.create(small, "pre_test", why="", crew=crew)


def test_damage_where_nothing_is_stored_keeps_from_nothing(small: Stack, crew: Crew) -> None:
    path = small.databases["databox"]
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE u AS SELECT hash(range) AS h FROM range(200_000)")
        connection.execute("CHECKPOINT")
        connection.execute("CREATE TABLE v AS SELECT * FROM u")
        connection.execute("CHECKPOINT")
        blocks = connection.execute("SELECT DISTINCT block_id FROM pragma_storage_info('u') WHERE persistent")
        gone = sorted(int(block) for (block,) in blocks.fetchall() if block >= 0)
        connection.execute("DROP TABLE u")
    damage(path, 3 * 4096 + gone[0] * 262144 + 5000)
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    entry = next(entry for entry in taken.manifest["files"] if entry["path"] == "data/databox.duckdb")
    assert (entry["bad_blocks"], entry["damaged_blocks"], entry["doubtful_blocks"]) == ([gone[0]], [], [gone[0]])


@pytest.mark.parametrize("act", ["block that the log uses", "block that nothing uses"])
def test_a_log_decides_whether_a_block_is_used(small: Stack, crew: Crew, writing: Any, act: str) -> None:
    """Large inserts write their blocks behind the last one that the header counts: only the log knows of them."""
    path = small.databases["raw"]
    counted = (path.stat().st_size - 3 * 4096) // 262144
    with writing(path, "INSERT INTO t SELECT range, hash(range) FROM range(300_000)") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if act == "block that the log uses":
        damage(path, 3 * 4096 + (counted + 1) * 262144 + 5000)
        with pytest.raises(Refused, match=r"raw\.duckdb is damaged: .*checksum"):
            snapshots.create(small, "pre_test", why="", crew=crew)
        return
    with path.open("ab") as file:
        file.write(b"junk" * 65536)
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    assert taken.manifest["rows"]["raw.main.t"] == 305_000


def test_a_disk_that_is_too_small_is_seen_before_it_is_full(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def little(_stack: Stack) -> int:
        return 1000

    monkeypatch.setattr(snapshots, "free_bytes", little)
    with pytest.raises(Refused, match=r"a snapshot needs [\d,]+ bytes and 1,000 are free"):
        snapshots.create(small, "pre_test", why="")
    assert not small.home.exists()


def test_a_changed_copy_is_found(small: Stack, crew: Crew) -> None:
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    damage(taken.folder / "files/data/raw.duckdb", 100_000)
    assert len(snapshots.verify(small, "pre_test", crew=crew)) == 1
    assert snapshots.get(small, "pre_test").verified_at is None
    before = contents(small)
    spoil(small)
    spoiled = contents(small)
    assert spoiled != before
    with pytest.raises(StepFailed, match=r"the snapshot is damaged: data/raw\.duckdb"):
        snapshots.restore(small, "pre_test", small.home / "quarantine", consume=True, crew=crew)
    assert contents(small) == spoiled


def test_a_damaged_manifest_is_told_with_its_name(small: Stack, crew: Crew) -> None:
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    (taken.folder / snapshots.MANIFEST).write_text('{"schema": ')
    with pytest.raises(StepFailed, match="snapshot pre_test is damaged"):
        snapshots.get(small, "pre_test")


def test_databases_in_a_snapshot(small: Stack, crew: Crew) -> None:
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    found = snapshots.databases_in(small, taken.folder)
    assert found == {name: str(taken.folder / f"files/data/{name}.duckdb") for name in ("databox", "raw")}
    assert snapshots.databases_in(small, small.root / "nowhere") == {}


def operation(small: Stack, *events: str) -> None:
    """The journal of an operation whose snapshot is `pre_test`."""
    journal = Journal(operations(small.home) / "abc123")
    journal.append("planned", task="ops.test", title="A test", arguments={"snapshot": "pre_test"})
    for event in events:
        name, _, step = event.partition(":")
        journal.append(name, step or None)


def test_a_rollback_takes_up_a_put_back_that_was_killed(small: Stack, crew: Crew) -> None:
    """A put-back moves the snapshot's files; the first one is already beside its place."""
    before = contents(small)
    taken = snapshots.create(small, "pre_test", why="", crew=crew)
    operation(small, "started:snapshot", "done:snapshot", "started:work", "failed:work")
    spoil(small)
    (taken.folder / snapshots.CONSUMED).write_text(json.dumps({"by": "data/raw.duckdb"}))
    (taken.folder / "files/data/raw.duckdb").rename(small.root / "data/.raw.duckdb.ops-new")
    with pytest.raises(UsageError, match="unknown snapshot"):
        snapshots.get(small, "pre_test")
    planned = plan_undo(small, read(small.home, "abc123"))
    assert planned.snapshot == "pre_test"
    undo(small, read(small.home, "abc123"), planned, lambda _text: None, ())
    assert contents(small) == before
    assert read(small.home, "abc123").status == "rolled_back"


def test_a_rollback_knows_what_others_have_changed_since(small: Stack, crew: Crew) -> None:
    snapshots.create(small, "pre_test", why="", crew=crew)
    operation(small, "started:snapshot", "done:snapshot")
    journal = Journal(operations(small.home) / "abc123")
    journal.append("done", "seal", stamps=snapshots.stamps(small, crew))
    journal.append("succeeded")
    assert plan_undo(small, read(small.home, "abc123")).later == ()
    spoil(small)
    later = plan_undo(small, read(small.home, "abc123")).later
    assert later == ("data/dlt/ebird/state.json", "data/raw.duckdb")


@pytest.mark.parametrize("end", ["put_back", "refused"])
def test_there_is_nothing_to_roll_back_twice(small: Stack, end: str) -> None:
    operation(small, "started:look", "failed:look", end)
    with pytest.raises(Refused, match=f"changed nothing that is still there .{end}."):
        plan_undo(small, read(small.home, "abc123"))


def test_a_rollback_without_its_snapshot(small: Stack) -> None:
    operation(small, "started:look")
    assert plan_undo(small, read(small.home, "abc123")).snapshot is None
    operation(small, "done:snapshot")
    with pytest.raises(Refused, match="snapshot pre_test is gone"):
        plan_undo(small, read(small.home, "abc123"))
