"""Executable incident runbook for DuckDB, dlt, SQLMesh, Dagster and Soda stacks.

`from ops_tasks import ns` in a `tasks.py` mounts every namespace; importing the package itself loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops_tasks.namespaces import ns as ns

__all__ = ["ns"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "ns":
        from ops_tasks.namespaces import ns

        return ns
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
