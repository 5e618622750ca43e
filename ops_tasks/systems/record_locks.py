"""Record locks: the kind that DuckDB takes on its files. Who has one, and how to have one oneself.

Closing any descriptor of a file drops every record lock that this process has on it: none of this belongs into a
process with a DuckDB connection.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Generator
from pathlib import Path
from typing import Any

from ops_tasks.errors import Busy

FLOCK = "hhqqi"  # struct flock of 64-bit Linux: type, whence, start, length, pid


def holders(files: list[str]) -> list[dict[str, Any]]:
    """Return `{file, pid, command}` for every file on which another process holds a record lock (DuckDB takes one)."""
    found: list[dict[str, Any]] = []
    for file in files:
        try:
            descriptor = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            pid = _holder(descriptor)
        finally:
            os.close(descriptor)
        if pid is not None:
            found.append({"file": file, "pid": pid, "command": _command(pid)})
    return found


def _holder(descriptor: int) -> int | None:
    """PID of a process whose record lock conflicts with a write lock of ours, by F_GETLK."""
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else pid


def _command(pid: int) -> str:
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())[:200]
    except psutil.Error:
        return "unknown"


@contextlib.contextmanager
def opened(path: Path, flags: int = os.O_RDONLY) -> Generator[int]:
    """A descriptor of a file, links not followed unless the path itself is one."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW if not path.is_symlink() else flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared(path: Path) -> Generator[int]:
    """Keep writers out while readers may stay."""
    with opened(path, os.O_RDWR) as descriptor:
        _lock(descriptor, fcntl.LOCK_SH, path)
        yield descriptor


@contextlib.contextmanager
def exclusive(path: Path) -> Generator[int]:
    """Keep everybody out; released when the renamed file's descriptor is closed."""
    with opened(path, os.O_RDWR) as descriptor:
        _lock(descriptor, fcntl.LOCK_EX, path)
        yield descriptor


def _lock(descriptor: int, kind: int, path: Path) -> None:
    try:
        fcntl.lockf(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            raise
        pid = _holder(descriptor)
        who = f"PID {pid}, {_command(pid)}" if pid else "another process"
        raise Busy(f"{path.name} is held by {who}", "stop that process and try again") from None
