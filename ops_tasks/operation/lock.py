"""One operation at a time per stack."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Busy

GRACE = 10.0


@contextmanager
def held(home: Path, task: str, operation: str) -> Generator[int]:
    """Hold the stack's lock and yield its descriptor, which child processes inherit.

    The lock lasts until the last child is gone too, so a killed operation's dying workers are waited for (`GRACE`
    seconds). A live owner is a `Busy` error at once, with its PID.
    """
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor)
        os.ftruncate(descriptor, 0)
        owner = {"pid": os.getpid(), "task": task, "operation": operation}
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_running(home: Path) -> None:
    """Raise `Busy` while an operation is running; nothing is locked or written."""
    try:
        descriptor = os.open(home / "lock", os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        _acquire(descriptor)
    finally:
        os.close(descriptor)


def holder(home: Path) -> dict[str, Any]:
    """`pid`, `task` and `operation` of whoever holds the lock now, nothing when it is free; nothing is locked."""
    try:
        descriptor = os.open(home / "lock", os.O_RDWR)
    except FileNotFoundError:
        return {}
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(descriptor)
    finally:
        os.close(descriptor)
    return {}


def _acquire(descriptor: int) -> None:
    until = time.monotonic() + GRACE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = _owner(descriptor)
            if time.monotonic() > until or _alive(owner.get("pid")):
                what = f"{owner['task']} {owner['operation']}" if owner else "an operation"
                who = f" (PID {owner['pid']})" if owner else ""
                raise Busy(f"{what} is running{who}", "wait for it to end") from None
            time.sleep(0.05)


def _owner(descriptor: int) -> dict[str, Any]:
    """What the owner has written, nothing when it is not (yet) all there."""
    try:
        owner: object = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return cast("dict[str, Any]", owner) if isinstance(owner, dict) else {}


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
