"""The stack's real Dagster daemon, and the clock of its storage: what was written can be made to be days ago."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sandbox import run
from sandbox.errors import SandboxError

OPEN = "from dagster import DagsterInstance; DagsterInstance.get().dispose()"
HEARD = """
import time
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    wanted, until = set(instance.get_required_daemon_types()), time.time() + 180
    while not wanted <= {name for name, beat in instance.get_daemon_heartbeats().items() if beat.timestamp > %f}:
        assert time.time() < until, "the daemon was not heard"
        time.sleep(0.1)
"""
EPOCH = re.compile(r"\b1[789]\d{8}(?:\.\d+)?\b")
STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d+)?")


def begin(folder: Path) -> subprocess.Popen[bytes]:
    """Start the daemon over the stack's workspace, and wait for nothing."""
    # Two processes that open an unused DAGSTER_HOME at once (1.13) leave a storage that nobody can open.
    run.python(folder, "-c", OPEN)
    words = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(folder / "workspace.yaml")]
    with (folder / ".dagster" / "daemon.log").open("ab") as log:
        return subprocess.Popen(
            words, cwd=folder, env=run.environment(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the daemon over the stack's workspace, and wait until every part of it was heard."""
    began = time.time()
    process = begin(folder)
    try:
        run.python(folder, "-c", HEARD % (began - 1))
    except SandboxError:
        kill(process)
        raise
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL: it says nothing to anybody, and its code servers end by themselves."""
    process.kill()
    process.wait()


def daemons(folder: Path) -> list[int]:
    """PIDs of every daemon that serves this stack, whoever started it."""
    home, found = str((folder / ".dagster").resolve()), list[int]()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            variables = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any("daemon_keeper" in word for word in words):
            continue
        if (
            "dagster._daemon" in words or "dagster-daemon" in Path(words[0]).name
        ) and f"DAGSTER_HOME={home}" in variables:
            found.append(int(entry.name))
    return found


def stop_all(folder: Path) -> None:
    """End every daemon of the stack and whoever keeps it, and wait until they are gone."""
    while found := daemons(folder):
        for pid in found:
            for number in (signal.SIGCONT, signal.SIGKILL):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    break
        time.sleep(0.05)


def shift(folder: Path, by: timedelta) -> None:
    """Make everything that Dagster has written of this stack that much older; its daemon must not run."""
    home = folder / ".dagster"
    for file in (
        home / "schedules" / "schedules.db",
        home / "history" / "runs.db",
        home / "history" / "runs" / "index.db",
    ):
        if file.is_file():
            _shift_file(file, by)


def _shift_file(file: Path, by: timedelta) -> None:
    def older(value: object) -> object:
        if isinstance(value, float) and value > 1.7e9:
            return value - by.total_seconds()
        return moved(value, by) if isinstance(value, str) else value

    with sqlite3.connect(file) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table in (
                "alembic_version",
                "secondary_indexes",
                "sqlite_sequence",
                "snapshots",
                "kvs",
                "instance_info",
            ):
                continue
            columns = [column for _, column, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
            for rowid, *values in connection.execute(f'SELECT rowid, * FROM "{table}"').fetchall():
                changed = {name: new for name, old in zip(columns, values, strict=True) if (new := older(old)) != old}
                if changed:
                    sets = ", ".join(f'"{name}" = ?' for name in changed)
                    connection.execute(f'UPDATE "{table}" SET {sets} WHERE rowid = ?', [*changed.values(), rowid])
    connection.close()


def moved(text: str, by: timedelta) -> str:
    """A date and time, or every number in a JSON text that can only be an instant, that much older."""
    if STAMP.fullmatch(text):
        return str(datetime.fromisoformat(text) - by)
    if not text.startswith("{"):
        return text
    seconds: Callable[[re.Match[str]], str] = lambda found: repr(float(found[0]) - by.total_seconds())  # noqa: E731
    return EPOCH.sub(seconds, text)
