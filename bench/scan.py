"""The block scan against DuckDB reading every value of every table, and against merely reading the file.

The file is in the page cache all the time. DuckDB opens it anew in every round: what it has read once it does not
check again. Its full read sees no damage in indexes and in free blocks; the scan sees every block.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb

from bench.large import fill
from bench.machine import words
from ops_tasks.systems.block_scan import scan
from ops_tasks.systems.sql import ident

MEGABYTES = 800
CHUNK = 1024 * 1024


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Measure in turn, `rounds` times; a table of medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as temporary:
        path = Path(temporary) / "large.duckdb"
        say(f"writing a database of about {MEGABYTES} MB")
        fill(path, MEGABYTES)
        size = path.stat().st_size / 1e6
        ways = {"block scan": _scan, "DuckDB reads it all": _logical, "plain reading": _plain}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):  # the first round fills the cache
            for name, way in ways.items():
                began = time.perf_counter()
                way(path)
                if number:
                    spent[name].append(time.perf_counter() - began)
        ours = median(spent["block scan"])
        lines = [f"offline scan of {size:.0f} MB, warm cache, median of {rounds}", words(Path(temporary))]
        lines += [
            f"{name:22}{median(times):>9.3f} s{size / 1000 / median(times):>8.2f} GB/s{median(times) / ours:>8.2f}"
            for name, times in spent.items()
        ]
    return "\n".join(lines)


def _scan(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = scan(descriptor)
    finally:
        os.close(descriptor)
    if found.problem or found.damaged:
        raise RuntimeError(f"a healthy file looks damaged: {found}")


def _logical(path: Path) -> None:
    with duckdb.connect(path, read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            connection.execute(f"SELECT sum(hash(t)) FROM {ident(table)} t").fetchall()  # noqa: S608


def _plain(path: Path) -> None:
    buffer = bytearray(CHUNK)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
