"""What looks like damage and is none: what killed writers, logs and checkpoints leave in a healthy file."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.systems.block_scan import BLOCK, HEADERS, Scan, scan

MANY = "SELECT range AS n, hash(range)::VARCHAR AS word FROM range(400_000)"
LARGE = MANY.replace("400_000", "1_000_000")  # DuckDB (1.5) writes an open transaction's blocks from some size on
# Everything at once: optimistic writes, roll-backs, failures half-way, checkpoints.
BUSY = """
import duckdb, random, sys
dice = random.Random(int(sys.argv[2]))
connection = duckdb.connect(sys.argv[1])
connection.execute("SET threads = 4")
if dice.random() < 0.5:
    connection.execute("SET wal_autocheckpoint = '1TB'")
connection.execute("CREATE TABLE IF NOT EXISTS t (n BIGINT, word VARCHAR)")
rows = "SELECT range, hash(range)::VARCHAR FROM range({})"
while True:
    number = dice.choice([10, 130_000, 300_000])
    statements = dice.choice([
        [f"INSERT INTO t {rows.format(number)}"],
        ["BEGIN", f"INSERT INTO t {rows.format(number)}", "ROLLBACK"],
        ["CREATE TABLE u AS SELECT CASE WHEN range = 250000 THEN error('x') ELSE range END FROM range(300000)"],
        [f"DELETE FROM t WHERE n % {dice.randint(1, 4)} = 0"],
        ["UPDATE t SET word = 'u' || word WHERE n % 3 = 0"],
        [f"CREATE OR REPLACE TABLE v AS {rows.format(number)}"],
        ["CHECKPOINT"],
    ])
    for statement in statements:
        try:
            connection.execute(statement)
        except duckdb.Error:
            pass
        print("did", flush=True)
"""


def scanned(path: Path) -> Scan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> int:
    """Read everything, as DuckDB does; returns the rows."""
    rows = 0
    with duckdb.connect(path, read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows += connection.execute(f'SELECT count(*), sum(hash(t)) FROM "{table}" t').fetchall()[0][0]
    return rows


def made(path: Path, *statements: str) -> Path:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def overwrite(path: Path, block: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(HEADERS + block * BLOCK)
        file.write(content)


@pytest.mark.parametrize("seed", range(4))
def test_a_writer_that_is_killed_again_and_again(tmp_path: Path, seed: int) -> None:
    path, dice = tmp_path / "x.duckdb", random.Random(seed)  # noqa: S311
    for life in range(4):
        command = [sys.executable, "-c", BUSY, str(path), str(100 * seed + life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(dice.randint(2, 12)):
                process.stdout.readline()
            process.kill()
        found = scanned(path)
        assert (found.problem, found.damaged) == ("", ()), life
        read(path)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "SELECT 1"])
def test_blocks_of_a_killed_writer(tmp_path: Path, writing: Any, ending: str) -> None:
    """Large inserts write their blocks before they are committed, behind the last one that the header counts."""
    path = made(tmp_path / "x.duckdb", f"CREATE TABLE t AS {MANY} LIMIT 1000")
    with writing(path, "BEGIN", f"INSERT INTO t {LARGE}", ending) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert wal(path).exists() == (ending == "COMMIT")
    assert path.stat().st_size > HEADERS + (scanned(path).blocks + 3) * BLOCK
    assert (scanned(path).bad_blocks, scanned(path).doubtful, scanned(path).damaged) == ((), (), ())
    assert read(path) == (1_001_000 if ending == "COMMIT" else 1000)


def test_damage_that_only_a_log_makes_damage_is_doubtful(tmp_path: Path, writing: Any) -> None:
    """A committed insert may live in blocks that the header calls free, or does not count at all."""
    path = made(
        tmp_path / "x.duckdb",
        "CREATE TABLE t (n BIGINT, word VARCHAR)",
        f"CREATE TABLE u AS {MANY} LIMIT 100_000",
        "CHECKPOINT",
        "DROP TABLE u",
        "CREATE TABLE v AS SELECT 1 AS n",
        "CHECKPOINT",
    )
    with writing(path, f"INSERT INTO t {MANY}") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert wal(path).stat().st_size < 100_000
    counted = scanned(path).blocks
    inside, outside = 1, counted + 1
    for block in (inside, outside):
        copy = tmp_path / "copy.duckdb"
        shutil.copy(path, copy)
        shutil.copy(wal(path), wal(copy))
        overwrite(copy, block, b"damage!!")
        found = scanned(copy)
        assert (found.damaged, found.doubtful) == ((), (block,))
        with pytest.raises(duckdb.Error, match="checksum"):
            read(copy)


def test_zeros_where_a_block_was_never_written(tmp_path: Path) -> None:
    """A block that a killed transaction had been given and had not written: its successors were committed."""
    path, copy = tmp_path / "x.duckdb", tmp_path / "copy.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("SET wal_autocheckpoint = '1TB'")
        connection.execute("CREATE TABLE t (n BIGINT, word VARCHAR)")
        connection.execute("CREATE TABLE u (n BIGINT, word VARCHAR)")
        connection.execute("CHECKPOINT")
        first = scanned(path).blocks
        other = connection.cursor()
        other.execute("BEGIN")
        other.execute(f"INSERT INTO u {LARGE}")
        second = (path.stat().st_size - HEADERS) // BLOCK
        connection.execute(f"INSERT INTO t {MANY}")
        shutil.copy(path, copy)  # as a killed process leaves both
        shutil.copy(wal(path), wal(copy))
    assert second > first + 3
    lost = tuple(range(first, second))
    for block in lost:
        overwrite(copy, block, b"\0" * BLOCK)
    assert (scanned(copy).bad_blocks, scanned(copy).damaged, scanned(copy).beyond) == ((), (), lost)
    assert read(copy) == 400_000
    made(copy, "CHECKPOINT")
    found = scanned(copy)
    assert not wal(copy).exists()
    assert set(found.bad_blocks) <= set(lost)
    assert len(found.bad_blocks) > 2
    assert (found.free, found.damaged) == (found.bad_blocks, ())
    assert read(copy) == 400_000


def test_a_checkpoint_that_cuts_the_file(tmp_path: Path) -> None:
    """The header still counts the free blocks that are cut off behind it (DuckDB 1.5)."""
    path = made(
        tmp_path / "x.duckdb",
        "CREATE TABLE kept AS SELECT 1 AS n",
        "CHECKPOINT",
        f"CREATE TABLE t AS {MANY}",
        "CHECKPOINT",
        "DROP TABLE t",
        "CHECKPOINT",
    )
    found = scanned(path)
    assert found.missing > 3
    assert len(found.free) == found.missing
    assert (found.bad_blocks, found.damaged) == ((), ())
    assert read(path) == 1


@pytest.mark.parametrize("junk", [1, 4096, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_what_is_behind_the_end_is_harmless(tmp_path: Path, junk: int) -> None:
    path = made(tmp_path / "x.duckdb", f"CREATE TABLE t AS {MANY} LIMIT 50_000")
    healthy = scanned(path)
    with path.open("ab") as file:
        file.write(random.Random(junk).randbytes(junk))  # noqa: S311
    found = scanned(path)
    assert (found.blocks, found.bad_blocks, found.missing, found.damaged) == (healthy.blocks, (), 0, ())
    assert read(path) == 50_000
    made(path, f"INSERT INTO t {MANY}")
    assert (scanned(path).bad_blocks, scanned(path).damaged) == ((), ())
    assert read(path) == 450_000
