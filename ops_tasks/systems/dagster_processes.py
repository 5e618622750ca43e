"""The processes in which Dagster executes runs on this machine: found by a run's own log, ended, waited for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops_tasks.errors import StepFailed

if TYPE_CHECKING:
    import psutil

# Dagster (1.13) tells of a run's process in words only; a step's process has others.
WORDS = (
    "Started process for run (pid: ",
    "Executing steps using multiprocess executor: parent process (pid: ",
    "Executing steps in process (pid: ",
)
SLACK, GRACE, POLL = 60.0, 10.0, 0.1


@dataclass(frozen=True)
class Told:
    """The process that a run named as its own, and when it did (epoch seconds)."""

    pid: int
    at: float


def named(log: Iterable[tuple[str, float]]) -> Told | None:
    """The process that a run named last, by the messages of its log and their times."""
    found: Told | None = None
    for message, at in log:
        for words in WORDS:
            number = message.partition(words)[2].partition(")")[0]
            if number.isdigit():
                found = Told(int(number), at)
    return found


def living(told: Told, made: float, home: Path) -> psutil.Process | None:
    """The process, if it is still the run's (made at `made`), and not somebody's who has its number now.

    It did not come after it was named, and it works for this DAGSTER_HOME; of another account's process that cannot be
    read, so there it must not be older than the run. `SLACK` is for clocks that are set while it runs.
    """
    import psutil

    try:
        process = psutil.Process(told.pid)
        created = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE or created > told.at + SLACK:
            return None
        try:
            where = process.environ().get("DAGSTER_HOME", "")
        except (psutil.AccessDenied, OSError):
            return process if created >= made - SLACK else None
    except psutil.NoSuchProcess:
        return None
    return process if where and Path(where).resolve() == home else None


def works_for(pid: int, home: Path) -> bool:
    """Whether a process has this DAGSTER_HOME, as all have that a run starts; one that cannot be read has not."""
    import psutil

    try:
        where = psutil.Process(pid).environ().get("DAGSTER_HOME", "")
    except (psutil.Error, OSError, ValueError):
        return False
    return bool(where) and Path(where).resolve() == home


def end(process: psutil.Process) -> None:
    """End a run's process and everything it has started, politely first, and wait until all of them are gone."""
    import psutil

    family, deadline = {process}, time.monotonic() + GRACE
    with suppress(psutil.NoSuchProcess):
        family |= set(process.children(recursive=True))
        process.terminate()
        while _there(process) and time.monotonic() < deadline:
            family |= set(process.children(recursive=True))  # it may begin something yet
            time.sleep(POLL)
        process.suspend()
        family |= set(process.children(recursive=True))
    finish(family)


def finish(processes: Iterable[psutil.Process]) -> None:
    """Kill processes, and wait until they are gone; `StepFailed` names one that is not."""
    import psutil

    there = list(processes)
    for one in there:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    deadline = time.monotonic() + GRACE
    while left := [one.pid for one in there if _there(one)]:
        if time.monotonic() > deadline:
            raise StepFailed(f"process {left[0]} could not be ended", f"kill -9 {left[0]}")
        time.sleep(POLL)


def _there(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
