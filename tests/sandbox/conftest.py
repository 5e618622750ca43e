"""Stacks for the tests of the sandbox itself: one that lives on a day of the past, built once for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from sandbox import stacks
from sandbox.api import server
from sandbox.api import state as states

TODAY = date(2026, 4, 21)


@pytest.fixture(scope="session")
def pinned_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack that lives on 21 April 2026, truth and contracts checked; not to be changed."""
    folder = tmp_path_factory.mktemp("pinned") / "stack"
    stacks.up(folder, today=TODAY, serve=False)
    return folder


@pytest.fixture
def pinned(pinned_source: Path, tmp_path: Path) -> Path:
    """A copy of it, without a server."""
    return stacks.copy(pinned_source, tmp_path / "stack")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The APIs alone: a folder with nothing but their state, and their address."""
    states.write(tmp_path, states.State(TODAY, 20))
    with server.serve(tmp_path) as url:
        yield tmp_path, url
