"""What the tests of a hook work in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hooks.contract_project import CONFIG, DAILY, GOOD, write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLMesh project with one mart and its good contract; the working directory is above it."""
    write(tmp_path, "p/config.yaml", CONFIG)
    write(tmp_path, "p/models/daily.sql", DAILY)
    write(tmp_path, "contracts/daily.yml", GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path
