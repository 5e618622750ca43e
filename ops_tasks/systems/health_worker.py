"""Looks at database files from outside, in a process without a DuckDB connection: no lock is taken, none is dropped.

A file that somebody writes to meanwhile may show half a write: what looks bad is looked at again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, TypedDict

from ops_tasks.systems.block_scan import Scan, scan
from ops_tasks.systems.record_locks import holders
from ops_tasks.systems.worker_main import progress

AGAIN, PAUSE = 5, 0.2
ENTRY = 16  # size and checksum before every entry of a write-ahead log
OLDEST_LOG = b"\x64\x00\x62"  # its first entry: field 100 (type) = 98 (version)


class Health(TypedDict):
    """What a database file and its WAL look like. `wal` is None where there is none.

    `damaged`: bad or missing blocks that something uses; `doubtful`: those of which only a WAL can know; `missing`: how
    many of all blocks are behind the end of the file. `wal_torn`: bytes of a last entry that was cut off.
    """

    exists: bool
    size: int
    storage_version: int | None
    written_by: str
    blocks: int
    damaged: list[int]
    doubtful: list[int]
    missing: int
    problem: str
    wal: int | None
    wal_torn: int
    holder: dict[str, Any] | None


def examine(files: list[str]) -> dict[str, Health]:
    """Return file -> its health: headers, every block's checksum, length, WAL, and who has it open for writing."""
    held = {one["file"]: one for one in holders([file for file in files if Path(file).is_file()])}
    return {file: _examine(Path(file), held.get(file)) for file in files}


def _examine(path: Path, holder: dict[str, Any] | None) -> Health:
    wal = path.with_name(f"{path.name}.wal")
    logged = wal.stat().st_size if wal.is_file() else None
    torn = _torn(wal) if logged else 0
    if not path.is_file():
        return _words(None, 0, logged, torn, holder)
    progress(f"reading {path.name}")
    found = _scan(path)
    for _ in range(AGAIN if holder is not None else 0):
        if not (found.problem or found.damaged):
            break
        time.sleep(PAUSE)
        found = _scan(path)
    return _words(found, path.stat().st_size, logged, torn, holder)


def _scan(path: Path) -> Scan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan(descriptor)
    finally:
        os.close(descriptor)


def _torn(wal: Path) -> int:
    """Bytes after the last whole entry of a log: size and checksum (8 bytes each), then that many bytes.

    The first entry says the version and has neither (DuckDB 1.5); it ends with the terminator FF FF.
    """
    size = wal.stat().st_size
    with wal.open("rb") as file:
        head = file.read(64)
        start = head.find(b"\xff\xff") + 2
        if not head.startswith(OLDEST_LOG) or start < 2:
            return 0
        place = start
        while place < size:
            file.seek(place)
            length = int.from_bytes(file.read(8), "little")
            if place + ENTRY + length > size:
                return size - place
            place += ENTRY + length
    return 0


def _words(found: Scan | None, size: int, wal: int | None, torn: int, holder: dict[str, Any] | None) -> Health:
    return Health(
        exists=found is not None,
        size=size,
        storage_version=found.storage_version if found else None,
        written_by=found.written_by if found else "",
        blocks=found.blocks if found else 0,
        damaged=list(found.damaged) if found else [],
        doubtful=list(found.doubtful) if found else [],
        missing=found.missing if found else 0,
        problem=found.problem if found else "",
        wal=wal,
        wal_torn=torn,
        holder=holder,
    )
