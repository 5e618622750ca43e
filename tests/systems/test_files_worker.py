"""Copies and renames of a state set: the functions a worker runs, called in this process."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import Busy, StepFailed
from ops_tasks.stack import Stack
from ops_tasks.systems import files_worker
from ops_tasks.systems.files_worker import copy_set, holders, publish, scan_files, stamps, verify
from ops_tasks.systems.restoring_worker import restore

ROOT = Path(__file__).resolve().parents[2]
FILES = ["data/databox.duckdb", "data/raw.duckdb", "data/state.duckdb"]
FOLDERS = ["data/dlt/ebird"]
STATE = "data/dlt/ebird/state.json"


def take(stack: Stack) -> str:
    """A published copy of the whole set."""
    making, final = stack.root / ".making", stack.root / "taken"
    entries = copy_set(str(stack.root), str(making / "files"), FILES, FOLDERS)
    manifest = {"files": entries, "databases": FILES, "folders": FOLDERS, "directories": []}
    publish(str(making), str(final), manifest)
    return str(final)


def contents(folder: Path) -> dict[str, str]:
    """Path -> hash of every file below the data folder."""
    found = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found}


def back(stack: Stack, taken: str, **options: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {"quarantine": str(stack.root / "quarantine"), "consume": False} | options
    return restore(taken, str(stack.root), **arguments)


def spoil(stack: Stack) -> None:
    """What a failed operation leaves: changed, new, missing."""
    for name in ("databox", "raw"):
        with duckdb.connect(stack.root / "data" / f"{name}.duckdb") as connection:
            connection.execute("UPDATE t SET h = 0")
    (stack.root / "data/state.duckdb").unlink()
    (stack.root / STATE).write_text('{"cursor": 2}')
    (stack.root / "data/dlt/ebird/new.json").write_text("{}")
    (stack.root / "data/dlt/ebird/schemas/ebird.json").unlink()


def test_round_trip(small: Stack) -> None:
    before = contents(small.root)
    taken = take(small)
    assert contents(Path(taken) / "files") == before
    assert verify(taken)["problems"] == []
    spoil(small)
    spoiled = contents(small.root)
    done = back(small, taken)
    assert contents(small.root) == before
    assert done["identical"]
    aside = contents(small.root / "quarantine")
    assert aside.items() <= spoiled.items()
    assert set(aside) == {"data/databox.duckdb", "data/raw.duckdb", STATE, "data/dlt/ebird/new.json"}
    assert verify(taken)["problems"] == []


def test_what_is_right_is_left_alone(small: Stack) -> None:
    taken = take(small)
    before = {path: (small.root / path).stat() for path in FILES}
    assert back(small, taken)["replaced"] == []
    after = {path: (small.root / path).stat() for path in FILES}
    assert {p: (s.st_ino, s.st_mtime_ns) for p, s in after.items()} == {
        p: (s.st_ino, s.st_mtime_ns) for p, s in before.items()
    }


def test_consumed_files_are_moved(small: Stack) -> None:
    before = contents(small.root)
    taken = take(small)
    spoil(small)
    back(small, taken, consume=True)
    assert contents(small.root) == before
    assert contents(Path(taken) / "files").keys() == set()
    assert (Path(taken) / "consumed.json").exists()
    back(small, taken, consume=True)
    assert contents(small.root) == before


def test_the_quarantine_overwrites_nothing(small: Stack) -> None:
    taken = take(small)
    for age in range(3):
        (small.root / STATE).write_text(f"age {age}")
        back(small, taken)
    aside = small.root / "quarantine" / "data/dlt/ebird"
    assert sorted(path.read_text() for path in aside.iterdir()) == ["age 0", "age 1", "age 2"]


def test_only_some_of_the_set(small: Stack) -> None:
    before = contents(small.root)
    taken = take(small)
    spoil(small)
    spoiled = contents(small.root)
    back(small, taken, only=["data/raw.duckdb", *FOLDERS])
    after = contents(small.root)
    assert after["data/databox.duckdb"] == spoiled["data/databox.duckdb"]
    assert "data/state.duckdb" not in after
    assert {path: after[path] for path in before if "raw" in path or "dlt" in path}.items() <= before.items()
    assert "data/dlt/ebird/new.json" not in after


@pytest.fixture
def logged(small: Stack, writing: Any) -> Stack:
    """The same after a writer was killed: what it did last is in the WAL alone."""
    with writing(small.root / "data/raw.duckdb", "INSERT INTO t VALUES (-1, 42)") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (small.root / "data/raw.duckdb.wal").stat().st_size > 0
    return small


def count(path: Path) -> int:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM t WHERE n = -1").fetchall()[0][0]


@pytest.mark.parametrize("only", [None, ["data/raw.duckdb"]], ids=["the whole set", "one database"])
def test_a_wal_is_part_of_its_database(logged: Stack, only: list[str] | None) -> None:
    before = contents(logged.root)
    taken = take(logged)
    assert verify(taken)["problems"] == []
    with duckdb.connect(logged.root / "data/raw.duckdb") as connection:
        connection.execute("DELETE FROM t")
    assert not (logged.root / "data/raw.duckdb.wal").exists()
    back(logged, taken, only=only)
    assert contents(logged.root) == before
    assert count(logged.root / "data/raw.duckdb") == 1


def test_a_stale_wal_is_put_aside(small: Stack, writing: Any) -> None:
    before = contents(small.root)
    taken = take(small)
    with writing(small.root / "data/raw.duckdb", "INSERT INTO t VALUES (-1, 42)") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "data/raw.duckdb.wal" in back(small, taken)["replaced"]
    assert contents(small.root) == before
    assert count(small.root / "data/raw.duckdb") == 0
    assert (small.root / "quarantine/data/raw.duckdb.wal").exists()


def test_a_database_that_was_not_there_is_put_aside(small: Stack) -> None:
    (small.root / "data/raw.duckdb").rename(small.root / "elsewhere")
    taken = take(small)
    (small.root / "elsewhere").rename(small.root / "data/raw.duckdb")
    assert back(small, taken)["replaced"] == ["data/raw.duckdb"]
    assert (small.root / "quarantine/data/raw.duckdb").exists()


def test_a_foreign_writer_is_named_and_nothing_happens(small: Stack, writing: Any) -> None:
    taken = take(small)
    spoil(small)
    before = contents(small.root)
    with writing(small.root / "data/raw.duckdb") as process:
        assert [
            (Path(found["file"]).name, found["pid"]) for found in holders([str(small.root / f) for f in FILES])
        ] == [("raw.duckdb", process.pid)]
        with pytest.raises(Busy, match=rf"raw\.duckdb is held by PID {process.pid}, .*python"):
            copy_set(str(small.root), str(small.root / "copies"), FILES, FOLDERS)
        with pytest.raises(Busy, match=f"PID {process.pid}"):
            back(small, taken)
    assert contents(small.root) == before
    assert not (small.root / "copies").exists()
    assert not (small.root / "quarantine").exists()


READ = (
    "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True); sys.stdin.read()"
)


def test_a_foreign_reader_does_not_keep_from_copying_but_from_restoring(small: Stack) -> None:
    command = [sys.executable, "-c", READ, str(small.root / "data/raw.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        taken = take(small)
        with pytest.raises(Busy, match=f"PID {process.pid}"):
            back(small, taken)
        process.communicate()
    assert back(small, taken)["identical"]


@pytest.mark.parametrize(
    ("path", "act", "problem"),
    [
        pytest.param(
            "data/raw.duckdb", "flip", "raw.duckdb has changed since it was taken", id="one bit of a database"
        ),
        pytest.param(STATE, "flip", "state.json has changed since it was taken", id="one bit of a working state"),
        pytest.param("data/raw.duckdb", "cut", "raw.duckdb has ", id="shorter"),
        pytest.param(STATE, "remove", "state.json is missing", id="gone"),
    ],
)
@pytest.mark.parametrize("consume", [False, True])
def test_a_damaged_snapshot_is_found_and_never_put_in_place(
    small: Stack, path: str, act: str, problem: str, consume: bool
) -> None:
    taken = take(small)
    assert verify(taken)["problems"] == []
    assert (Path(taken) / "verified.json").exists()
    copy = Path(taken) / "files" / path
    content = copy.read_bytes()
    if act == "remove":
        copy.unlink()
    else:
        copy.write_bytes(content[:-1] if act == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    found = verify(taken)["problems"]
    assert len(found) == 1
    assert problem in found[0]
    assert not (Path(taken) / "verified.json").exists()
    spoil(small)
    before = contents(small.root)
    with pytest.raises(StepFailed, match=f"the snapshot is damaged: {path}"):
        back(small, taken, consume=consume)
    assert contents(small.root) == before


def test_a_file_that_the_disk_does_not_give_is_a_problem_like_any_other(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = take(small)

    def broken(descriptor: int) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files_worker, "sha256", broken)
    problems = verify(taken)["problems"]
    assert "data/raw.duckdb cannot be read (Input/output error)" in problems
    assert not (Path(taken) / "verified.json").exists()
    assert json.loads((Path(taken) / "damaged.json").read_text())["problems"] == problems


@pytest.mark.parametrize("consume", [False, True])
def test_every_file_is_found_right_before_any_is_moved(small: Stack, consume: bool) -> None:
    """One damaged file keeps all others where they are, in the snapshot and beside their places."""
    taken = take(small)
    spoil(small)
    copy = Path(taken) / "files" / STATE
    copy.write_text("damage")
    before, stored = contents(small.root), contents(Path(taken) / "files")
    with pytest.raises(StepFailed, match=f"the snapshot is damaged: {STATE} "):
        back(small, taken, consume=consume)
    assert contents(small.root) == before
    assert contents(Path(taken) / "files") == stored
    assert not (Path(taken) / "consumed.json").exists()


def test_a_damaged_copy_of_a_file_that_is_right_is_in_nobody_s_way(small: Stack) -> None:
    before = contents(small.root)
    taken = take(small)
    (small.root / STATE).write_text("other")
    (Path(taken) / "files/data/raw.duckdb").write_bytes(b"damage")
    assert back(small, taken)["replaced"] == [STATE]
    assert contents(small.root) == before


def test_a_change_that_keeps_the_size_is_seen(small: Stack) -> None:
    """Also where the headers are the same: no checkpoint of DuckDB leaves them so."""
    before = contents(small.root)
    taken = take(small)
    for path in ("data/databox.duckdb", "data/raw.duckdb"):
        with (small.root / path).open("r+b") as file:
            file.seek(100_000 if "raw" in path else 5000)
            file.write(b"damage")
    assert back(small, taken)["replaced"] == ["data/databox.duckdb", "data/raw.duckdb"]
    assert contents(small.root) == before


def test_a_snapshot_of_before_headers_were_hashed(small: Stack) -> None:
    before = contents(small.root)
    taken = take(small)
    manifest = json.loads((Path(taken) / "manifest.json").read_text())
    for entry in manifest["files"]:
        entry.pop("head", None)
    (Path(taken) / "manifest.json").write_text(json.dumps(manifest))
    with duckdb.connect(small.root / "data/raw.duckdb") as connection:
        connection.execute("UPDATE t SET h = 0 WHERE n = 3")
    assert back(small, taken)["replaced"] == ["data/raw.duckdb"]
    assert contents(small.root) == before


@pytest.mark.parametrize("present", [0o664, 0o640, None], ids=["opened", "closed", "gone"])
@pytest.mark.parametrize("consume", [False, True])
def test_who_could_read_a_file_can_read_it_again(consume: bool, present: int | None, small: Stack) -> None:
    """What is there now says it, or the snapshot, where nothing is there."""
    live = small.root / "data" / "raw.duckdb"
    live.chmod(0o604)
    taken = take(small)
    if present is None:
        live.unlink()
    else:
        live.write_bytes(b"broken")
        live.chmod(present)
    back(small, taken, consume=consume)
    assert live.stat().st_mode & 0o777 == (0o604 if present is None else present)


KILLED = """
import os, signal, sys
from pathlib import Path
from ops_tasks.systems import restoring_worker
taken, root, consume, wanted = sys.argv[1], sys.argv[2], sys.argv[3] == "True", int(sys.argv[4])
seen = 0
rename = Path.rename
def counted(self, target):
    global seen
    seen += 1
    if seen == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = counted
