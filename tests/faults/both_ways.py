"""One kill, both ways out: the killed stack is copied, one of the two is rolled back, the other goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import account
from tests.conftest import ROOT, Sandbox

PATIENCE = 150.0


def workers(folder: Path) -> list[int]:
    """Worker processes whose working directory is in the stack."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            cwd, words = (entry / "cwd").readlink(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"worker_main" in words and cwd.is_relative_to(folder):
            found.append(int(entry.name))
    return found


def wait_for_workers(folder: Path) -> None:
    """Wait until nobody who worked for the killed operation is left."""
    until = time.monotonic() + PATIENCE
    while workers(folder) and time.monotonic() < until:
        time.sleep(0.02)
    assert workers(folder) == []


def twin(sandbox: Sandbox) -> Sandbox:
    """A copy of a stack as it is, its operations and the links inside of it included."""
    wait_for_workers(sandbox.folder)
    folder = sandbox.folder.with_name(f"{sandbox.folder.name}-twin")
    subprocess.run(["cp", "-a", str(sandbox.folder), str(folder)], check=True)
    return Sandbox(folder)


def check_both(sandbox: Sandbox, before: dict[str, str]) -> None:
    """A stopped operation is rolled back, byte for byte, in a copy, and reaches the truth in the original."""
    operation = sandbox.last_operation()
    assert operation["status"] == "stopped"
    other = twin(sandbox)
    undone = other.invoke("ops.rollback", operation["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert other.hashes() == before
    assert other.last_operation()["status"] == "rolled_back"
    retried = sandbox.invoke("ops.retry", operation["operation"], "--yes")
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []
    assert sandbox.last_operation()["status"] == "succeeded"


def check_every(
    sandbox: Sandbox, before: dict[str, str], words: tuple[str, ...], moments: list[tuple[str, str]]
) -> None:
    """One operation that is killed at every moment in turn, going on with `ops.retry` in between.

    At each of them a copy is rolled back, byte for byte; in the end the original reaches the truth.
    """
    for event, step in moments:
        kill_at(sandbox, event, step, *words)
        operation = sandbox.last_operation()
        assert operation["status"] == "stopped", (event, step)
        other = twin(sandbox)
        undone = other.invoke("ops.rollback", operation["operation"], "--yes")
        assert undone.code == 0, (event, step, undone.err)
        assert other.hashes() == before, (event, step)
        shutil.rmtree(other.folder)
        words = ("ops.retry", operation["operation"], "--yes")
    retried = sandbox.invoke(*words)
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []
    assert sandbox.last_operation()["status"] == "succeeded"


def kill_at(sandbox: Sandbox, event: str, step: str, *words: str) -> None:
    """Run a task and kill it as soon as its journal holds `event` of `step`."""
    assert sandbox.killed(event, step, *words).code == -signal.SIGKILL


def kill_when(
    sandbox: Sandbox, words: tuple[str, ...], moment: Callable[[], bool], number: signal.Signals = signal.SIGKILL
) -> tuple[int, dict[str, Any]]:
    """Run a task and signal it at `moment`; returns its exit code and, when it wrote one, its document."""
    command = [sys.executable, "-m", "invoke", *words, f"--stack={sandbox.folder}", "--json"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | account.environment(sandbox.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and not moment():
            assert time.monotonic() < until, "the moment never came"
            time.sleep(0.002)
        process.send_signal(number)
        out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(out) if out.strip() else {}


def journal_has(sandbox: Sandbox, step: str) -> bool:
    """Whether any journal says that `step` has begun."""
    journals = sandbox.folder.glob(".ops/operations/*/journal.jsonl")
    return any(f'"event": "started", "step": "{step}"' in journal.read_text() for journal in journals)
