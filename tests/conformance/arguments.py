"""What the sources start: lists of arguments that begin with a program, and the words given to whatever calls git."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.checkers import CHECKERS
from tests.conformance.commands import Command
from tests.conformance.texts import ROOT, SOURCES, WORD, constants, readings, tree

GIT_RUNS = frozenset({"run", "git.run", "_git", "_asked"})
# What a function that calls git takes besides the words.
OTHERS = frozenset({"env", "ids"})
# Stands for revisions, trees or paths that are only known when it runs.
ANYTHING = "HEAD"


@cache
def _sequences(file: Path) -> tuple[tuple[str, int, list[ast.expr]], ...]:
    """The lists and tuples that get a name in a file: the name, the line, the elements."""
    return tuple(
        (target.id, node.lineno, node.value.elts)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


@cache
def _keys() -> frozenset[tuple[str, str]]:
    """The keys of the configuration, `(section, key)`: a list of those is no command."""
    from ops_tasks.sections import OpsSection

    return frozenset(
        (name, key)
        for name, field in OpsSection.model_fields.items()
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
        for key in getattr(kind, "model_fields", {})
    )


def _words(file: Path, nodes: list[ast.expr], rest: str = "") -> list[str]:
    """The words of a list; `rest` stands for those that are only known when it runs."""
    names, found = constants(file), list[str]()
    for node in nodes:
        if not isinstance(node, ast.Starred):
            found += (readings(node, names) or [WORD])[:1]
            continue
        name = ast.unparse(node.value)
        above = [elements for known, line, elements in _sequences(file) if known == name and line <= node.lineno]
        found += _words(file, above[-1], rest) if above else [rest] * bool(rest)
    return found


def _listed(file: Path, node: ast.AST) -> list[str]:
    match node:
        case ast.List(elts=[ast.Attribute(attr="executable"), *rest]):
            return ["python", *_words(file, rest)]
        case ast.Tuple(elts=[ast.Attribute(attr="executable"), *rest]):
            return ["python", *_words(file, rest)]
        case ast.List(elts=[ast.Constant(value=str() as program), _, *_] as words) if program in CHECKERS:
            found = _words(file, words)
            return [] if tuple(found) in _keys() or found[1:] == [WORD] else found
        case _:
            return []


def _for_git(file: Path, node: ast.AST) -> list[str]:
    """`run(folder, "ls-files", ...)`; functions that hand on what they are given (`*words`) say nothing themselves."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) not in GIT_RUNS:
        return []
    given = [word for word in node.args[1:] if not isinstance(word, ast.Name) or word.id not in OTHERS]
    words = _words(file, given, ANYTHING)
    return ["git", *words] if words and words[0] not in (ANYTHING, WORD) else []


@cache
def started() -> tuple[Command, ...]:
    """Every command that the sources start, as far as it is written down in one place."""
    found: list[Command] = []
    for file in SOURCES:
        for node in ast.walk(tree(file)):
            line: Any = getattr(node, "lineno", 0)
            if words := _listed(file, node) or _for_git(file, node):
                found.append(Command(f"{file.relative_to(ROOT)}:{line}", tuple(words)))
    return tuple(found)


def given(function: str, position: int = 0) -> list[tuple[str, str]]:
    """What constant texts a function of ours is called with, and where."""
    return [
        (value.value, f"{file.relative_to(ROOT)}:{node.lineno}")
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == function
        for value in node.args[position : position + 1]
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
