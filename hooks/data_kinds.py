"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import NamedTuple

HEAD = 256  # bytes, enough for every kind here
LONGEST_POINTER = 1024  # git-lfs takes nothing longer for a pointer (lfs/pointer.go, blobSizeCutoff)

# A text may begin with the same letters ("PAR1,PAR2" heads a CSV); a data file has control bytes right after them.
MAGIC = {
    b"PAR1": "a Parquet file",
    b"PARE": "an encrypted Parquet file",
    b"ARROW1": "an Arrow file",
    b"FEA1": "a Feather file",
    b"SQLite format 3\0": "a SQLite database",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
}
FIRST = frozenset(word[0] for word in MAGIC)
CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
GZIP = b"\x1f\x8b\x08"
POINTER = b"version https://git-lfs.github.com/spec/v1\n"
DIGEST = "sha256:[0-9a-f]{64}"


class Kind(NamedTuple):
    """A kind of data, in `words`; a `database` of DuckDB is refused at any size."""

    words: str
    database: bool = False


DUCKDB = Kind("a DuckDB database", database=True)
WAL = Kind("the write-ahead log of a DuckDB database", database=True)


def kind_of(head: bytes, paths: Sequence[str] = ()) -> Kind | None:
    """The kind of data that begins with `head` (up to HEAD bytes), None for anything else.

    `paths`, the names it has, are evidence only where the bytes alone are not enough.
    """
    if head[8:12] == b"DUCK" and _is_duckdb(head):
        return DUCKDB
    if head[:2] == b"d\0" and _is_wal(head, paths):
        return WAL
    if head[:3] == GZIP:
        inner = kind_of(_unpacked(head))
        return inner and inner._replace(words=f"{inner.words}, compressed by gzip")
    if head and head[0] in FIRST:
        for magic, words in MAGIC.items():
            if head.startswith(magic) and head.translate(None, CONTROLS) != head:
                return Kind(words)
    return None


def is_pointer(content: bytes) -> bool:
    """Whether this whole content is what Git LFS stores in git: a version, extensions, a SHA-256 and a size."""
    if len(content) >= LONGEST_POINTER or not content.startswith(POINTER):
        return False
    lines = [line.partition(" ") for line in content.decode("ascii", errors="replace").splitlines()[1:]]
    words = {key: value for key, _, value in lines}
    known = all(word in ("oid", "size") or word.startswith("ext-") for word in words)
    return known and bool(re.fullmatch(DIGEST, words.get("oid", ""))) and words.get("size", "").isdigit()


def _is_duckdb(head: bytes) -> bool:
    """Checksum (8 bytes), DUCK, the storage version (64 in 1.0, 999 in 2.0.0) in 8 bytes, least first.

    A text like "Install DUCKDB ..." has the letters at the same place, but no zero bytes.
    """
    return len(head) >= 20 and head[14:20] == bytes(6)


def _is_wal(head: bytes, paths: Sequence[str]) -> bool:
    """Field 100, the kind of entry, field 101: since 0.10 the first entry is the version (kind 98), before it any."""
    if head[3:5] != b"e\0":
        return False
    return head[2] == 98 or any(path.endswith(".wal") for path in paths)


def _unpacked(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD)
    except zlib.error:
        return b""
