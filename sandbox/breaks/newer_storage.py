"""A newer DuckDB has written the file: ours does not know its storage version."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.breaks.targets import HEADER, HEADERS
from sandbox.errors import SandboxError

# What DuckDB 2.0.0 writes: into the main header, and into the two database headers.
MAIN = 999
DATABASE = 69
FACTOR = 0xBF58476D1CE4E5B9
START = 5381
WORD = 2**64 - 1


def apply(folder: Path, *, file: str = "databox") -> Broken:
    """Write the storage version of DuckDB 2.0 into all three headers, with the checksums that belong to them.

    DuckDB 1.5 refuses the file and names the database headers' version (1.5.6 does); 2.0 opens it and finds all of it.
    """
    path = targets.database(folder, file)
    targets.whole(folder, path)
    with path.open("r+b") as opened:
        before = opened.read(HEADERS)
        opened.seek(0)
        opened.write(_newer(before))
        opened.flush()
        os.fsync(opened.fileno())
    error = targets.scan(folder, path).problem
    shown = targets.shown(folder, path)
    if "database file with version number" not in error:
        raise SandboxError(f"DuckDB does not mind storage version {MAIN} of {shown}: {error or 'no error'}")
    was = int.from_bytes(before[12:20], "little")
    facts = {"file": shown, "storage_version": MAIN, "before": was, "error": error}
    return Broken(
        "newer-storage", f"{shown} says storage version {MAIN}, as DuckDB 2.0 writes it (was {was})", (), facts
    )


def _newer(headers: bytes) -> bytes:
    content = bytearray(headers)
    struct.pack_into("<Q", content, 12, MAIN)
    for number in (1, 2):
        struct.pack_into("<Q", content, number * HEADER + 56, DATABASE)
    for start in range(0, HEADERS, HEADER):
        struct.pack_into("<Q", content, start, checksum(bytes(content[start + 8 : start + HEADER])))
    return bytes(content)


def checksum(content: bytes) -> int:
    """DuckDB's checksum of a header or block without its first eight bytes (see `ops_tasks/systems/block_scan.py`)."""
    result = START
    for start in range(0, len(content), 8):
        result ^= int.from_bytes(content[start : start + 8], "little") * FACTOR & WORD
    return result
