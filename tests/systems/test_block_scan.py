"""Block checksums: no false alarm on healthy files, no damage missed."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.systems.block_scan import BLOCK, HEADER, HEADERS, Scan, scan

NOT_ONE = "not a DuckDB database file"
HEALTHY = {
    "empty": [],
    "one table": ["CREATE TABLE t AS SELECT range AS n FROM range(10)"],
    "many blocks": ["CREATE TABLE t AS SELECT range AS n, hash(range)::VARCHAR AS x FROM range(200_000)"],
    "deletes and updates": [
        "CREATE TABLE t AS SELECT range AS n, hash(range)::VARCHAR AS x FROM range(200_000)",
        "CHECKPOINT",
        "DELETE FROM t WHERE n % 3 = 0",
        "UPDATE t SET x = 'u' || x WHERE n % 5 = 0",
        "CHECKPOINT",
    ],
    "free blocks": [
        "CREATE TABLE t AS SELECT hash(range) AS x FROM range(200_000)",
        "CREATE TABLE u AS SELECT * FROM t",
        "CHECKPOINT",
        "DROP TABLE t",
        "CHECKPOINT",
    ],
    "indexes and views": [
        "CREATE TABLE t (n BIGINT PRIMARY KEY, x VARCHAR)",
        "INSERT INTO t SELECT range, hash(range)::VARCHAR FROM range(50_000)",
        "CREATE INDEX i ON t (x)",
        "CREATE VIEW v AS SELECT * FROM t",
    ],
}


def scanned(path: Path) -> Scan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan(descriptor)
    finally:
        os.close(descriptor)


def make(path: Path, statements: list[str]) -> Path:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def flip(path: Path, offset: int, bit: int = 0) -> None:
    """Turn one bit of a file over."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("scan") / "x.duckdb", HEALTHY["deletes and updates"])


@pytest.mark.parametrize("statements", HEALTHY.values(), ids=HEALTHY)
def test_healthy(tmp_path: Path, statements: list[str]) -> None:
    path = make(tmp_path / "x.duckdb", statements)
    found = scanned(path)
    assert (found.problem, found.bad_blocks) == ("", ())
    assert found.blocks == (path.stat().st_size - HEADERS) // BLOCK
    assert found.storage_version == 64
    assert found.written_by == f"v{duckdb.__version__}"


def test_a_bit_in_every_block_is_found(database: Path) -> None:
    blocks = scanned(database).blocks
    assert blocks > 5
    for block in range(blocks):
        offset = HEADERS + block * BLOCK + (block * 7919) % BLOCK
        flip(database, offset, block % 8)
        assert scanned(database).bad_blocks == (block,)
        flip(database, offset, block % 8)
    assert scanned(database).bad_blocks == ()


def test_several_bad_blocks_are_all_named(database: Path) -> None:
    last = scanned(database).blocks - 1
    offsets = [HEADERS + block * BLOCK + BLOCK - 1 for block in (0, 2, last)]
    for offset in offsets:
        flip(database, offset)
    assert scanned(database).bad_blocks == (0, 2, last)
    for offset in offsets:
        flip(database, offset)


@settings(deadline=None, max_examples=150)
@given(offset=st.integers(0, HEADERS - 1), bit=st.integers(0, 7))
def test_a_bit_in_any_header_is_found(database: Path, offset: int, bit: int) -> None:
    flip(database, offset, bit)
    try:
        assert scanned(database).problem
    finally:
        flip(database, offset, bit)


@pytest.mark.parametrize("header", [0, 1, 2])
def test_duckdb_opens_no_file_with_a_bad_header(tmp_path: Path, header: int) -> None:
    """That is why the older one of the two database headers has to be sound as well."""
    path = make(tmp_path / "x.duckdb", HEALTHY["one table"])
    flip(path, HEADER * header + 2000)
    with pytest.raises(duckdb.Error, match="checksum"):
        duckdb.connect(path, read_only=True)
    assert scanned(path).problem == "header checksum does not match"


@pytest.mark.parametrize("missing", [1, BLOCK // 2, BLOCK, 2 * BLOCK + 1])
def test_blocks_that_the_file_does_not_have_are_counted(tmp_path: Path, missing: int) -> None:
    path = make(tmp_path / "x.duckdb", HEALTHY["many blocks"])
    blocks = scanned(path).blocks
    os.truncate(path, path.stat().st_size - missing)
    gone = -(-missing // BLOCK)
    assert (scanned(path).blocks, scanned(path).missing) == (blocks, gone)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", NOT_ONE, id="empty"),
        pytest.param(b"\0" * HEADERS * 2, NOT_ONE, id="zeros"),
        pytest.param(b"SQLite format 3\0" * 4096, NOT_ONE, id="another database"),
        pytest.param(b"\0" * 8 + b"DUCK", NOT_ONE, id="only a beginning"),
        pytest.param(b"\0" * 8 + b"DUCK" + b"\0" * HEADERS, "header checksum does not match", id="a torn file"),
    ],
)
def test_no_duckdb_file(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(content)
    found = scanned(path)
    assert found.problem == problem
    assert found.blocks == 0


def test_a_damaged_block_that_a_select_does_not_see(tmp_path: Path) -> None:
    path = make(tmp_path / "x.duckdb", HEALTHY["many blocks"])
    block = scanned(path).blocks // 2
    flip(path, HEADERS + block * BLOCK + 4321)
    with duckdb.connect(path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(200_000,)]
    assert scanned(path).bad_blocks == (block,)
