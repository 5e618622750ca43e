"""Restatements in Python: of the API by its argument, of the command line in lists and in texts that are run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

from . import shell_calls
from .calls import FLAG, plans_again, restates

ARGUMENT = "restate_models"
# dagster-sqlmesh 0.22: `run(select_models=..., restate_selected=True)` hands the selection on as `restate_models`.
SELECTED = "restate_selected"
RUNS = frozenset(
    {"run", "system", "popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "sudo", "local"}
    | {"execute", "sh", "bash", "shell", "create_subprocess_shell", "spawn", "Popen", "BashOperator", "ShellOperation"}
)
# These take a program and its arguments one by one.
RUNS_WORDS = (
    RUNS
    | {"create_subprocess_exec", "run_always", "run_install"}
    | {f"{verb}{ending}" for verb in ("exec", "spawn") for ending in ("l", "le", "lp", "lpe")}
)
ADDS = frozenset({"append", "extend", "insert"})
TELLS = frozenset({"print", "echo", "secho", "debug", "info", "warning", "error", "critical", "exception"})


def find(text: str) -> list[tuple[int, int, int]]:
    """`(line, offset, last line)` of every restatement; raises `SyntaxError` for text that is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a doubtful escape in somebody's text
        tree = ast.parse(text)
    lines = text.encode(errors="replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    search = _Search(_constants(tree), "sqlmesh" in text)
    found: dict[tuple[int, int], int] = {}
    inside = _told(tree)
    for node in ast.walk(tree):
        if id(node) in inside or not isinstance(node, ast.expr | ast.Assign | ast.keyword):
            continue
        if search.is_call(node):
            found.setdefault((node.lineno, node.col_offset), node.end_lineno or node.lineno)
            # What is part of it is not told once more.
            inside |= {id(inner) for inner in ast.walk(node)}
    # `ast` counts columns in bytes of UTF-8.
    return [
        (line, len(lines[line - 1][:offset].decode(errors="replace")) + 1, last)
        for (line, offset), last in sorted(found.items())
    ]


class _Search:
    """What a file's names stand for, and whether it has to do with SQLMesh at all."""

    def __init__(self, names: dict[str, str], sqlmesh: bool) -> None:
        self.names = names
        self.sqlmesh = sqlmesh

    def is_call(self, node: ast.expr | ast.Assign | ast.keyword) -> bool:
        """Whether an expression or an assignment calls for a restatement."""
        if isinstance(node, ast.keyword):  # ** with a dict that is written there
            return node.arg is None and isinstance(node.value, ast.Dict) and self._asks(node.value)
        if isinstance(node, ast.Assign):
            return self.sqlmesh and not _nothing(node.value) and any(self._is_key(target) for target in node.targets)
        if isinstance(node, ast.Call):
            return self._is_run(node)
        if isinstance(node, ast.Dict):
            return self.sqlmesh and self._asks(node)
        if isinstance(node, ast.List | ast.Tuple | ast.BinOp):
            words = self._words(node)
            if words is not None:
                return self._restates(words)
        said = self._text(node)
        return said is not None and not isinstance(node, ast.Name) and shell_calls.is_command(said)

    def _is_run(self, node: ast.Call) -> bool:
        named = {word.arg: word.value for word in node.keywords if word.arg}
        if _is_true(named.get("explain")):
            return False
        if ARGUMENT in named and not _nothing(named[ARGUMENT]):
            return True
        if self.sqlmesh and SELECTED in named and not _nothing(named[SELECTED]):
            return True
        name = _name(node.func)
        first = self._text(node.args[0]) if node.args else None
        if name == "setdefault" and self.sqlmesh and first == ARGUMENT:
            return len(node.args) > 1 and not _nothing(node.args[1])
        if name in ADDS and any(_is_flag(self._text(value)) for value in node.args):
            return True
        words = [self._text(value) or "?" for value in node.args]
        if len(words) > 1 and (name in RUNS_WORDS or name == "sqlmesh"):
            return restates(["sqlmesh", *words] if name == "sqlmesh" else words)
        return name in RUNS and any(bool(shell_calls.find(said)) for said in self._commands(node))

    def _commands(self, node: ast.Call) -> Iterator[str]:
        values = [*node.args[:1], *(w.value for w in node.keywords if w.arg in ("args", "command", "cmd"))]
        values += [word.value for word in node.keywords if word.arg == "bash_command"]
        yield from (said for value in values if (said := self._text(value)) is not None)

    def _restates(self, words: list[str]) -> bool:
        """Arguments of a command, with its program or, where a file has to do with SQLMesh, without it."""
        given = any(word != "?" for word in words)
        return given and (restates(words) or (self.sqlmesh and plans_again(words, 0) and "--explain" not in words))

    def _asks(self, node: ast.Dict) -> bool:
        keys = zip(node.keys, node.values, strict=True)
        return any(
            key is not None and self._text(key) in (ARGUMENT, SELECTED) and not _nothing(value) for key, value in keys
        )

    def _is_key(self, node: ast.expr) -> bool:
        """`more["restate_models"] = ...`"""
        return isinstance(node, ast.Subscript) and self._text(node.slice) in (ARGUMENT, SELECTED)

    def _words(self, node: ast.expr) -> list[str] | None:
        """The words of a list, of lists that are added, of `"...".split()`; None for what is no list."""
        if isinstance(node, ast.List | ast.Tuple):
            words: list[str] = []
            for item in node.elts:
                inner = self._words(item.value) if isinstance(item, ast.Starred) else None
                words += inner if inner is not None else [self._text(item) or "?"]
            return words
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._words(node.left), self._words(node.right)
            return None if left is None and right is None else [*(left or ["?"]), *(right or ["?"])]
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return [word for one in node.generators for word in self._words(one.iter) or []] or None
        if isinstance(node, ast.Call) and _name(node.func) == "split" and isinstance(node.func, ast.Attribute):
            said = self._text(node.func.value)
            return None if said is None else said.split()
        return None

    def _text(self, node: ast.expr) -> str | None:
        """The text that an expression makes, what is filled in standing as `?`; None where it makes none."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.JoinedStr):
            return "".join((self._text(part) or "") if isinstance(part, ast.Constant) else "?" for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            left, right = self._text(node.left), self._text(node.right) if isinstance(node.op, ast.Add) else ""
            return None if left is None else left + ("?" if right is None else right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return self._text(node.func.value) if node.func.attr in ("format", "strip") else None
        return None


def _is_flag(text: str | None) -> bool:
    return text is not None and (text == FLAG or text.startswith(f"{FLAG}="))


def _nothing(node: ast.expr) -> bool:
    """`None`, `False`, or an empty list, tuple, set or dict: no restatement is asked for."""
    if isinstance(node, ast.Constant):
        return not node.value
    if isinstance(node, ast.Call):
        return _name(node.func) in ("list", "tuple", "set") and not node.args
    return isinstance(node, ast.List | ast.Tuple | ast.Set) and not node.elts


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _constants(tree: ast.AST) -> dict[str, str]:
    """Names that are given one text and nothing else."""
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
    texts = {name: values[0] for name, values in given.items() if len(values) == 1}
    return {
        name: value.value
        for name, value in texts.items()
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _told(tree: ast.AST) -> set[int]:
    """Texts that are not run: those that stand alone as a statement, docstrings above all, and what is printed."""
    told: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.add(id(node.value))
        if isinstance(node, ast.Call) and _name(node.func) in TELLS:
            told |= {id(value) for value in node.args if isinstance(value, ast.Constant | ast.JoinedStr)}
    return told
