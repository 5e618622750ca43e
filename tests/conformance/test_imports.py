"""Whatever we import of other tools, their private modules included, is there in the installed version."""

from __future__ import annotations

import ast
from inspect import getmembers, isfunction
from typing import get_type_hints

import pytest

from tests.conformance import imports
from tests.conformance.checkers import load
from tests.conformance.imports import Use, error, uses

TOOLS = {"sqlmesh", "sqlglot", "dagster", "dlt", "soda_core", "soda_duckdb", "duckdb", "invoke", "git", "ruamel", "nox"}


def test_everything_that_is_used_of_other_packages_exists() -> None:
    each = imports.in_sources()
    assert {use.package for use in each} >= TOOLS
    assert len({(use.module, use.path) for use in each}) >= 150
    assert sum("._" in f"{use.module}.{use.path}" for use in each) >= 8
    wrong = [told for told in map(error, each) if told]
    assert not wrong, "\n".join(wrong)


def test_python_in_documents() -> None:
    each = imports.in_documents()
    assert {use.package for use in each} >= {"ops_tasks"}
    wrong = [told for told in map(error, each) if told]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("from sqlmesh import Contexts", "sqlmesh.Contexts"),
        ("def f():\n    from dagster._core.nowhere import x", "dagster._core.nowhere.x"),
        ("import dagster as dg\n\ndg.asset_checked()", "dagster.asset_checked"),
        ("if x:\n    import duckdb\n    duckdb.connected", "duckdb.connected"),
        ("import soda_core.nowhere", "soda_core.nowhere."),
    ],
)
def test_what_is_missing_is_told(code: str, missing: str) -> None:
    told = [one for one in map(error, uses("here", ast.parse(code))) if one]
    assert len(told) == 1
    assert missing in told[0]


def test_what_is_there_is_taken() -> None:
    assert error(Use("here", "sqlmesh", "Context")) is None
    assert error(Use("here", "dagster", "_core")) is None
    assert error(Use("here", "ruamel.yaml", "")) is None


@pytest.mark.parametrize("module", ["ops_tasks.dagster.soda_checks", "ops_tasks.dagster.freshness_sensor"])
def test_types_that_users_see_are_there_when_it_runs(module: str) -> None:
    """What Dagster and editors ask of a function's annotations; a lazy module lets a type checker believe any name."""
    each = [value for _, value in getmembers(load(module), isfunction) if value.__module__ == module]
    assert each
    for function in each:
        get_type_hints(function)
