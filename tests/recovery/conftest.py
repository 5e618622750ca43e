"""Stacks that have a verified snapshot, made once per process and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import stacks
from sandbox.api.server import serve
from tests.conftest import Sandbox


@pytest.fixture(scope="session")
def with_snapshot(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded stack with the verified snapshot `nightly`; copy it with `copied`."""
    folder = stacks.copy(loaded, tmp_path_factory.mktemp("kept") / "stack")
    taken = Sandbox(folder).invoke("snapshot.create", "--name=nightly")
    assert taken.code == 0, taken.err
    return folder


@pytest.fixture
def saved(with_snapshot: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A copy of it."""
    folder = copied(with_snapshot, tmp_path / "stack")
    with serve(folder):
        yield Sandbox(folder)


def copied(stack: Path, to: Path) -> Path:
    """Copy a stack along with its snapshots, which a sandbox's own copy leaves behind."""
    folder = stacks.copy(stack, to)
    shutil.copytree(stack / ".ops", folder / ".ops", dirs_exist_ok=True)
    return folder
