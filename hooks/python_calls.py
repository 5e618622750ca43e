"""Restatements in Python: of the API by its argument, of the command line in lists and in texts that are run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from . import shell_calls
from .calls import restates

ARGUMENT = "restate_models"
RUNS = frozenset(
    {"run", "system", "popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "sudo", "local"}
    | {"execute", "sh", "bash", "shell", "create_subprocess_shell", "spawn", "Popen", "BashOperator", "ShellOperation"}
)


def find(text: str) -> list[tuple[int, int, int]]:
    """`(line, offset, last line)` of every restatement; raises `SyntaxError` for text that is no Python."""
    tree = ast.parse(text)
    told = _docstrings(tree)
    imports = "sqlmesh" in text
    found: dict[tuple[int, int], int] = {}
    inside: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inside or id(node) in told or not isinstance(node, ast.expr):
            continue
        if _is_call(node, imports=imports):
            found.setdefault((node.lineno, node.col_offset), node.end_lineno or node.lineno)
            # What is part of it is not told once more.
            inside |= {id(inner) for inner in ast.walk(node)}
    return [(line, offset + 1, last) for (line, offset), last in sorted(found.items())]


def _is_call(node: ast.expr, *, imports: bool) -> bool:
    if isinstance(node, ast.Call):
        if any(word.arg == ARGUMENT and not _nothing(word.value) for word in node.keywords):
            return True
        return _name(node.func) in RUNS and any(
            (said := _text(value)) is not None and bool(shell_calls.find(said)) for value in _arguments(node)
        )
    if isinstance(node, ast.Dict):
        keys = zip(node.keys, node.values, strict=True)
        return imports and any(
            key is not None and _text(key) == ARGUMENT and not _nothing(value) for key, value in keys
        )
    if isinstance(node, ast.List | ast.Tuple):
        words = [_text(item) or "?" for item in node.elts]
        return restates(words) and any(word != "?" for word in words)
    said = _text(node)
    return said is not None and _is_command(said)


def _arguments(node: ast.Call) -> Iterator[ast.expr]:
    yield from node.args[:1]
    yield from (word.value for word in node.keywords if word.arg in ("args", "command", "cmd", "bash_command"))


def _is_command(text: str) -> bool:
    """Whether a text that is only kept is a command all the same: it begins with the program and parses as one."""
    words = text.split()
    return bool(words) and shell_calls.begins(words) and bool(shell_calls.find(text))


def _text(node: ast.expr) -> str | None:
    """The text that an expression makes, what is filled in standing as `?`; None where it makes none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join((_text(part) or "") if isinstance(part, ast.Constant) else "?" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        left, right = _text(node.left), _text(node.right) if isinstance(node.op, ast.Add) else ""
        return None if left is None else left + ("?" if right is None else right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "strip"):
        return _text(node.func.value)
    return None


def _nothing(node: ast.expr) -> bool:
    """`None`, or an empty list, tuple, set or dict: no restatement is asked for."""
    if isinstance(node, ast.Constant):
        return not node.value
    return isinstance(node, ast.List | ast.Tuple | ast.Set) and not node.elts


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _docstrings(tree: ast.AST) -> set[int]:
    """Texts that stand alone as a statement, docstrings above all."""
    return {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
