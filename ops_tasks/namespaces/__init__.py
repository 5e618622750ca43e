"""Every namespace of the plugin. A module offers `ns` (a collection) and `top` (tasks without a prefix)."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from invoke.collection import Collection

MODULES = ("ops", "snapshot", "verify", "plan", "schema", "dagster", "database", "watch", "ci")


def build() -> Collection:
    """A collection of all namespaces and top-level tasks."""
    whole = Collection("ops_tasks")
    for name in MODULES:
        module: Any = import_module(f"ops_tasks.namespaces.{name}")
        if hasattr(module, "ns"):
            whole.add_collection(module.ns)
        for task in getattr(module, "top", ()):
            cast("Any", whole).add_task(task)
    return whole


def __getattr__(name: str) -> Collection:
    if name == "ns":
        return build()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
