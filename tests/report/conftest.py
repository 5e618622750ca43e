"""Reports are made by a program that has its tasks."""

from __future__ import annotations

import pytest

from ops_tasks.namespaces import build


@pytest.fixture(autouse=True, scope="session")
def _tasks() -> None:  # pyright: ignore[reportUnusedFunction]
    build()
