"""Stacks for the tests of the sandbox itself: one that lives on a day of the past, built once for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sandbox import account, stacks
from sandbox.api import server
from sandbox.api import state as states

TODAY = date(2026, 4, 21)


def rows(folder: Path, catalog: str, statement: str) -> list[tuple[Any, ...]]:
    """What the file of a catalog holds, of either backend; never through a connection to MotherDuck."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{account.file_of(folder, catalog)}' AS {catalog} (READ_ONLY)")
        connection.execute(f"USE {catalog}")
        return connection.execute(statement).fetchall()


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


@pytest.fixture(scope="session")
def remote_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same stack with its catalogs in MotherDuck's double; not to be changed."""
    folder = tmp_path_factory.mktemp("remote") / "stack"
    stacks.up(folder, today=TODAY, backend="motherduck", serve=False)
    return folder


@pytest.fixture
def remote(remote_source: Path, tmp_path: Path) -> Path:
    """A copy of it, with an account of its own and without an API server."""
    return stacks.copy(remote_source, tmp_path / "stack")


@pytest.fixture(params=["local", "motherduck"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the stack of either backend."""
    source = request.getfixturevalue("pinned_source" if request.param == "local" else "remote_source")
    return stacks.copy(source, tmp_path / "stack")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The APIs alone: a folder with nothing but their state, and their address."""
    states.write(tmp_path, states.State(TODAY, 20))
    with server.serve(tmp_path) as url:
        yield tmp_path, url
