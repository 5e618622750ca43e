"""Makes a dlt source to see what it is; nothing is extracted or loaded."""

from __future__ import annotations

from typing import Any

from ops_tasks.systems.dlt_worker import (
    _source,  # pyright: ignore[reportPrivateUsage] - the very source that a load makes
    _table,  # pyright: ignore[reportPrivateUsage]
)


def made(factory: str, python_path: list[str]) -> dict[str, Any]:
    """Return the `name` of the source that `factory` (`module:function`) makes, and the `tables` of its resources."""
    source = _source(factory, python_path)
    return {"name": source.name, "tables": [_table(resource) for resource in source.resources.values()]}
