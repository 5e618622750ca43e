"""Checks every block checksum of a DuckDB file, offline, at the speed of the disk.

Layout (DuckDB 1.0 to 2.0): three headers of 4 KiB (main, and two database headers of which the one with the higher
iteration counts), then blocks, of 256 KiB unless the file was made with another size. Each begins with a checksum of
the rest: XOR of all little-endian 64-bit words, each multiplied by 0xbf58476d1ce4e5b9, XOR 5381.
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
BATCH = 2 * 1024 * 1024  # what is read and what is multiplied fit into the cache together
PARTS = 64
NOWHERE = 2**64 - 1


@dataclass(frozen=True)
class Scan:
    """What a scan found. `problem` is empty for a file whose headers are whole.

    `bad_blocks` do not match their checksum, `missing` blocks at the end are counted by the header and not in the
    file. Neither is damage in itself: DuckDB (1.5) writes the header first and cuts free blocks off the end of the file
    afterwards, a killed writer leaves half-written blocks that are free, and a free block that was never written is
    all zeros. `free` are those of both that the file's own list of free blocks names; they hold nothing, unless a
    write-ahead log lies beside the file: large inserts write their blocks at once, and only the log knows of them.
    `beyond` are bad blocks behind the last one that the header counts: of those, too, only a log can know.
    """

    storage_version: int | None
    written_by: str
    blocks: int
    bad_blocks: tuple[int, ...]
    problem: str = ""
    missing: int = 0
    free: tuple[int, ...] = ()
    beyond: tuple[int, ...] = ()

    @property
    def damaged(self) -> tuple[int, ...]:
        """Bad and missing blocks that something uses: a table, an index or the catalog."""
        suspects = (*self.bad_blocks, *range(self.blocks - self.missing, self.blocks))
        return tuple(block for block in suspects if block not in self.free)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Bad and missing blocks that are in use only if a write-ahead log says so."""
        return (*self.free, *self.beyond)


@dataclass(frozen=True)
class _Header:
    """The database header that counts: which blocks there are, of which size, and where the list of free ones is."""

    iteration: int
    free_list: int
    blocks: int
    size: int


def scan(descriptor: int) -> Scan:
    """Scan an open DuckDB file; block numbers count from 0 at the first block after the headers."""
    length = os.fstat(descriptor).st_size
    head = os.pread(descriptor, HEADERS, 0)
    if len(head) < HEADERS or head[8:12] != MAGIC:
        return Scan(None, "", 0, (), "not a DuckDB database file")
    version = int.from_bytes(head[12:20], "little")
    written_by = head[52:84].split(b"\0")[0].decode("ascii", "replace")
    words = np.frombuffer(head, dtype="<u8").reshape(3, HEADER // 8)
    sound = _matches(words, np.empty_like(words))
    if sound[0] and head[20] & 1:  # its first flag (DuckDB 1.4)
        return Scan(version, written_by, 0, (), "encrypted: its blocks cannot be checked")
    if not sound.all():  # DuckDB 1.5 opens no file in which any of the three is damaged, the older one included
        return Scan(version, written_by, 0, (), "header checksum does not match")
    header = max((_header(head, HEADER * n) for n in (1, 2)), key=lambda one: one.iteration)
    held = (length - HEADERS) // header.size
    bad = _bad_blocks(descriptor, header.size, held)
    inside = tuple(block for block in bad if block < header.blocks)
    missing = max(0, header.blocks - held)
    free: tuple[int, ...] = ()
    if inside or missing:
        named = _free_list(descriptor, header, {*bad, *range(held, header.blocks)})
        free = tuple(block for block in (*inside, *range(held, header.blocks)) if block in named)
    return Scan(version, written_by, header.blocks, inside, "", missing, free, bad[len(inside) :])


def _header(head: bytes, offset: int) -> _Header:
    iteration, _, free_list, blocks, size = struct.unpack_from("<QQQQQ", head, offset + 8)
    return _Header(iteration, free_list, blocks, size or BLOCK)  # older files leave the size open


def _bad_blocks(descriptor: int, size: int, count: int) -> tuple[int, ...]:
    rows = np.empty((max(1, BATCH // size), size // 8), dtype="<u8")
    work = np.empty_like(rows)
    bad: list[int] = []
    for first in range(0, count, len(rows)):
        batch = rows[: count - first]
        if os.preadv(descriptor, [batch.data.cast("B")], HEADERS + first * size) < batch.nbytes:
            bad += range(first, count)  # somebody cuts the file off meanwhile
            break
        good = _matches(batch, work[: len(batch)])
        bad += [first + int(n) for n in np.flatnonzero(~good)]
    return tuple(bad)


def _matches(rows: NDArray[np.uint64], work: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows of 64-bit words begin with the checksum of the rest of the row; `work` is overwritten."""
    with np.errstate(over="ignore"):
        np.multiply(rows, FACTOR, out=work)
    return (np.bitwise_xor.reduce(work[:, 1:], axis=1) ^ SEED) == rows[:, 0]


def _free_list(descriptor: int, header: _Header, unreadable: set[int]) -> frozenset[int]:
    """The blocks that nothing uses, as the file itself says; empty when that list cannot be read.

    A block of metadata has, after its checksum, 64 parts; each begins with the place of the one that goes on.
    """
    length = (header.size - 8) // PARTS // 8 * 8
    place, seen, content = header.free_list, set[int](), bytearray()
    while place != NOWHERE:
        block, part = place & (1 << 56) - 1, place >> 56
        if place in seen or block in unreadable or block >= header.blocks or part >= PARTS:
            return frozenset()
        seen.add(place)
        raw = os.pread(descriptor, length, HEADERS + block * header.size + 8 + part * length)
        place = int.from_bytes(raw[:8], "little")
        content += raw[8:]
    count = int.from_bytes(content[:8], "little")
    if len(content) < 8 * (count + 1):
        return frozenset()
    return frozenset(struct.unpack_from(f"<{count}Q", content, 8))
