"""The SQL of the sources: every statement in a text, and whether each one that is executed has been seen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sandbox.motherduck import grammar
from tests.conformance.texts import ROOT, SOURCES, WORD, constants, readings, texts, tree

STATEMENT = re.compile(
    r"\s*(?:(?:BEGIN|COMMIT|ROLLBACK|CHECKPOINT)$|(?:WITH|SELECT|INSERT|DELETE|UPDATE|CREATE|ALTER|DROP|COPY|ATTACH|DETACH|USE|SET|BEGIN|COMMIT|"
    r"FROM|PRAGMA|CALL|INSTALL|LOAD|UNDROP|EXPORT|IMPORT|VACUUM|EXPLAIN|DESCRIBE|SHOW)\s+\S)"
)
# Sentences that begin with the name of a statement.
SENTENCES = (
    "UNDROP DATABASE brings back",
    "UNDROP DATABASE word in MotherDuck",
    "SET SNAPSHOT, or COPY FROM",
    "SELECT nor WITH",
)
# `execute(...)` of something that is no connection, or of text that comes from the database or from the caller.
NOT_OURS = {
    ("attaching_worker.py", "sql"): "a view's own definition, taken to another name",
    ("soda_worker.py", ""): "Soda's session",
}
TEMPLATE = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Statement:
    """One statement of the sources, placeholders filled: where it stands, and its text."""

    where: str
    text: str

    @property
    def for_motherduck(self) -> bool:
        """Whether it is MotherDuck that parses it."""
        return grammar.concerns(self.text)


@cache
def statements() -> tuple[Statement, ...]:
    """Every statement of the sources."""
    found = {
        Statement(text.where, TEMPLATE.sub(WORD, text.text))
        for text in texts()
        if text.role != "docstring" and STATEMENT.match(text.text) and not text.text.startswith(SENTENCES)
    }
    return tuple(sorted(found, key=lambda one: (one.where, one.text)))


def unseen() -> list[str]:
    """Where something is executed whose text is not among the statements."""
    known = {(one.where.partition(":")[0], one.text) for one in statements()}
    return [
        f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node.args[0])}"
        for file in SOURCES
        for node in _executed(file)
        if not _is_seen(file, node.args[0], known)
    ]


def _executed(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(tree(file)):
        match node:
            case ast.Call(func=ast.Attribute(attr="execute"), args=[_, *_]):
                yield node
            case _:
                pass


def _is_seen(file: Path, given: ast.expr, known: set[tuple[str, str]]) -> bool:
    name = given.id if isinstance(given, ast.Name) else ""
    if (file.name, name) in NOT_OURS:
        return True
    if isinstance(given, ast.Call) and ast.unparse(given.func).endswith(".format"):
        given = given.func.value if isinstance(given.func, ast.Attribute) else given
        name = given.id if isinstance(given, ast.Name) else ""
    values = [given] if not name else [*_assigned(file, name)]
    told = [TEMPLATE.sub(WORD, text) for value in values for text in readings(value, constants(file))]
    place = str(file.relative_to(ROOT))
    return bool(told) and all((place, text) in known for text in told)


def _assigned(file: Path, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            yield node.value
