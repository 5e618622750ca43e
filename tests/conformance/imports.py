"""What the sources use of other packages: every import, wherever it stands, and the attributes of imported modules."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.conformance import markdown
from tests.conformance.checkers import load
from tests.conformance.texts import ROOT, SOURCES, texts, tree

OWN = frozenset({"ops_tasks", "ops_hooks", "hooks", "sandbox", "__future__"})
SCRIPT = re.compile(r"^(?:import|from) \w", re.M)


@dataclass(frozen=True)
class Use:
    """`module.path` as it is used at a place: a name that is imported from a module, or read from one."""

    where: str
    module: str
    path: str

    @property
    def package(self) -> str:
        """The top package."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.where}: {self.module}.{self.path}"


def uses(where: str, code: ast.AST) -> Iterator[Use]:
    """Everything that a piece of Python takes from packages that are not ours."""
    modules: dict[str, str] = {}
    for node in ast.walk(code):
        place = f"{where}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield Use(place, alias.name, "")
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (Use(place, node.module or "", alias.name) for alias in node.names)
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield Use(f"{where}:{node.lineno}", modules[node.value.id], node.attr)


@cache
def in_sources() -> tuple[Use, ...]:
    """Of every file, and of the scripts that are texts in them."""
    found = [use for file in SOURCES for use in uses(_name(file), tree(file))]
    for text in texts():
        if text.role != "docstring" and len(SCRIPT.findall(text.text)) > 1:
            found += uses(text.where, ast.parse(textwrap.dedent(text.text)))
    return tuple(use for use in found if use.package not in OWN)


@cache
def in_documents() -> tuple[Use, ...]:
    """Of the Python that the documents show; ours as well."""
    return tuple(
        use
        for block in markdown.blocks()
        if block.language == "python"
        for use in uses(block.where, ast.parse(textwrap.dedent(block.text)))
    )


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def error(use: Use) -> str | None:
    """Why a use does not resolve in what is installed; None when it does."""
    try:
        found: Any = load(use.module)
    except ImportError as wrong:
        return f"{use}: {wrong}"
    if not use.path or use.path == "*" or hasattr(found, use.path):
        return None
    if hasattr(found, "__path__") and find_spec(f"{use.module}.{use.path}") is not None:
        return None
    return f"{use}: {use.module} has no {use.path}"
