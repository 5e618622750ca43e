"""Two hundred corruptions of fixed seeds, each found in the very blocks that it touched, and what a bad block means."""

from __future__ import annotations

import lzma
import os
import random
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from ops_tasks.systems.block_scan import BLOCK, HEADERS, Scan, scan

FILES = Path(__file__).parent / "files"
ROWS = {"1 MB": 4_000, "8 MB": 130_000, "40 MB": 600_000}
CORRUPTIONS = {"1 MB": 60, "8 MB": 70, "40 MB": 70, "DuckDB 2.0": 60}
LENGTHS = {"bit": 1, "byte": 1, "page": 4096, "block": BLOCK}
STATEMENTS = (
    "CREATE TABLE facts AS SELECT range AS n, DATE '2026-01-01' + (range % 300)::INT AS day, "
    "hash(range)::VARCHAR AS word, sqrt(range) AS x, [range, range + 1] AS pair FROM range({rows})",
    "CREATE TABLE species (code VARCHAR PRIMARY KEY, name VARCHAR)",
    "INSERT INTO species SELECT 's' || range, repeat('bird ', 1 + range % 20) FROM range({rows} // 10)",
    "CREATE TABLE gone AS SELECT n FROM facts",
    "CHECKPOINT",
    "DROP TABLE gone",
    "DELETE FROM facts WHERE n % 11 = 0",
    "UPDATE facts SET word = 'changed' WHERE n % 97 = 0",
    "CHECKPOINT",
)


def scanned(path: Path) -> Scan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def corrupted(path: Path, offset: int, content: bytes) -> Generator[None]:
    """A file with other bytes at one place, and as it was before afterwards."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        before = os.pread(descriptor, len(content), offset)
        assert len(before) == len(content)
        assert before != content
        os.pwrite(descriptor, content, offset)
        yield
        os.pwrite(descriptor, before, offset)
    finally:
        os.close(descriptor)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corruptions")


@pytest.fixture(scope="module")
def made(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A file of the size (or of the version) that the test is called with."""
    path = folder / f"{request.param}.duckdb"
    if path.exists():  # made for another test, before one of another size
        return path
    if request.param in ROWS:
        with duckdb.connect(path) as connection:
            for statement in STATEMENTS:
                connection.execute(statement.format(rows=ROWS[request.param]))
    else:
        path.write_bytes(lzma.decompress((FILES / "duckdb-2.0.0.duckdb.xz").read_bytes()))
    return path


def corruption(path: Path, number: int) -> tuple[int, bytes]:
    """Where to write what: one bit, one byte, 4 KiB or 256 KiB, one time in ten into the headers."""
    dice = random.Random(f"{path.name} {number}")  # noqa: S311
    kind = sorted(LENGTHS)[number % len(LENGTHS)]
    size = path.stat().st_size
    end = HEADERS if dice.random() < 0.1 else size - LENGTHS[kind]
    offset = dice.randrange(end)
    if kind in {"bit", "byte"}:
        with path.open("rb") as file:
            file.seek(offset)
            before = file.read(1)[0]
        return offset, bytes([before ^ (1 << dice.randrange(8) if kind == "bit" else dice.randrange(1, 256))])
    return offset, dice.randbytes(LENGTHS[kind])