restoring_worker.restore(taken, root, root + "/quarantine", consume)
"""


@pytest.mark.parametrize("consume", [False, True])
def test_killed_before_any_rename_and_repeated(small: Stack, consume: bool) -> None:
    """The second try may be of the other kind: a rollback after a put-back that was killed."""
    before = contents(small.root)
    for number in itertools.count(1):
        taken = take(small)
        spoil(small)
        command = [sys.executable, "-c", KILLED, taken, str(small.root), str(consume), str(number)]
        code = subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode
        if code == 0:
            assert contents(small.root) == before
            assert number > 6
            return
        assert code == -signal.SIGKILL
        back(small, taken, consume=consume if number % 2 else not consume)
        assert contents(small.root) == before
        for path in (Path(taken), small.root / "quarantine"):
            shutil.rmtree(path, ignore_errors=True)


class NoRoom:
    """A disk that is full for some of the files."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.real = os.copy_file_range

    def __call__(self, source: int, target: int, *rest: int) -> int:
        if Path(f"/proc/self/fd/{target}").readlink().name in self.names:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real(source, target, *rest)


def test_a_full_disk_while_restoring_moves_instead(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(small.root)
    taken = take(small)
    spoil(small)
    monkeypatch.setattr(os, "copy_file_range", NoRoom(".databox.duckdb.ops-new"))
    back(small, taken)
    assert contents(small.root) == before
    assert (Path(taken) / "consumed.json").exists()


def test_a_full_disk_while_restoring_a_part_uses_nothing_up(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the operation may fail, and then the snapshot has to be whole."""
    taken = take(small)
    spoil(small)
    before = contents(small.root)
    monkeypatch.setattr(os, "copy_file_range", NoRoom(".raw.duckdb.ops-new"))
    with pytest.raises(OSError, match="No space left"):
        back(small, taken, only=["data/raw.duckdb"])
    assert contents(small.root) == before
    assert verify(taken)["problems"] == []


def test_a_full_disk_while_copying_is_told(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(small.root)
    monkeypatch.setattr(os, "copy_file_range", NoRoom("raw.duckdb"))
    with pytest.raises(OSError, match="No space left"):
        take(small)
    assert contents(small.root) == before


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_the_kernel_cannot_copy_a_buffer_does(small: Stack, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def cannot(*_: int) -> int:
        raise OSError(number, "cannot")

    monkeypatch.setattr(os, "copy_file_range", cannot)
    taken = take(small)
    monkeypatch.undo()
    assert contents(Path(taken) / "files") == contents(small.root)


def test_dlt_may_have_more_files_than_a_process_may_open(small: Stack) -> None:
    """dlt keeps every load package it has loaded."""
    folder = small.root / "data/dlt/ebird/loaded"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.json").write_text(str(number))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        taken = take(small)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert contents(Path(taken) / "files") == contents(small.root)


def test_stamps_are_of_everything(logged: Stack) -> None:
    found = stamps(str(logged.root), FILES, FOLDERS)
    assert found == contents(logged.root)
    (logged.root / STATE).write_text("{}")
    changed: Mapping[str, str] = stamps(str(logged.root), FILES, FOLDERS)
    assert {path for path in found if found[path] != changed[path]} == {STATE}


def test_copies_are_for_their_owner_only(small: Stack) -> None:
    taken = take(small)
    assert {path.stat().st_mode & 0o077 for path in (Path(taken) / "files").rglob("*") if path.is_file()} == {0}


def test_scan_files(small: Stack) -> None:
    path = str(small.root / "data/raw.duckdb")
    found = scan_files([path])[path]
    assert (found["problem"], found["bad_blocks"], found["missing_blocks"]) == ("", [], 0)
