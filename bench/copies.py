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
BY_HAND = "cp and sync"
TOUCHED = 2 * 1024**3
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
            _round(stack, spent if number else {})
            say(f"round {number} of {rounds}")
        by_hand = spent[BY_HAND]
        lines = [f"copies of {size:.0f} MB in 3 files, warm cache, {rounds} rounds", words(Path(temporary))]
        lines.append(f"{'':26}{'median':>11}{'ratio':>8}{'fastest':>11}{'ratio':>8}")
        lines += [
            f"{name:26}{median(times):>9.3f} s{median(times) / median(by_hand):>8.2f}"
            f"{min(times):>9.3f} s{min(times) / min(by_hand):>8.2f}"
            for name, times in spent.items()
        ]
    return "\n".join(lines)


def _stack(folder: Path, say: Callable[[str], None]) -> Stack:
    for name in ("data", "transforms"):
        (folder / name).mkdir()
    (folder / "invoke.yaml").write_text(INVOKE_YAML, encoding="utf-8")
    for name, megabytes in MEGABYTES.items():
        say(f"writing {name}.duckdb, about {megabytes} MB")
        fill(folder / "data" / f"{name}.duckdb", megabytes)
    return find(folder)


def _round(stack: Stack, spent: dict[str, list[float]]) -> None:
    """Everything once; by hand before each of ours, because machines have moods."""
    aside = stack.home / "quarantine"
    _by_hand(stack, spent)
    with Crew(stack.root) as crew:
        crew.call("files", "holders", files=[])
        crew.call("duck", "catalog", databases={})
        with _timed(spent, "snapshot"):
            taken = snapshots.create(stack, "warm", why="a benchmark", crew=crew).folder
        _spoil(stack)
        _by_hand(stack, spent)
        with _timed(spent, "restore"):
            snapshots.restore(stack, "warm", aside, consume=False, crew=crew)
        shutil.rmtree(aside)
    shutil.rmtree(taken)
    _by_hand(stack, spent)
    with _timed(spent, "snapshot, from the start"):
        taken = snapshots.create(stack, "cold", why="a benchmark").folder
    _spoil(stack)
    _by_hand(stack, spent)
    with _timed(spent, "restore, from the start"):
        snapshots.restore(stack, "cold", aside, consume=False)
    shutil.rmtree(aside)
    with _timed(spent, "verify, from the disk"):
        problems = snapshots.verify(stack, "cold")
    if problems:
        raise RuntimeError(problems[0])
    shutil.rmtree(taken)


class _timed:
    """`with _timed(spent, name)`: note how long it takes; what others have written is flushed before."""

    def __init__(self, spent: dict[str, list[float]], name: str) -> None:
        self.spent, self.name = spent, name

    def __enter__(self) -> None:
        subprocess.run(["sync"], check=True)  # noqa: S607
        touched = bytearray(b"x") * TOUCHED  # a virtual machine fetches from its host what it has not used for long
        del touched
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent.setdefault(self.name, []).append(time.perf_counter() - self.began)


def _by_hand(stack: Stack, spent: dict[str, list[float]]) -> None:
    files, target = [str(path) for path in stack.duckdb_files], stack.root / "by-hand"
    target.mkdir()
    with _timed(spent, BY_HAND):
        subprocess.run(["cp", *files, str(target)], check=True)  # noqa: S607
        subprocess.run(["sync", *(str(path) for path in target.iterdir())], check=True)  # noqa: S607
    shutil.rmtree(target)


def _spoil(stack: Stack) -> None:
    for path in stack.duckdb_files:
        touch(path)
