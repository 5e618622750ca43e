"""Looks at a live stack without being able to change it: read-only connections, in workers that start side by side."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ops_tasks.stack import Stack
from ops_tasks.systems.worker import Worker, require


class Observer:
    """The two workers of a diagnosis. Both begin to import when the observer is made."""

    def __init__(self, stack: Stack) -> None:
        """Start both; raises `UsageError` when SQLMesh is not installed."""
        require("sqlmesh", "sqlmesh")
        self.stack = stack
        self.databases = {name: str(path) for name, path in stack.databases.items()}
        self._sqlmesh = Worker("sqlmesh", cwd=stack.project)
        self._duck = Worker("duck", cwd=stack.root)
        sqlmesh = stack.config.sqlmesh
        self._project: dict[str, Any] = {
            "project": str(stack.project),
            "gateway": sqlmesh.gateway,
            "environment": sqlmesh.environment,
        }

    def sqlmesh(self, function: str, **arguments: Any) -> Any:
        """Ask `sqlmesh_worker`."""
        return self._sqlmesh.call(function, **self._project, **arguments)

    def duck(self, function: str, **arguments: Any) -> Any:
        """Ask `duck_worker`."""
        return self._duck.call(function, databases=self.databases, **arguments)

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._sqlmesh.__exit__(kind, error, tb)
        self._duck.__exit__(kind, error, tb)
