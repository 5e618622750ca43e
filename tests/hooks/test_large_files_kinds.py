"""First bytes: what they prove, and what a text may begin with."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from hooks.data_kinds import DUCKDB, HEAD, WAL, is_pointer, kind_of

OID = b"oid sha256:" + b"0a" * 32 + b"\n"
VERSION = b"version https://git-lfs.github.com/spec/v1\n"
HEADER = b"\1\2\3\4\5\6\7\x08DUCK"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Install DUCKDB first, then read on\n", id="the word at the place of the magic"),
        pytest.param(b"12345678DUCK", id="too short for a header"),
        pytest.param(b"PAR1,PAR2,PAR3\n1,2,3\n" * 20, id="a header of a CSV"),
        pytest.param(b"ORCHID,ROSE\r\n\t1,2\r\n" * 20, id="a word that begins like ORC"),
        pytest.param(b"ARROW1 points up\n" * 20, id="ARROW1 in a text"),
        pytest.param(b"SQLite format 3 is a format\n" * 20, id="about SQLite"),
        pytest.param(b"Objects\n", id="Obj"),
        pytest.param(b"d\0e\0b\0u\0g\0", id="UTF-16 text"),
        pytest.param(b"FEA1: x\n" * 20, id="FEA1 in a text"),
        pytest.param(gzip.compress(b"a,b\n1,2\n" * 100), id="a compressed text"),
        pytest.param(b"\x1f\x8b\x08 is gzip's beginning", id="damaged gzip"),
    ],
)
def test_texts_are_no_data(text: bytes) -> None:
    assert kind_of(text[:HEAD], ["x.wal"]) is None


@pytest.mark.parametrize(
    "version",
    [64, 67, 68, 999],
    ids=["1.0 to 1.4", "1.4 storage", "1.5 storage", "2.0.0"],
)
def test_every_storage_version(version: int) -> None:
    assert kind_of(HEADER + version.to_bytes(8, "little")) == DUCKDB


@pytest.mark.parametrize(
    ("begin", "path", "expected"),
    [
        pytest.param("640062650002ffff3900", "x", WAL, id="1.0 to 1.5"),
        pytest.param("640062650002660010af016c", "x", WAL, id="latest storage of 1.5, and 2.0"),
        pytest.param("6400626500036600104483", "x", WAL, id="encrypted"),
        pytest.param("64000165000164000165", "x.duckdb.wal", WAL, id="0.9, by its name too"),
        pytest.param("64000165000164000165", "x", None, id="0.9 under another name"),
    ],
)
def test_every_log(begin: str, path: str, expected: object) -> None:
    assert kind_of(bytes.fromhex(begin), [path]) == expected


@pytest.mark.parametrize("level", [1, 6, 9])
def test_a_compressed_database(tmp_path: Path, level: int) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT hash(range) AS h FROM range(1000)")
    kind = kind_of(gzip.compress(path.read_bytes(), level)[:HEAD])
    assert kind is not None and kind.database
    assert kind.words == "a DuckDB database, compressed by gzip"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(VERSION + OID + b"size 12345\n", True, id="a pointer"),
        pytest.param(VERSION + b"ext-0-foo sha256:" + b"1b" * 32 + b"\n" + OID + b"size 1\n", True, id="an extension"),
        pytest.param(VERSION + OID, False, id="no size"),
        pytest.param(VERSION + OID + b"size many\n", False, id="no number"),
        pytest.param(VERSION + b"size 12345\n", False, id="no oid"),
        pytest.param(VERSION + OID.replace(b"0a", b"0A") + b"size 1\n", False, id="no lower-case hash"),
        pytest.param(VERSION + OID.replace(b"sha256", b"sha1") + b"size 1\n", False, id="another hash"),
        pytest.param(VERSION + OID + b"size 1\nmore\n", False, id="more lines"),
        pytest.param(VERSION + OID + b"size 1\n\xff\n", False, id="bytes"),
        pytest.param(VERSION.replace(b"v1", b"v9") + OID + b"size 1\n", False, id="another version"),
        pytest.param(VERSION + OID + b"size " + b"1" * 2000 + b"\n", False, id="too long"),
        pytest.param(OID + b"size 1\n", False, id="no version"),
    ],
)
def test_pointers(content: bytes, expected: bool) -> None:
    assert is_pointer(content) is expected
