"""`dagster.dev` becomes Dagster itself: its own home, its own signals."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PATIENCE, DAEMONS = 90.0, 5


def test_it_serves_records_into_the_stack_and_ends_on_a_signal(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "invoke", "dagster.dev", f"--stack={sandbox.folder}", f"--port={port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        answered = _answers(f"http://127.0.0.1:{port}/server_info", process)
        try:
            _heard(sandbox.folder / ".dagster" / "history" / "runs.db")
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.terminate()
    assert answered, said
    assert process.returncode == 0, said
    assert (sandbox.folder / ".dagster/history").is_dir()


def _heard(file: Path) -> None:
    """Wait for the daemon: Dagster (1.13) may lose a Ctrl-C that comes while it starts its services."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
                if connection.execute("SELECT count(*) FROM daemon_heartbeats").fetchone()[0] >= DAEMONS:
                    return
        except sqlite3.OperationalError:
            pass
        finally:
            time.sleep(0.2)
    raise AssertionError("the daemon was not heard")


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
                return answer.status == 200
        except OSError:
            time.sleep(0.2)
    return False
