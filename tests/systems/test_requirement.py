"""The hooks that are written into a configuration can be installed: from where this package came."""

from __future__ import annotations

import json
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from ops_tasks import __version__
from ops_tasks.systems import requirement


@pytest.mark.parametrize(
    ("came", "told"),
    [
        (None, f"=={__version__}"),
        ({"url": "file:///srv/ops-tasks", "dir_info": {"editable": True}}, " @ file:///srv/ops-tasks"),
        ({"url": "https://x.org/a.whl", "archive_info": {}}, " @ https://x.org/a.whl"),
        (
            {
                "url": "https://x.org/a.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
            },
            " @ git+https://x.org/a.git@abc",
        ),
    ],
    ids=["index", "folder", "file", "repository"],
)
def test_where_it_came_from(came: dict[str, Any] | None, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_name: str) -> str | None:
        return None if came is None else json.dumps(came)

    def distribution(_name: str) -> SimpleNamespace:
        return SimpleNamespace(read_text=read)

    monkeypatch.setattr(requirement, "distribution", distribution)
    assert requirement.requirement() == f"ops-tasks[contracts]{told}"


def test_a_package_that_was_never_installed_is_of_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(requirement, "distribution", nowhere)
    assert requirement.requirement() == f"ops-tasks[contracts]=={__version__}"
