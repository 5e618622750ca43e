"""Wall time and peak memory of a command and everything it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL = 0.2
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time, and megabytes of memory of the process tree at its highest (shared pages counted once)."""

    seconds: float
    megabytes: float

    def __add__(self, other: Cost) -> Cost:
        """One after the other: times add up, the higher peak counts."""
        return Cost(self.seconds + other.seconds, max(self.megabytes, other.megabytes))


def cost(command: list[str], cwd: Path, env: Mapping[str, str], log: Path) -> Cost:
    """Run a command to its end and measure it; raises `RuntimeError` with its last line when it fails."""
    peak = 0.0
    began = time.monotonic()
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | dict(env), stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        ended = threading.Event()

        def sample() -> None:
            nonlocal peak
            while not ended.wait(POLL):
                peak = max(peak, _memory(process.pid))

        sampler = threading.Thread(target=sample)
        sampler.start()
        code = process.wait()
        seconds = time.monotonic() - began
        ended.set()
        sampler.join()
    if code:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise RuntimeError(f"{command[0]} {command[1]} failed (exit {code}): {last}")
    return Cost(seconds, peak / MEGABYTE)


def _memory(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total
