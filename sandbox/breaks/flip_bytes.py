"""Bit rot: one byte of a database file is not what was written."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sandbox.breaks import Broken, targets
from sandbox.breaks.targets import BLOCK, HEADER, HEADERS
from sandbox.errors import SandboxError, choose

WHERE = ("used", "free", "header")
NOWHERE = 2**64 - 1
# A metadata block is 64 parts behind the checksum; each begins with the pointer to the next one.
PART = (BLOCK - 8) // 64 // 8 * 8


@dataclass(frozen=True)
class Spot:
    """One byte: its offset in the file, the block (or header) it lies in, and the table whose data that is."""

    offset: int
    block: int
    table: str = ""


def apply(folder: Path, *, file: str = "databox", where: str = "used", seed: int = 0) -> Broken:
    """Flip one byte of table data (`used`), of a block that nothing uses (`free`), or of one of the three headers.

    A used block makes a full scan of its table fail, a header keeps DuckDB from opening the file, and a free block
    does no harm. The same `seed` picks the same byte of the same file.
    """
    choose(where, WHERE, "place")
    path = targets.database(folder, file)
    targets.whole(folder, path)
    spot = {"used": _used, "free": _free, "header": _header}[where](folder, path, Random(seed))
    flip(path, spot.offset)
    found = targets.scan(folder, path)
    reached = {"used": spot.table in found.tables, "free": not found.error, "header": bool(found.problem)}[where]
    if not reached:
        flip(path, spot.offset)
        raise SandboxError(f"the byte at {spot.offset} of {path} did not do what a {where} one should: {found.error}")
    shown = targets.shown(folder, path)
    part = f"header {spot.block}" if where == "header" else f"block {spot.block}"
    whose = {"used": f"data of {spot.table}", "free": "which nothing uses", "header": "and DuckDB opens it no more"}
    facts = {"file": shown, "where": where, "offset": spot.offset, "block": spot.block, "table": spot.table or None}
    facts |= {"tables": sorted(found.tables), "error": found.error}
    return Broken("flip-bytes", f"byte {spot.offset} of {shown} is flipped: {part}, {whose[where]}", (), facts)


def flip(file: Path, offset: int) -> None:
    """Turn all bits of one byte over; a second time puts it back."""
    with file.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)[0]
        opened.seek(offset)
        opened.write(bytes([byte ^ 0xFF]))
        opened.flush()
        os.fsync(opened.fileno())


def _used(folder: Path, file: Path, random: Random) -> Spot:
    owned: dict[str, list[int]] = targets.ask(folder, "blocks", file)
    pairs = [(table, block) for table, numbers in sorted(owned.items()) for block in numbers]
    if not pairs:
        raise SandboxError(f"no table of {file} has data in a block")
    table, block = random.choice(pairs)
    return Spot(_inside(block, random), block, table)


def _free(folder: Path, file: Path, random: Random) -> Spot:
    if not free_blocks(file):
        targets.ask(folder, "make_free", file)
    blocks = free_blocks(file)
    if not blocks:
        raise SandboxError(f"DuckDB left no free block in {file}")
    block = random.choice(blocks)
    return Spot(_inside(block, random), block)


def _header(_folder: Path, _file: Path, random: Random) -> Spot:
    number = random.randrange(3)
    return Spot(number * HEADER + random.randrange(HEADER), number)


def _inside(block: int, random: Random) -> int:
    return HEADERS + block * BLOCK + random.randrange(BLOCK)


def free_blocks(file: Path) -> list[int]:
    """The blocks that the file's own free list names and that lie inside the file.

    Layout as of DuckDB 1.5: the newer database header points to the list; it is a count and that many block numbers,
    spread over parts of metadata blocks.
    """
    content = file.read_bytes()
    headers = [struct.unpack_from("<QqQQ", content, HEADER * number + 8) for number in (1, 2)]
    _iteration, _meta, pointer, count = max(headers)
    if pointer == NOWHERE:
        return []
    listed = b""
    while pointer != NOWHERE:
        start = HEADERS + (pointer & (2**56 - 1)) * BLOCK + 8 + (pointer >> 56) * PART
        pointer = int.from_bytes(content[start : start + 8], "little")
        listed += content[start + 8 : start + PART]
    (length,) = struct.unpack_from("<Q", listed)
    numbers = struct.unpack_from(f"<{length}q", listed, 8)
    return [number for number in numbers if number < min(count, (len(content) - HEADERS) // BLOCK)]
