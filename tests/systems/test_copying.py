"""A copy is the original, on the disk, or it is refused."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from hashlib import sha256 as digest
from pathlib import Path

import pytest

from ops_tasks.errors import StepFailed
from ops_tasks.systems import copying
from ops_tasks.systems.copying import CHUNK, SMALL, STRETCH, copy, sha256

SIZES = [0, 1, CHUNK, CHUNK + 1, SMALL, SMALL + 1, 3 * CHUNK - 1, STRETCH, STRETCH + 12345]


def made(path: Path, size: int) -> bytes:
    content = random.Random(size).randbytes(size)  # noqa: S311
    path.write_bytes(content)
    return content


def copied(source: Path, target: Path) -> tuple[int, str]:
    descriptor = os.open(source, os.O_RDONLY)
    try:
        return copy(descriptor, target, source.name)
    finally:
        os.close(descriptor)


def cannot(*_: int) -> int:
    raise OSError(errno.EXDEV, "cannot")


def partly(real: Callable[..., int]) -> Callable[..., int]:
    """A kernel that copies less than it is asked for."""

    def some(source: int, target: int, count: int, *rest: int) -> int:
        return real(source, target, min(count, 1_000_003), *rest)

    return some


@pytest.mark.parametrize("kernel", ["copies", "copies a part", "cannot copy"])
@pytest.mark.parametrize("size", SIZES)
def test_a_copy_is_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, kernel: str) -> None:
    content = made(tmp_path / "a", size)
    if kernel != "copies":
        monkeypatch.setattr(os, "copy_file_range", cannot if "cannot" in kernel else partly(os.copy_file_range))
    assert copied(tmp_path / "a", tmp_path / "deep" / "b") == (size, digest(content).hexdigest())
    assert (tmp_path / "deep" / "b").read_bytes() == content
    assert (tmp_path / "deep" / "b").stat().st_mode & 0o777 == 0o600


def test_a_longer_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    content = made(tmp_path / "a", 5000)
    made(tmp_path / "b", 3 * CHUNK)
    copied(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == content


@pytest.mark.parametrize("size", [100, CHUNK, 4 * CHUNK + 100])
@pytest.mark.parametrize("place", [0, -1])
def test_a_copy_that_differs_in_one_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, place: int) -> None:
    made(tmp_path / "a", size)
    real = os.copy_file_range

    def lying(source: int, target: int, count: int, at: int, to: int) -> int:
        done = real(source, target, count, at, to)
        byte = os.pread(target, 1, place % size)[0]
        os.pwrite(target, bytes([byte ^ 1]), place % size)
        return done

    monkeypatch.setattr(os, "copy_file_range", lying)
    with pytest.raises(StepFailed, match="the copy of a differs from the original"):
        copied(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("size", [100, 4 * CHUNK])
def test_a_file_that_becomes_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    made(tmp_path / "a", size)
    real = os.copy_file_range

    def cut(source: int, target: int, count: int, at: int, to: int) -> int:
        os.truncate(tmp_path / "a", size // 2)
        return real(source, target, count, at, to)

    monkeypatch.setattr(os, "copy_file_range", cut)
    with pytest.raises(StepFailed, match="shorter while it was copied"):
        copied(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("size", [100, 4 * CHUNK])
def test_a_full_disk_is_the_reason_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    made(tmp_path / "a", size)

    def full(_source: int, _target: int, _count: int, at: int, _to: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(OSError, match="No space left"):
        copied(tmp_path / "a", tmp_path / "b")


def test_a_disk_that_fails_when_it_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "a", 4 * CHUNK)

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(copying.os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        copied(tmp_path / "a", tmp_path / "b")


def test_a_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    content = made(tmp_path / "a", 2 * CHUNK + 77)
    with (tmp_path / "a").open("rb") as file:
        assert sha256(file.fileno()) == digest(content).hexdigest()
