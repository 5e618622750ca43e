"""Looks at a live stack without being able to change it: read-only connections, in workers that start side by side."""

from __future__ import annotations

from typing import Any

from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.worker import require


class Observer:
    """The eyes of a diagnosis: SQLMesh and DuckDB; both begin to import when the observer is made."""

    def __init__(self, stack: Stack, crew: Crew) -> None:
        """Start both among `crew`; raises `UsageError` when SQLMesh is not installed."""
        require("sqlmesh", "sqlmesh")
        self.stack = stack
        self._crew = crew
        self._databases = stack.catalogs
        sqlmesh = stack.config.sqlmesh
        self._project: dict[str, Any] = {
            "project": str(stack.project),
            "gateway": sqlmesh.gateway,
            "environment": sqlmesh.environment,
        }
        self._begun: dict[str, Any] | None = None
        crew.warm("sqlmesh", cwd=stack.sqlmesh_folder)
        crew.warm("duck")

    def sqlmesh(self, function: str, **arguments: Any) -> Any:
        """Ask `sqlmesh_worker`."""
        return self._crew.call("sqlmesh", function, **self._project, **arguments)

    def duck(self, function: str, **arguments: Any) -> Any:
        """Ask `duck_worker`."""
        return self._crew.call("duck", function, databases=self._databases, **arguments)

    def begin_plan(self, **question: Any) -> None:
        """Let SQLMesh plan a restatement while DuckDB is asked something else; `plan` brings the answer."""
        self._begun = question
        self._crew.send("sqlmesh", "plan", **self._project, **question)

    def plan(self, **question: Any) -> Any:
        """SQLMesh's plan of a restatement; see `sqlmesh_worker.plan`."""
        if question == self._begun:
            self._begun = None
            return self._crew.receive("sqlmesh")
        return self.sqlmesh("plan", **question)

    def close(self) -> None:
        """Let go of the files; SQLMesh's worker stays for what may come. DuckDB's holds none between two questions."""
        self._crew.call("sqlmesh", "let_go")