@pytest.mark.parametrize("made", CORRUPTIONS, indirect=True)
def test_every_corruption_is_found_where_it_is(made: Path, request: pytest.FixtureRequest) -> None:
    healthy = scanned(made)
    assert (healthy.problem, healthy.bad_blocks, healthy.damaged) == ("", (), ())
    for number in range(CORRUPTIONS[request.node.callspec.params["made"]]):
        offset, content = corruption(made, number)
        end = offset + len(content) - 1
        touched = tuple(range((offset - HEADERS) // BLOCK, (end - HEADERS) // BLOCK + 1))
        with corrupted(made, offset, content):
            found = scanned(made)
        if offset < HEADERS:
            assert found.problem, (number, offset)
        else:
            assert (found.problem, found.bad_blocks) == ("", touched), (number, offset)
    assert scanned(made) == healthy


@pytest.mark.parametrize("made", ["8 MB", "DuckDB 2.0"], indirect=True)
def test_the_list_of_free_blocks_is_read_as_duckdb_reads_it(made: Path, tmp_path: Path) -> None:
    blocks = scanned(made).blocks
    free: list[int] = []
    for block in range(blocks):
        with corrupted(made, HEADERS + block * BLOCK, b"8 bytes!"):
            found = scanned(made)
        assert found.bad_blocks == (block,)
        assert {*found.damaged, *found.free} == {block}
        free += found.free
    assert len(free) > 2
    if made.name.startswith("DuckDB 2"):
        assert free == [6, 7, 8]  # as DuckDB 2.0.0 said; 1.5 does not open the file
        return
    assert free_blocks(made) == len(free)
    path = tmp_path / "x.duckdb"
    path.write_bytes(made.read_bytes())
    with path.open("r+b") as file:
        for block in free:
            file.seek(HEADERS + block * BLOCK)
            file.write(b"\0" * BLOCK)
    assert scanned(path).free == tuple(free)
    assert scanned(path).damaged == ()
    assert unreadable(path) == []
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE more AS SELECT n, word FROM facts WHERE n < 50_000")
    assert scanned(path).damaged == ()
    assert unreadable(path) == []


def free_blocks(path: Path) -> int:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute("SELECT free_blocks FROM pragma_database_size()").fetchall()[0][0]


def unreadable(path: Path) -> list[str]:
    """Tables that DuckDB cannot read from beginning to end."""
    bad: list[str] = []
    with duckdb.connect(path, read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            try:
                connection.execute(f'SELECT sum(hash(t)) FROM "{table}" t').fetchall()
            except duckdb.Error:
                bad.append(table)
    return bad


def test_damage_in_an_index_is_damage_although_duckdb_reads_every_table(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t (n BIGINT PRIMARY KEY)")
        connection.execute("INSERT INTO t SELECT hash(range) % 1_000_000_007 * 5000 + range FROM range(50_000)")
    seen, unseen = 0, 0
    for block in range(scanned(path).blocks):
        with corrupted(path, HEADERS + block * BLOCK + 777, os.urandom(64)):
            assert scanned(path).damaged == (block,)
            try:
                bad = unreadable(path)
            except duckdb.Error:
                bad = ["the file"]
        seen, unseen = seen + bool(bad), unseen + (not bad)
    assert seen > 0
    assert unseen > 0


@pytest.mark.parametrize("made", ["8 MB"], indirect=True)
def test_a_block_of_zeros_is_bad(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(made.read_bytes())
    with path.open("r+b") as file:
        file.seek(HEADERS)
        file.write(b"\0" * BLOCK)
    assert scanned(path).bad_blocks == (0,)


@pytest.mark.parametrize("made", ["8 MB"], indirect=True)
def test_a_used_block_that_the_file_does_not_have_is_damage(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(made.read_bytes())
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE last AS SELECT * FROM facts LIMIT 10_000")
    blocks = scanned(path).blocks
    os.truncate(path, path.stat().st_size - 1)
    found = scanned(path)
    assert (found.blocks, found.missing, found.bad_blocks) == (blocks, 1, ())
    assert found.damaged == (blocks - 1,)


@pytest.mark.parametrize("size", [16384, 65536])
def test_files_with_other_block_sizes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS x (BLOCK_SIZE {size})")
        connection.execute("CREATE TABLE x.t AS SELECT hash(range)::VARCHAR AS word FROM range(50_000)")
    healthy = scanned(path)
    assert (healthy.bad_blocks, healthy.damaged, healthy.missing) == ((), (), 0)
    assert healthy.blocks == (path.stat().st_size - HEADERS) // size
    for block in range(0, healthy.blocks, 5):
        with corrupted(path, HEADERS + (block + 1) * size - 1, b"\xab"):
            assert scanned(path).bad_blocks == (block,)


def test_an_encrypted_file_is_told_apart_from_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect() as connection:
        connection.execute("SET force_mbedtls_unsafe = true")
        connection.execute(f"ATTACH '{path}' AS x (ENCRYPTION_KEY 'not a secret')")
        connection.execute("CREATE TABLE x.t AS SELECT 1 AS n")
    assert scanned(path).problem == "encrypted: its blocks cannot be checked"
