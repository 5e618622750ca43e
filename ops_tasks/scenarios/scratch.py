"""A throw-away copy of a whole stack, in the stack's own home: what is rehearsed there cannot hurt the original."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ops_tasks.errors import Refused, UsageError
from ops_tasks.guard.evidence import THROW_AWAY
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

NOT_COPIED = {".git", ".venv", "venv", ".nox", "node_modules", "__pycache__", ".cache", ".pytest_cache", ".ruff_cache"}


@contextmanager
def bare(stack: Stack, prefix: str, need: int) -> Generator[Stack]:
    """Everything below the root but the state set, under a root of its own, for as long as the block runs.

    Raises `Refused` where there is no room for `need` bytes, `UsageError` for a stack that cannot be moved.
    """
    refuse_remote(stack, "a rehearsal on a copy")
    _check_movable(stack)
    free = snapshots.free_bytes(stack)
    if need > free:
        raise Refused(f"a copy to work on needs {need:,} bytes and {free:,} are free", "free some space")
    stack.home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=stack.home))
    (folder / THROW_AWAY).touch()
    try:
        root = folder / "stack"
        databases = [stack.relative(path) for path in stack.duckdb_files]
        folders = [stack.relative(path) for path in stack.folders]
        _copy_rest(stack, root, {*databases, *folders, *(f"{path}.wal" for path in databases)})
        yield replace(stack, root=root)
    finally:
        shutil.rmtree(folder)


def moved(stack: Stack, copy: Stack) -> dict[str, str]:
    """Variables of the environment that name the stack's folder, to name the copy's."""
    here, there = str(stack.root), str(copy.root)
    return {
        name: value.replace(here, there)
        for name, value in os.environ.items()
        if value == here or f"{here}/" in value or value.startswith(f"{here}{os.pathsep}")
    }


def refuse_remote(stack: Stack, what: str) -> None:
    """Raise `Refused` for what only files can do: a copied project would still mean the one MotherDuck database."""
    if stack.remote:
        way_out = "DATABOX_BACKEND=local for a local stack; at MotherDuck: invoke ops.restore --at=TIME --plan"
        raise Refused(f"{what} needs a stack of local files, and these catalogs are MotherDuck's", way_out)


def _copy_rest(stack: Stack, root: Path, state_set: set[str]) -> None:
    """Copy code, configuration and contracts; databases are left to those who can lock them."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {
            name
            for name in names
            if name in NOT_COPIED
            or (here / name).resolve() == stack.home.resolve()
            or stack.relative(here / name) in state_set
            or (here / name).is_socket()
            or (here / name).is_fifo()
        }

    shutil.copytree(stack.root, root, ignore=left_out, symlinks=True)


def _check_movable(stack: Stack) -> None:
    """A path that is not below the root would still mean the original in a copy."""
    for path in (*stack.duckdb_files, *stack.folders, stack.project):
        if not path.resolve().is_relative_to(stack.root.resolve()):
            raise UsageError(f"{path} is outside {stack.root}: it cannot be part of a copy", "configure relative paths")
