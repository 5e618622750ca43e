"""Patches `duckdb` as soon as it is imported, in a process whose environment names an account of the double."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

HERE = os.path.abspath(__file__)  # noqa: PTH100 - pathlib takes longer to import than all of this
REPOSITORY = HERE.rsplit(os.sep, 4)[0]


class AfterDuckDB(MetaPathFinder):
    """Lets `duckdb` be imported as ever, and the double be installed right after it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The ordinary spec, with a loader that patches what it has loaded."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == "duckdb" else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            sys.path.append(REPOSITORY)
            from sandbox.motherduck.client import install

            install(module)

        setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 - a loader is not made to be changed
        return spec


if os.environ.get("MOTHERDUCK_DOUBLE"):
    sys.meta_path.insert(0, AfterDuckDB())
