"""Broken files: DuckDB says what each break promises, and every other file is as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

from sandbox import breaks, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.breaks import flip_bytes
from sandbox.errors import UsageError
from sandbox.namespace import namespace
from tests.conftest import Ran, finish

CORRUPT = "Corrupt database file"
SHORT = "Could not read enough bytes"
REPLAY = "Failure while replaying WAL"
VERSION = "database file with version number"
LOCK = "Could not set lock"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")


def hashes(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest() for file in files}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def error_of(folder: Path, file: str) -> str:
    """What a full scan of a database says, without the sandbox's own words."""
    path = str(folder / "data" / f"{file}.duckdb")
    names = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
    try:
        with duckdb.connect(path, read_only=True) as connection:
            for schema, table in connection.execute(names).fetchall():
                connection.execute(f'SELECT sum(hash(t)) FROM "{schema}"."{table}" AS t').fetchall()
    except duckdb.Error as error:
        return str(error)
    return ""


def invoke(folder: Path, *words: str) -> Ran:
    return finish([sys.executable, "-m", "invoke", *words, f"--dir={folder}", "--json"])


@pytest.mark.parametrize(
    ("name", "options", "told", "gone"),
    [
        ("flip-bytes", {}, CORRUPT, False),
        ("flip-bytes", {"file": "sqlmesh_state", "seed": 7}, CORRUPT, False),
        ("flip-bytes", {"file": "raw_usgs", "where": "header"}, CORRUPT, False),
        ("flip-bytes", {"file": "raw_ebird", "where": "free"}, "", False),
        ("truncate", {}, SHORT, False),
        ("truncate", {"file": "sqlmesh_state"}, SHORT, False),
        ("truncate", {"file": "raw_noaa", "keep": 90}, SHORT, False),
        ("zero-file", {"file": "raw_ebird"}, "0", False),
        ("lost-file", {"file": "raw_usgs"}, "database does not exist", True),
        ("lost-state", {}, "database does not exist", True),
        ("newer-storage", {}, VERSION, False),
    ],
)
def test_a_broken_file(pinned: Path, name: str, options: dict[str, object], told: str, gone: bool) -> None:
    file = str(options.get("file", "sqlmesh_state" if name == "lost-state" else "databox"))
    path = pinned / "data" / f"{file}.duckdb"
    before = hashes(pinned)

    broken = breaks.apply(name, pinned, **options)

    assert broken.facts["file"] == f"data/{file}.duckdb"
    assert changed(before, hashes(pinned)) == {f"data/{file}.duckdb"}
    assert path.exists() != gone
    if name == "zero-file":
        assert path.stat().st_size == 0
    else:
        assert (told in error_of(pinned, file)) if told else error_of(pinned, file) == ""
    if options.get("where") == "free":
        assert stacks.truth(pinned) == []


def test_the_same_seed_flips_the_same_byte_of_the_named_table(pinned: Path) -> None:
    file = pinned / "data" / "raw_ebird.duckdb"
    whole = file.read_bytes()
    first = breaks.apply("flip-bytes", pinned, file="raw_ebird", seed=3)
    rotten = file.read_bytes()
    assert [n for n in range(len(whole)) if whole[n] != rotten[n]] == [first.facts["offset"]]
    assert first.facts["table"] in first.facts["tables"]
    with pytest.raises(UsageError, match="broken already"):
        breaks.apply("truncate", pinned, file="raw_ebird")
    flip_bytes.flip(file, first.facts["offset"])
    assert file.read_bytes() == whole
    assert breaks.apply("flip-bytes", pinned, file="raw_ebird", seed=3) == first


def test_the_wal_of_another_database_keeps_duckdb_out(pinned: Path) -> None:
    before = hashes(pinned)
    broken = breaks.apply("stale-wal", pinned, file="raw_noaa")
    assert changed(before, hashes(pinned)) == {broken.facts["wal"]} == {"data/raw_noaa.duckdb.wal"}
    assert REPLAY in error_of(pinned, "raw_noaa")
    with pytest.raises(UsageError, match="is there already"):
        breaks.apply("stale-wal", pinned, file="raw_noaa")
    breaks.apply("lost-file", pinned, file="raw_noaa")
    assert not (pinned / "data" / "raw_noaa.duckdb.wal").exists(), "a lost file takes its WAL along"


