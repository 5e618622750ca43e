"""A file is the old one or the new one, never a part of it, and nothing is left beside it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ops_tasks import whole_files


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    whole_files.write(file, "ä")
    assert file.read_bytes() == "ä".encode()
    whole_files.write(file, b"\0\n")
    assert file.read_bytes() == b"\0\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("failing", ["fsync", "fchmod", "replace"])
def test_on_an_error_the_old_one_stays_and_nothing_beside_it(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path if failing == "replace" else os, failing, full)
    with pytest.raises(OSError, match="No space"):
        whole_files.write(file, "new", mode=0o600)
    monkeypatch.undo()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_read_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_folder: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(whole_files, "flush", forbidden)
    whole_files.write(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize(("mode", "umask", "bits"), [(None, 0o022, 0o644), (None, 0o077, 0o600), (0o644, 0o077, 0o644)])
def test_who_may_read_it(mode: int | None, umask: int, bits: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        whole_files.write(tmp_path / "a", "", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == bits


def test_a_link_becomes_a_file_and_what_it_named_stays(tmp_path: Path) -> None:
    (tmp_path / "far").write_text("far")
    (tmp_path / "a").symlink_to(tmp_path / "far")
    whole_files.write(tmp_path / "a", "near")
    assert (tmp_path / "far").read_text() == "far"
    assert (tmp_path / "a").read_text() == "near"
