"""This repository's own tasks: the plugin as any other project mounts it, the sandbox, and development chores."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, cast

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task  # pyright: ignore[reportUnknownVariableType]

from ops_tasks import ns as plugin

LOCKED = "constraints.txt"


@task
def lock(c: Context) -> None:
    """Pin every package of every session anew in constraints.txt (needs uv).

    Example: invoke dev.lock
    """
    c.run(
        "uv pip compile pyproject.toml --all-extras --group test --group lint --python-version 3.11 --upgrade "
        f"--no-header --no-annotate --no-emit-index-url --quiet --output-file {LOCKED}"
    )


@task
def hooks(c: Context) -> None:
    """Run this repository's own pre-commit hooks over every file.

    Example: invoke dev.hooks
    """
    c.run("pre-commit run --all-files", pty=False)


@cast("Any", task)(
    iterable=["page"],
    help={"page": "Page of docs/; may be given several times (default: all of them).", "check": "Change nothing."},
)
def docs(c: Context, page: Sequence[str], check: bool = False) -> None:
    """Render the pages of docs/ that are made by programs; with --check say which are stale, and end with 1.

    Of these, runbook.md takes minutes: every incident in it is played.

    Example: invoke dev.docs --check
    """
    c.run(shlex.join([sys.executable, "-m", "docs_tools", *page, *(["--check"] if check else [])]))


ns = Collection()
_root, _plugin = cast("Any", ns), plugin  # Invoke does not type what a collection holds
for _name, _collection in _plugin.collections.items():
    _root.add_collection(_collection, name=_name)
for _name, _task in _plugin.tasks.items():
    _root.add_task(_task, name=_name)
_root.add_collection(Collection("dev", lock, hooks, docs))
if find_spec("sandbox") is not None:
    from sandbox.namespace import namespace as _sandbox

    _root.add_collection(_sandbox, name="sandbox")
