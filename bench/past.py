"""A whole stack back at a moment, validated, against `cp` and `sync` of its files; `ops.restore` as a person runs it.

The stack is the sandbox's, with marts, contracts and state, and a large table in its marts' database. Path A keeps the
present, copies the past beside it, reads every value of it, verifies the contracts, compares past and present row by
row, cuts, and validates the live stack again; by hand it is one copy that nobody has looked at.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.large import fill, touch
from bench.machine import words
from ops_tasks.stack import Stack, find
from ops_tasks.systems import snapshots
from sandbox import stacks

MEGABYTES = 1000
BY_HAND, PATH_A, PATH_B = "cp and sync", "ops.restore (path A)", "ops.restore --in-place"
NAME = "nightly"


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Measure in turn, `rounds` times; a table of medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as temporary:
        folder = Path(temporary) / "stack"
        say("a sandbox stack")
        stacks.up(folder, serve=False)
        say(f"a table of about {MEGABYTES} MB")
        stack = find(folder)
        fill(stack.databases["databox"], MEGABYTES)
        _task("snapshot.create", f"--name={NAME}", f"--stack={folder}")
        size = snapshots.set_bytes(stack) / 1e6
        spent: dict[str, list[float]] = {}
        for number in range(rounds + 1):  # the first round fills the cache
            _round(stack, spent if number else {})
            say(f"round {number} of {rounds}")
        by_hand = spent[BY_HAND]
        lines = [f"a stack of {size:.0f} MB back at a snapshot, warm cache, {rounds} rounds", words(Path(temporary))]
        lines.append(f"{'':26}{'median':>11}{'ratio':>8}")
        lines += [
            f"{name:26}{median(times):>9.2f} s{median(times) / median(by_hand):>8.2f}" for name, times in spent.items()
        ]
    return "\n".join(lines)


def _round(stack: Stack, spent: dict[str, list[float]]) -> None:
    for name, flags in ((PATH_A, []), (PATH_B, ["--in-place"])):
        _by_hand(stack, spent)
        touch(stack.databases["databox"])
        subprocess.run(["sync"], check=True)  # noqa: S607
        began = time.perf_counter()
        _task("ops.restore", f"--snapshot={NAME}", *flags, "--yes", f"--stack={stack.root}")
        spent.setdefault(name, []).append(time.perf_counter() - began)
        for taken in snapshots.every(stack):
            if taken.name != NAME:
                shutil.rmtree(taken.folder)


def _by_hand(stack: Stack, spent: dict[str, list[float]]) -> None:
    target = stack.root.parent / "by-hand"
    target.mkdir()
    subprocess.run(["sync"], check=True)  # noqa: S607
    began = time.perf_counter()
    subprocess.run(["cp", *(str(path) for path in stack.duckdb_files), str(target)], check=True)  # noqa: S607
    subprocess.run(["sync", *(str(path) for path in target.iterdir())], check=True)  # noqa: S607
    spent.setdefault(BY_HAND, []).append(time.perf_counter() - began)
    shutil.rmtree(target)


def _task(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "invoke", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]}: {(done.stdout + done.stderr)[-800:]}")
