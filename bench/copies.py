"""Snapshots and restores against `cp` and `sync` of the same files.

A snapshot copies, hashes, flushes, compares the copy with the original byte for byte, scans every block checksum and
counts the rows of every table; a restore does the same, save for the counting, and never touches anything before
every copy is right. Once with workers that are there already, as within an operation, once with their start.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.large import fill, touch
from bench.machine import words
from ops_tasks.stack import Stack, find
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew

MEGABYTES = {"databox": 450, "raw": 350, "state": 100}
INVOKE_YAML = """
ops:
  databases:
    databox: data/databox.duckdb
    raw: data/raw.duckdb
  sqlmesh:
    project: transforms
    state: data/state.duckdb
"""


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Measure in turn, `rounds` times; a table of medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as temporary:
        stack = _stack(Path(temporary), say)
        size = snapshots.set_bytes(stack) / 1e6
        spent: dict[str, list[float]] = {}
        for number in range(rounds + 1):  # the first round fills the cache
            for name, seconds in _round(stack).items():
                if number:
                    spent.setdefault(name, []).append(seconds)
            say(f"round {number} of {rounds}")
        by_hand = median(spent["cp and sync"])
        lines = [f"copies of {size:.0f} MB in 3 files, warm cache, median of {rounds}", words(Path(temporary))]
        lines += [f"{name:26}{median(times):>9.3f} s{median(times) / by_hand:>8.2f}" for name, times in spent.items()]
    return "\n".join(lines)


def _stack(folder: Path, say: Callable[[str], None]) -> Stack:
    for name in ("data", "transforms"):
        (folder / name).mkdir()
    (folder / "invoke.yaml").write_text(INVOKE_YAML, encoding="utf-8")
    for name, megabytes in MEGABYTES.items():
        say(f"writing {name}.duckdb, about {megabytes} MB")
        fill(folder / "data" / f"{name}.duckdb", megabytes)
    return find(folder)


def _round(stack: Stack) -> dict[str, float]:
    taken, aside = stack.root / "by-hand", stack.home / "quarantine"
    spent: dict[str, float] = {}
    with _timed(spent, "cp and sync"):
        _by_hand(stack, taken)
    shutil.rmtree(taken)
    with Crew(stack.root) as crew:
        crew.call("files", "holders", files=[])
        crew.call("duck", "catalog", databases={})
        with _timed(spent, "snapshot"):
            taken = snapshots.create(stack, "warm", why="a benchmark", crew=crew).folder
        _spoil(stack)
        with _timed(spent, "restore"):
            snapshots.restore(stack, "warm", aside, consume=False, crew=crew)
        shutil.rmtree(aside)
    shutil.rmtree(taken)
    with _timed(spent, "snapshot, from the start"):
        taken = snapshots.create(stack, "cold", why="a benchmark").folder
    _spoil(stack)
    with _timed(spent, "restore, from the start"):
        snapshots.restore(stack, "cold", aside, consume=False)
    shutil.rmtree(aside)
    with _timed(spent, "verify"):
        problems = snapshots.verify(stack, "cold")
    if problems:
        raise RuntimeError(problems[0])
    shutil.rmtree(taken)
    return spent


class _timed:
    """`with _timed(spent, name)`: how long it took, disk caches flushed before."""

    def __init__(self, spent: dict[str, float], name: str) -> None:
        self.spent, self.name = spent, name

    def __enter__(self) -> None:
        subprocess.run(["sync"], check=True)  # noqa: S607
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent[self.name] = time.perf_counter() - self.began


def _by_hand(stack: Stack, target: Path) -> None:
    files = [str(path) for path in stack.duckdb_files]
    target.mkdir()
    subprocess.run(["cp", *files, str(target)], check=True)  # noqa: S607
    subprocess.run(["sync", *(str(path) for path in target.iterdir())], check=True)  # noqa: S607


def _spoil(stack: Stack) -> None:
    for path in stack.duckdb_files:
        touch(path)
