"""One kill, both ways out: the killed stack is copied, one of the two is rolled back, the other goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from tests.conftest import Sandbox

PATIENCE = 60.0


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


def kill_at(sandbox: Sandbox, event: str, step: str, *words: str) -> None:
    """Run a task and kill it as soon as its journal holds `event` of `step`."""
    assert sandbox.killed(event, step, *words).code == -signal.SIGKILL
