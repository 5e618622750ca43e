"""Copies that are flushed, hashed and compared with their original, at about the price of a plain copy.

Everything is done on descriptors that the caller has open: closing another one would drop its locks (POSIX).
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from ops_tasks.errors import StepFailed

CHUNK = 1024 * 1024
STRETCH = 32 * CHUNK
SMALL = 2 * CHUNK
Ends = SimpleQueue[int | None]


def copy(source: int, target: Path, name: str) -> tuple[int, str]:
    """Copy a whole open file to a new one (0600), flush it, read it back, and compare it byte for byte.

    Returns the size and the sha256 of what was read back. Raises `StepFailed` when that is not the original.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    size = os.fstat(source).st_size
    into = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    ends = Ends()
    try:
        if size <= SMALL:
            _copy_flushed(source, into, size, ends.put)
            return size, _check(source, into, ends)
        with ThreadPoolExecutor(max_workers=1) as other:
            checked = other.submit(_check, source, into, ends)
            _copy_flushed(source, into, size, ends.put)
            return size, checked.result()
    except _Differs:
        raise StepFailed(f"the copy of {name} differs from the original") from None
    finally:
        os.close(into)


def sha256(descriptor: int) -> str:
    """Hash of a whole open file."""
    digest, buffer, done = hashlib.sha256(), bytearray(CHUNK), 0
    while count := os.preadv(descriptor, [buffer], done):
        digest.update(memoryview(buffer)[:count])
        done += count
    return digest.hexdigest()


class _Differs(Exception):
    """The copy is not what was copied."""


def _copy_flushed(source: int, target: int, size: int, copied: Callable[[int | None], None]) -> None:
    """Tell, by offsets, how far it is; None is the end, also of a copy that fails."""
    try:
        _copy_bytes(source, target, size, copied)
    finally:
        copied(None)
    os.fsync(target)


def _copy_bytes(source: int, target: int, size: int, copied: Callable[[int], None]) -> None:
    """Inside the kernel where it can (a reflink on some file systems), through a buffer where it cannot.

    The disk begins to write what is there while the rest is copied: Linux does so when it is told that a stretch will
    not be needed soon, and keeps what is not on the disk yet.
    """
    done, inside = 0, True
    while done < size:
        wanted = min(size - done, STRETCH if inside else CHUNK)
        try:
            count = os.copy_file_range(source, target, wanted, done, done) if inside else 0
        except OSError as error:
            if not inside or error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                raise
            inside = False
            continue
        if not inside:
            count = os.pwrite(target, os.pread(source, wanted, done), done)
        if count == 0:
            raise StepFailed("the file became shorter while it was copied")
        if count == STRETCH:
            with suppress(OSError):  # advice only
                os.posix_fadvise(target, done, count, os.POSIX_FADV_DONTNEED)
        done += count
        copied(done)


def _check(source: int, target: int, ends: Ends) -> str:
    """Read the copy back as far as it is told, compare it with the original, and return its sha256."""
    digest, done = hashlib.sha256(), 0
    ours, theirs = bytearray(CHUNK), bytearray(CHUNK)
    while (end := ends.get()) is not None:
        while done < end:
            count = os.preadv(target, [memoryview(theirs)[: end - done]], done)
            if count == 0 or os.preadv(source, [memoryview(ours)[:count]], done) != count:
                raise _Differs
            if (ours != theirs) if count == CHUNK else (ours[:count] != theirs[:count]):
                raise _Differs
            digest.update(memoryview(theirs)[:count])
            done += count
    return digest.hexdigest()
