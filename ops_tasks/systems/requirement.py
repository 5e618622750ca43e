"""What another environment has to install to have this very package."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from ops_tasks import __version__


def requirement(name: str = "ops-tasks", extra: str = "contracts") -> str:
    """This version from an index, or from where this one was installed: a folder, a file, a repository at its commit.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    wanted = f"{name}[{extra}]"
    try:
        told = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        told = None
    if told is None:
        return f"{wanted}=={__version__}"
    came: dict[str, Any] = json.loads(told)
    if vcs := came.get("vcs_info"):
        return f"{wanted} @ {vcs['vcs']}+{came['url']}@{vcs['commit_id']}"
    return f"{wanted} @ {came['url']}"
