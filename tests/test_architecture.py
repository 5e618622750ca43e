"""Who may import whom, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ops_tasks"
FILES = sorted([*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "hooks").rglob("*.py")])

# A room may import itself, what is listed, and the floor.
FLOOR = {"errors", "durations", "secret_looks", "sections", "stack", "whole_files", "__version__"}
BELOW: dict[str, set[str]] = {
    "namespaces": {"scenarios", "discovery", "operation", "systems", "contracts", "report"},
    "discovery": {"systems"},
    "scenarios": {"guard", "operation", "systems", "contracts"},
    "guard": {"operation", "systems"},
    "dagster": {"scenarios", "systems"},
    "operation": set(),
    "systems": set(),
    "contracts": set(),
    "report": {"operation", "systems"},
    "program": {"namespaces", "report"},
    "nox": set(),
    "__init__": {"namespaces"},
    "stack": set(),
    "sections": set(),
    "secret_looks": set(),
    "durations": set(),
    "errors": set(),
    "whole_files": set(),
}
FLOOR_OF = {
    "operation": {"errors", "whole_files"},
    "stack": {"errors", "secret_looks", "sections"},
    "secret_looks": set[str](),
    "sections": {"errors", "durations"},
    "durations": {"errors"},
    "errors": set[str](),
    "whole_files": set[str](),
}
# report shows plans and values; it never acts.
REPORT_MAY = {
    "scenarios.account_facts",
    "operation.plan",
    "systems.secrets",
    "scenarios.backfill_facts",
    "scenarios.window",
}
HOOKS_MAY = {"contracts", "guard", "systems.git", "systems.revisions", "durations", "sections", "stack", "errors"}

HEAVY = {
    "duckdb",
    "sqlmesh",
    "sqlglot",
    "dlt",
    "dagster",
    "soda_core",
    "soda_duckdb",
    "numpy",
    "pandas",
    "git",
    "psutil",
}
# guard/plans.py is SQLMesh's own evaluator with a question before it: imported by SQLMesh projects only. What dagster/
# offers is imported by Dagster definitions only.
HEAVY_MAY = {"block_scan.py", "soda_dialect.py", "plans.py", "freshness_sensor.py", "slas.py", "soda_checks.py"}
# The core neither knows Invoke nor prints.
INVOKE_MAY = {"namespaces", "program", "__init__"}


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def room_of(file: Path) -> str:
    """The room of a file of the package: its folder, or its own name."""
    parts = file.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return parts[0]


def imports(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """Every module a tree imports, `from a import b` as `a.b`, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported(file: Path) -> set[str]:
    package = list(file.relative_to(ROOT).parent.parts)
    return set(imports(ast.parse(file.read_text(encoding="utf-8")), package))


def own(file: Path) -> set[str]:
    """What a file imports of this package, without the package's name."""
    return {name.removeprefix(f"{PACKAGE}.") for name in imported(file) if name.startswith(f"{PACKAGE}.")}


def at_import(file: Path) -> set[str]:
    """First names of what is imported when the file itself is: not inside functions, not for type checkers alone."""
    found: set[str] = set()
    ahead: list[ast.stmt] = list(ast.parse(file.read_text(encoding="utf-8")).body)
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            ahead += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {name.split(".")[0] for name in imports(node, [])}
        ahead += [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
    return found


def test_there_is_something_to_judge() -> None:
    assert {room_of(file) for file in FILES if file.is_relative_to(ROOT / PACKAGE)} == set(BELOW)


@pytest.mark.parametrize("file", [f for f in FILES if f.is_relative_to(ROOT / PACKAGE)], ids=name_of)
def test_imports_point_down(file: Path) -> None:
    room = room_of(file)
    allowed = {room} | BELOW[room] | FLOOR_OF.get(room, FLOOR)
    wrong = {name for name in own(file) if name.split(".")[0] not in allowed}
    if room == "report":
        wrong = {
            name
            for name in own(file)
            if name.split(".")[0] not in {"report"} | FLOOR and ".".join(name.split(".")[:2]) not in REPORT_MAY
        }
    assert wrong == set()


@pytest.mark.parametrize("file", [f for f in FILES if f.is_relative_to(ROOT / PACKAGE)], ids=name_of)
def test_only_the_edge_knows_invoke(file: Path) -> None:
    if room_of(file) not in INVOKE_MAY:
        assert "invoke" not in {name.split(".")[0] for name in imported(file)}


@pytest.mark.parametrize("file", [f for f in FILES if f.is_relative_to(ROOT / "hooks")], ids=name_of)
def test_hooks_stay_light(file: Path) -> None:
    assert "invoke" not in {name.split(".")[0] for name in imported(file)}
    wrong = {name for name in own(file) if not any(name == may or name.startswith(f"{may}.") for may in HOOKS_MAY)}
    assert wrong == set()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_nothing_heavy_at_the_top(file: Path) -> None:
    if not file.name.endswith("_worker.py") and file.name not in HEAVY_MAY:
        assert at_import(file) & HEAVY == set()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_workers_are_imported_by_workers_only(file: Path) -> None:
    """A worker's module in the planning process would open databases there; see `systems.worker`."""
    systems = {name.split(".")[1] for name in own(file) if name.startswith("systems.")}
    if not file.name.endswith("_worker.py") and file.name not in HEAVY_MAY:
        assert {name for name in systems if name.endswith("_worker") or f"{name}.py" in HEAVY_MAY} == set()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_files_stay_small(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import duckdb", {"duckdb"}),
        ("from git import Repo", {"git"}),
        ("try:\n    import numpy.typing\nexcept ImportError:\n    pass", {"numpy"}),
        ("if x:\n    import psutil\nelse:\n    import dlt", {"psutil", "dlt"}),
        ("class A:\n    import duckdb", {"duckdb"}),
        ("with x:\n    from dagster import y", {"dagster"}),
        ("def f():\n    import duckdb", set[str]()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import duckdb", {"typing"}),
    ],
)
def test_the_judge_sees(tmp_path: Path, source: str, expected: set[str]) -> None:
    file = tmp_path / "x.py"
    file.write_text(source)
    assert at_import(file) == expected
