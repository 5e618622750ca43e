"""Runs a source's ordinary load, the way it is configured: its command, or its dlt source function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import Stack
from ops_tasks.systems.load import argv, python_path
from ops_tasks.systems.worker import Worker, require


def load(stack: Stack, name: str, say: Say, *, env: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """Load one source into its own database under its own pipeline name, without a window; returns what was loaded.

    `options` go to the worker (`log`, `held`). Raises `StepFailed` when the load fails.
    """
    source, how = stack.source(name), stack.load(name)
    added = {**(env or {}), "PYTHONPATH": python_path(stack)}
    if how.command is not None:
        with Worker("load", cwd=stack.root, env=added, **options) as worker:
            command = argv(how.command)
            return cast("dict[str, Any]", worker.call("run", say, command=command, cwd=str(stack.root), env=added))
    if stack.config.dlt is None:
        raise UsageError(f"source {name} loads with dlt, and there is no ops.dlt.pipelines_dir", "configure it")
    require("dlt", "dlt")
    with Worker("dlt", cwd=stack.root, env=added, **options) as worker:
        return cast(
            "dict[str, Any]",
            worker.call(
                "stage",
                say,
                factory=how.dlt,
                python_path=[str(stack.root / path) for path in stack.config.python_path],
                pipeline=source.pipeline or name,
                dataset=source.dataset,
                tables=list(source.tables),
                staging=stack.catalogs[source.catalog],
                pipelines_dir=str(stack.root / stack.config.dlt.pipelines_dir),
            ),
        )
