"""Checks every block checksum of a DuckDB file, offline, at the speed of the disk.

Layout (DuckDB 1.0 to 2.0): three headers of 4 KiB (main, and two database headers of which the one with the higher
iteration counts), then blocks of 256 KiB. Each begins with a checksum of the rest: XOR of all little-endian 64-bit
words, each multiplied by 0xbf58476d1ce4e5b9, XOR 5381.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEADER = 4096
HEADERS = 3 * HEADER
BLOCK = 262144
MAGIC = b"DUCK"
FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SEED = np.uint64(5381)
BATCH = 32


@dataclass(frozen=True)
class Scan:
    """What a scan found. `problem` is empty for a file whose headers are whole.

    `missing` are blocks at the end that the header counts and the file does not have. That alone is no damage: DuckDB
    (1.5) writes the header first and cuts free blocks off the end of the file afterwards. Whether anything needs them
    is for DuckDB to say.
    """

    storage_version: int | None
    written_by: str
    blocks: int
    bad_blocks: tuple[int, ...]
    problem: str = ""
    missing: int = 0


def scan(descriptor: int) -> Scan:
    """Scan an open DuckDB file; block numbers count from 0 at the first block after the headers."""
    size = os.fstat(descriptor).st_size
    head = os.pread(descriptor, HEADERS, 0)
    if len(head) < HEADERS or head[8:12] != MAGIC:
        return Scan(None, "", 0, (), "not a DuckDB database file")
    version = int.from_bytes(head[12:20], "little")
    written_by = head[52:84].split(b"\0")[0].decode("ascii", "replace")
    sound = _matches(np.frombuffer(head, dtype="<u8").reshape(3, HEADER // 8))
    if not sound.all():  # DuckDB 1.5 opens no file in which any of the three is damaged, the older one included
        return Scan(version, written_by, 0, (), "header checksum does not match")
    blocks = max(struct.unpack_from("<QqqQ", head, HEADER * n + 8) for n in (1, 2))[3]
    present = min(blocks, max(0, size - HEADERS) // BLOCK)
    bad: list[int] = []
    for first in range(0, present, BATCH):
        count = min(BATCH, present - first)
        raw = os.pread(descriptor, count * BLOCK, HEADERS + first * BLOCK)
        good = _matches(np.frombuffer(raw, dtype="<u8").reshape(count, BLOCK // 8))
        bad += [first + int(n) for n in np.flatnonzero(~good)]
    return Scan(version, written_by, blocks, tuple(bad), missing=blocks - present)


def _matches(rows: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows of 64-bit words begin with the checksum of the rest of the row."""
    with np.errstate(over="ignore"):
        computed = np.bitwise_xor.reduce(rows[:, 1:] * FACTOR, axis=1) ^ SEED
    return computed == rows[:, 0]
