"""Patches `duckdb` as soon as it is imported, in a process whose environment names an account of the double."""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder


class _AfterDuckDB(MetaPathFinder):
    """Lets `duckdb` be imported as ever, and the double be installed right after it."""

    def find_spec(self, name, path=None, target=None):
        """The ordinary spec, with a loader that patches what it has loaded."""
        if name != "duckdb":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__)))))  # noqa: PTH120
            from sandbox.motherduck.client import install

            install(module)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("MOTHERDUCK_DOUBLE"):
    sys.meta_path.insert(0, _AfterDuckDB())
