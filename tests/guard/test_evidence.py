"""What permits a restatement: a recent, whole, verified snapshot, as new as the data; never silence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ops_tasks.errors import Busy, OpsError, Refused, UsageError
from ops_tasks.guard import permit
from ops_tasks.guard.evidence import Unprotected
from ops_tasks.operation import lock
from ops_tasks.operation.journal import Journal, history, operations
from ops_tasks.stack import Stack, find
from ops_tasks.systems import snapshots

CONFIG = """ops:
  databases:
    marts: data/main.duckdb
  sqlmesh: {project: project, state: data/state.duckdb}
  guard: {max_age: 24h}
"""


@pytest.fixture
def plain(tmp_path: Path) -> Stack:
    """A stack of two small databases, without a snapshot."""
    root = tmp_path / "plain"
    (root / "project").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "invoke.yaml").write_text(CONFIG)
    for name in ("main", "state"):
        write(root / "data" / f"{name}.duckdb", "create table t as select 1 as x")
    return find(root)


def write(file: Path, statement: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(statement)


def taken(stack: Stack, name: str = "nightly") -> snapshots.Snapshot:
    return snapshots.create(stack, name, why="a test")


def age(stack: Stack, name: str, **span: float) -> None:
    """Make a snapshot older than it is."""
    file = snapshots.folder_of(stack, name) / snapshots.MANIFEST
    manifest = json.loads(file.read_text())
    then = datetime.fromisoformat(manifest["created_at"]) - timedelta(**span)
    file.write_text(json.dumps(manifest | {"created_at": then.isoformat()}))


def test_a_fresh_snapshot_permits(plain: Stack) -> None:
    taken(plain)
    given = permit(plain)
    assert given.snapshot == "nightly"
    assert not given.override


def nothing(_stack: Stack) -> None:
    """There is no snapshot."""


def only_old(stack: Stack) -> None:
    taken(stack)
    age(stack, "nightly", hours=25)


def only_unverified(stack: Stack) -> None:
    taken(stack)
    (snapshots.folder_of(stack, "nightly") / snapshots.VERIFIED).unlink()


def only_damaged(stack: Stack) -> None:
    copy = taken(stack).folder / "files" / "data" / "main.duckdb"
    whole = bytearray(copy.read_bytes())
    whole[5000] ^= 255
    copy.write_bytes(whole)
    assert snapshots.verify(stack, "nightly")


def only_incomplete(stack: Stack) -> None:
    (taken(stack).folder / "files" / "data" / "state.duckdb").unlink()


def cut_short(stack: Stack) -> None:
    copy = taken(stack).folder / "files" / "data" / "main.duckdb"
    copy.write_bytes(copy.read_bytes()[:-4096])


def data_changed(stack: Stack) -> None:
    taken(stack)
    write(stack.databases["marts"], "insert into t values (2)")


def state_changed(stack: Stack) -> None:
    taken(stack)
    write(stack.root / "data" / "state.duckdb", "insert into t values (2)")


def wal_left(stack: Stack) -> None:
    taken(stack)
    file = str(stack.databases["marts"])
    script = f"import duckdb, os; c = duckdb.connect({file!r}); c.execute('insert into t values (3)'); os._exit(9)"
    subprocess.run([sys.executable, "-c", script], check=False)
    assert stack.databases["marts"].with_name("main.duckdb.wal").stat().st_size


def database_gone(stack: Stack) -> None:
    taken(stack)
    stack.databases["marts"].unlink()


def database_exchanged(stack: Stack) -> None:
    taken(stack)
    other = stack.root / "other.duckdb"
    write(other, "create table t as select 9 as x")
    os.utime(other, (0, 0))
    other.rename(stack.databases["marts"])


def of_another_stack(stack: Stack) -> None:
    """Its snapshots were copied here, and are newer than anything in this one."""
    other = stack.root.parent / "other"
    shutil.copytree(stack.root, other)
    write(other / "data" / "main.duckdb", "insert into t values (7)")
    time_of_old = 1_000_000_000
    taken(find(other))
    shutil.copytree(other / ".ops", stack.root / ".ops", dirs_exist_ok=True)
    for file in (stack.root / "data").iterdir():
        os.utime(file, (time_of_old, time_of_old))


def changed_while_it_was_written(stack: Stack) -> None:
    """A writer came in after the copy, before the manifest had its time."""
    taken(stack)
    write(stack.databases["marts"], "insert into t values (2)")
    age(stack, "nightly", seconds=-1)


def clock_set_back(stack: Stack) -> None:
    taken(stack)
    write(stack.databases["marts"], "insert into t values (2)")
    age(stack, "nightly", minutes=-4)


def from_the_future(stack: Stack) -> None:
    taken(stack)
    age(stack, "nightly", hours=-3)


def forensic(stack: Stack) -> None:
    snapshots.create(stack, "broken", why="a test", links=())


REFUSED = [
    (nothing, "there is no snapshot"),
    (only_old, "25 hours old; 24 hours is the limit"),
    (only_unverified, "was never verified"),
    (only_damaged, "nightly is damaged"),
    (only_incomplete, "data/state.duckdb is missing or has another size"),
    (cut_short, "data/main.duckdb is missing or has another size"),
    (data_changed, "data/main.duckdb changed after"),
    (state_changed, "data/state.duckdb changed after"),
    (wal_left, "data/main.duckdb.wal changed after"),
    (database_gone, "data/main.duckdb changed after"),
    (database_exchanged, "data/main.duckdb changed after"),
    (of_another_stack, "data/main.duckdb changed after"),
    (changed_while_it_was_written, "data/main.duckdb changed after"),
    (clock_set_back, "data/main.duckdb changed after"),
    (from_the_future, "there is no snapshot"),
    (forensic, "there is no snapshot"),
]


@pytest.mark.parametrize(("spoil", "reason"), REFUSED, ids=[spoil.__name__ for spoil, _ in REFUSED])
def test_refused(plain: Stack, spoil: Callable[[Stack], None], reason: str) -> None:
    spoil(plain)
    with pytest.raises(Refused, match=r"invoke snapshot\.create --name=pre_restate_") as refused:
        permit(plain)
    assert reason in refused.value.reason
    assert isinstance(refused.value, Unprotected)


def test_the_command_that_is_told_mends_it(plain: Stack) -> None:
    with pytest.raises(Refused) as refused:
        permit(plain)
    words = refused.value.way_out.split()
    command = [sys.executable, "-m", "invoke", *words[1:], f"--stack={plain.root}"]
    subprocess.run(command, check=True, capture_output=True)
    assert permit(plain).snapshot == words[-1].removeprefix("--name=")


def test_a_copy_that_only_looks_changed_is_none(plain: Stack) -> None:
    taken(plain)
    os.utime(plain.databases["marts"])
    assert permit(plain).snapshot == "nightly"


def test_an_older_whole_snapshot_does_not_stand_in_for_a_newer_one(plain: Stack) -> None:
    taken(plain, "first")
    write(plain.databases["marts"], "insert into t values (2)")
    taken(plain, "second")
    assert permit(plain).snapshot == "second"


@pytest.mark.parametrize(("span", "fine"), [(timedelta(hours=1), False), (timedelta(hours=3), True)])
def test_max_age(plain: Stack, span: timedelta, fine: bool) -> None:
    taken(plain)
    age(plain, "nightly", hours=2)
    if fine:
        assert permit(plain, span).snapshot == "nightly"
    else:
        with pytest.raises(Refused, match="2 hours old; 60 minutes is the limit"):
            permit(plain, span)


def test_the_boundary_of_age(plain: Stack) -> None:
    made = taken(plain)
    limit = timedelta(hours=24)
    assert permit(plain, limit, now=made.created_at + limit).snapshot == "nightly"
    with pytest.raises(Refused, match="limit"):
        permit(plain, limit, now=made.created_at + limit + timedelta(seconds=1))


def stop(stack: Stack, **planned: object) -> Journal:
    journal = Journal(operations(stack.home) / "abc123")
    journal.append("planned", task="ops.backfill", title="a backfill", **planned)
    return journal


def test_a_stopped_operation_comes_first(plain: Stack) -> None:
    taken(plain)
    stop(plain, arguments={"snapshot": "nightly"}).close()
    with pytest.raises(Refused, match=r"invoke ops\.retry abc123, or invoke ops\.rollback abc123") as refused:
        permit(plain)
    assert not isinstance(refused.value, Unprotected)  # a snapshot would not mend it


def test_another_operation_is_running(plain: Stack) -> None:
    taken(plain)
    script = (
        "import sys; from pathlib import Path; from ops_tasks.operation import lock\n"
        f"with lock.held(Path({str(plain.home)!r}), 'ops.backfill', 'abc123'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdin
        other.stdout.readline()
        with pytest.raises(Busy, match=rf"ops.backfill abc123 is running \(PID {other.pid}\)"):
            permit(plain)
        other.stdin.close()


def test_an_operation_goes_by_its_own_snapshot(plain: Stack) -> None:
    journal = stop(plain, arguments={"snapshot": "pre_it"})
    with lock.held(plain.home, "ops.backfill", "abc123"):
        with pytest.raises(Refused, match="has taken no snapshot yet"):
            permit(plain)
        taken(plain, "pre_it")
        write(plain.databases["marts"], "insert into t values (2)")
        assert permit(plain).snapshot == "pre_it"
    journal.close()
    with pytest.raises(Refused, match="abc123 is stopped"):
        permit(plain)


def test_an_override_has_to_say_why_and_is_remembered(plain: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_RESTATE_OVERRIDE", "  ")
    with pytest.raises(Refused):
        permit(plain)
    monkeypatch.setenv("OPS_RESTATE_OVERRIDE", "the disk is full")
    given = permit(plain)
    assert given.override == "the disk is full"
    assert "there is no snapshot" in given.words
    (record,) = history(plain.home)
    assert record.status == "noted"
    assert record.planned["arguments"]["reason"] == "the disk is full"
    assert "there is no snapshot" in record.planned["arguments"]["refused"]


def test_an_override_that_is_not_needed_is_not_used(plain: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    taken(plain)
    monkeypatch.setenv("OPS_RESTATE_OVERRIDE", "just in case")
    assert permit(plain).override == ""
    assert history(plain.home) == []


def test_an_override_does_not_open_a_busy_stack(plain: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_RESTATE_OVERRIDE", "never mind")
    script = (
        "import sys; from pathlib import Path; from ops_tasks.operation import lock\n"
        f"with lock.held(Path({str(plain.home)!r}), 'ops.backfill', 'abc123'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdin
        other.stdout.readline()
        with pytest.raises(Busy):
            permit(plain)
        other.stdin.close()


@pytest.mark.parametrize("words", ["24", "soon", "-1h", "90min", ""])
def test_a_bad_max_age_names_file_and_key(plain: Stack, words: str) -> None:
    plain.file.write_text(CONFIG.replace("24h", f"'{words}'"))
    with pytest.raises(UsageError, match=r"invoke\.yaml:5: ops.guard.max_age") as wrong:
        find(plain.root)
    assert isinstance(wrong.value, OpsError)


def test_an_override_cannot_be_rolled_back(plain: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_RESTATE_OVERRIDE", "a test")
    permit(plain, now=datetime.now(UTC))
    (record,) = history(plain.home)
    command = [sys.executable, "-m", "invoke", "ops.rollback", record.operation, "--yes", f"--stack={plain.root}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert "is a note, no operation of its own" in ran.stderr