def test_a_held_file_is_locked_until_it_is_let_go(pinned: Path, tmp_path: Path) -> None:
    before = hashes(pinned / "data")
    try:
        done = invoke(pinned, "sandbox.break", "locked")
        assert done.code == 0, done.err
        pid = done.document["pid"]
        assert json.loads((pinned / done.document["pid_file"]).read_text())["pid"] == pid
        assert f"(PID {pid})" in error_of(pinned, "databox")
        with pytest.raises(UsageError, match=LOCK):
            breaks.apply("locked", pinned)

        copy = stacks.copy(pinned, tmp_path / "copy")
        assert breaks.apply("unlock", copy).facts["files"] == []
        assert LOCK in error_of(pinned, "databox"), "the original is still held"

        assert breaks.apply("unlock", pinned).facts["files"] == ["data/databox.duckdb"]
        assert error_of(pinned, "databox") == ""
        breaks.apply("locked", pinned, file="raw_usgs")
        assert LOCK in error_of(pinned, "raw_usgs")
    finally:
        stacks.down(pinned)
    assert error_of(pinned, "raw_usgs") == ""
    assert server.alive(pinned) is None
    assert hashes(pinned / "data") == before


def test_a_disk_of_ordinary_size_is_never_filled(pinned: Path) -> None:
    before = hashes(pinned)
    done = invoke(pinned, "sandbox.break", "disk-full")
    assert done.code == 2
    assert "mount -t tmpfs" in done.err
    assert hashes(pinned) == before


@pytest.fixture
def small(pinned_source: Path, tmp_path: Path) -> Iterator[Path]:
    """A stack on a disk of 24 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)], check=True)
    try:
        yield stacks.copy(pinned_source, mount / "stack")
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


@AS_ROOT
def test_a_small_disk_is_full(small: Path) -> None:
    before = hashes(small)
    try:
        done = invoke(small, "sandbox.break", "disk-full", "--leave=100")
        assert done.code == 0, done.err
    finally:
        server.stop(small)
    room = os.statvfs(small)
    assert 0 < room.f_bfree * room.f_frsize <= 110 * 1024
    with pytest.raises(OSError, match="No space left"), (small / "data" / "more").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65_536)
    (small / "data" / "more").unlink()
    (small / done.document["file"]).unlink()
    assert {name for name in changed(before, hashes(small)) if not name.startswith(states.FOLDER)} == set()


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("bad-window", {"file": "databox"}, "bad-window takes no --file; it takes --start, --end, --mode"),
        ("lost-state", {"file": "sqlmesh_state"}, "lost-state takes no --file; it takes no options"),
        ("zero-file", {"keep": 1}, "zero-file takes no --keep"),
        ("flip-bytes", {"where": "fre"}, "did you mean 'free'"),
        ("flip-bytes", {"file": "data"}, "did you mean 'databox'"),
        ("truncate", {"keep": 0}, "from 1 to 99"),
        ("disk-full", {"leave": 1}, "at least 16"),
        ("lost-wal", {"file": "raw_noaa"}, "did you mean 'raw_ebird'"),
        ("old-data-new-state", {"days": 44}, "1 to 43"),
        ("dropped-view", {"table": "ebird.fct_daily_bird"}, "did you mean 'ebird.fct_daily_bird_observations'"),
    ],
)
def test_a_wrong_request_is_refused_by_name(
    pinned_source: Path, name: str, options: dict[str, object], told: str
) -> None:
    before = hashes(pinned_source)
    with pytest.raises(UsageError, match=told):
        breaks.apply(name, pinned_source, **options)
    assert hashes(pinned_source) == before


def test_the_command_line_refuses_what_an_incident_does_not_know(pinned_source: Path) -> None:
    for words, told in (
        (["zero-file", "--seed=1"], "zero-file takes no --seed"),
        (["truncate", "--keep=half"], "--keep: 'half' is not a whole number"),
        (["no-such-incident"], "unknown incident"),
    ):
        done = invoke(pinned_source, "sandbox.break", *words)
        assert (done.code, told in done.err) == (2, True), done.err
    assert server.alive(pinned_source) is None


def test_the_help_has_a_line_for_every_incident() -> None:
    lines = (cast("Any", namespace.tasks)["break"].__doc__ or "").splitlines()
    told = {line.strip().partition(":")[0] for line in lines}
    assert breaks.registry().keys() - {"unlock"} <= told


def test_a_lost_file_can_be_told_from_the_command_line(pinned: Path) -> None:
    done = invoke(pinned, "sandbox.break", "lost-file", "--file=raw_noaa")
    server.stop(pinned)
    assert (done.code, done.document["removed"]) == (0, ["data/raw_noaa.duckdb"])
    with pytest.raises(UsageError, match="is not there any more"):
        breaks.apply("zero-file", pinned, file="raw_noaa")
