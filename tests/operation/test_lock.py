"""One operation at a time, across processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops_tasks.errors import Busy
from ops_tasks.operation import lock

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import subprocess, sys
from pathlib import Path
from ops_tasks.operation import lock
with lock.held(Path(sys.argv[1]), "ops.backfill", "abc123") as descriptor:
    child = None
    if len(sys.argv) > 2:
        child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[descriptor], stdout=subprocess.DEVNULL)
    print("held", child.pid if child else 0, flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(home: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed or left."""
    command = [sys.executable, "-c", HOLD, str(home), *words]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("held")
        yield process
        process.kill()


def test_a_second_process_is_refused_at_once_and_told_whom_it_waits_for(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        began = time.monotonic()
        with (
            pytest.raises(Busy, match=rf"ops\.backfill abc123 is running \(PID {other.pid}\)") as caught,
            lock.held(tmp_path, "ops.restore", "def456"),
        ):
            pass
        with pytest.raises(Busy, match=f"PID {other.pid}"):
            lock.refuse_running(tmp_path)
        assert time.monotonic() - began < lock.GRACE / 2
        assert caught.value.exit_code == 6
        assert "abc123" in (tmp_path / "lock").read_text()


def test_it_is_free_after_the_end(tmp_path: Path) -> None:
    with lock.held(tmp_path, "a", "1"):
        pass
    lock.refuse_running(tmp_path)
    with lock.held(tmp_path, "b", "2"):
        assert '"operation": "2"' in (tmp_path / "lock").read_text()


def test_it_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path, "a", "1"):
        raise ZeroDivisionError
    lock.refuse_running(tmp_path)


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with (
        lock.held(tmp_path, "a", "1"),
        pytest.raises(Busy, match=str(os.getpid())),
        lock.held(tmp_path, "a", "2"),
    ):
        pass


def test_a_killed_holder_frees_it(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with lock.held(tmp_path, "b", "2"):
            pass


def test_the_dying_children_of_a_killed_holder_are_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path, "1") as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        began = time.monotonic()
        with lock.held(tmp_path, "b", "2"):
            assert time.monotonic() - began > 0.3


def test_a_child_that_does_not_die_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "GRACE", 0.2)
    with holder(tmp_path, "3") as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with pytest.raises(Busy, match=f"PID {other.pid}"):
            lock.refuse_running(tmp_path)


def test_looking_makes_nothing(tmp_path: Path) -> None:
    lock.refuse_running(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'"text"', b"\xff\xfe"])
def test_an_unreadable_owner_is_still_an_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(lock, "GRACE", 0.1)
    with lock.held(tmp_path, "a", "1"):
        (tmp_path / "lock").write_bytes(content)
        with pytest.raises(Busy, match="an operation is running"):
            lock.refuse_running(tmp_path)
