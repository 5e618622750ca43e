"""Every text in the package's source, with its placeholders filled by plausible words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "ops_tasks").rglob("*.py"), *(ROOT / "hooks").rglob("*.py")])

# What a placeholder stands for, where a word would not do: the exact expression -> what it may be.
KNOWN = {
    "_git(file)": ("git", "git --literal-pathspecs"),
    "command": ("invoke ops.backfill --source=word",),
    "escape(kept.command)": ("invoke ops.backfill --source=word",),
    "PROGRAM": ("ops-large-files",),
    "control": ("systemctl --user", "sudo systemctl"),
    "back": ("invoke ops.rollback word",),
    "task": ("ops.backfill",),
    "selector": ("", " (SNAPSHOT_ID 'word')"),
    "SAMPLE": ("1000",),
    "between": ("BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)",),
    "watch.task": ("watch.disk",),
    "watch.name": ("disk",),
    "prevented.name": ("disk",),
    "''.join(flags)": (" --keep-last=2",),
    "' '.join(words)": ("systemctl --user start word",),
    "name.replace('_', '-')": ("allow-shrink",),
    "{'--end' if end else '--start'}": ("--start",),
    "hook.id": ("ops-schema-gate",),
}
WORD = "word"


@dataclass(frozen=True)
class Text:
    """One text of the source: `role` is `equivalent`, `docstring`, `argument` (a word of a list or call), or empty."""

    where: str
    text: str
    role: str = ""


@cache
def tree(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def constants(file: Path) -> dict[str, str]:
    """The texts that a module gives a name of its own, by that name; those it imports from the package as well."""
    found: dict[str, str] = {}
    for node in tree(file).body:
        if isinstance(node, ast.Assign):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            pairs = zip(targets, values, strict=False)
            found |= {
                target.id: value.value
                for target, value in pairs
                if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str)
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ops_tasks"):
            other = ROOT / Path(*str(node.module).split(".")).with_suffix(".py")
            if other.is_file():
                there = constants(other)
                found |= {a.asname or a.name: there[a.name] for a in node.names if a.name in there}
    return _tables(file) | found


def _tables(file: Path) -> dict[str, str]:
    """The names of tables that get a name of their own, where that is always the same: `ident(..., "_dlt_loads")`."""
    each: dict[str, set[str]] = {}
    for node in ast.walk(tree(file)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                each.setdefault(name, set()).add(_ident(value))
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    each.setdefault(ast.unparse(target), set()).add(_ident(value))
            case _:
                pass
    return {name: min(told) for name, told in each.items() if len(told) == 1 and min(told)}


def _ident(value: ast.expr) -> str:
    match value:
        case ast.Call(func=ast.Name(id="ident"), args=parts):
            return _name(parts, {})
        case _:
            return ""


def readings(node: ast.expr, names: dict[str, str]) -> list[str]:
    """What a text may be: one for each branch of a condition in it; none where it is no text."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=parts):
            return _joined([readings(part, names) for part in parts])
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id="literal"))):
            return [f"'{WORD}'"]
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id="ident"), args=parts)):
            return [_name(parts, names)]
        case ast.FormattedValue(value=inner):
            return readings(inner, names) or [*KNOWN.get(ast.unparse(inner), (WORD,))]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            sides = [readings(left, names), readings(right, names)]
            return _joined([side or [WORD] for side in sides]) if any(sides) else []
        case ast.IfExp(body=yes, orelse=no):
            return [*readings(yes, names), *readings(no, names)]
        case ast.Name(id=name) if name in names and name not in KNOWN:
            return [names[name]]
        case ast.Call(func=ast.Attribute(value=inner, attr="strip")):
            return readings(inner, names)
        case ast.Call(func=ast.Attribute(value=between, attr="join"), args=[ast.List(elts=words)]):
            plain = [word for word in words if not isinstance(word, ast.Starred)]
            return _joined([readings(word, names) or [WORD] for word in plain], _separator(between))
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str()), attr="join"), args=[ast.GeneratorExp(elt=one)]
        ):
            return readings(one, names)
        case _:
            return []


def _name(parts: list[ast.expr], names: dict[str, str]) -> str:
    """A quoted name, without its quotes."""
    return ".".join((readings(part, names) or [WORD])[0] for part in parts)


def _separator(between: ast.expr) -> str:
    """What stands between the words: `shlex.join` puts a space."""
    return between.value if isinstance(between, ast.Constant) and isinstance(between.value, str) else " "


def _joined(parts: list[list[str]], between: str = "") -> list[str]:
    return list(dict.fromkeys(between.join(choice) for choice in product(*parts)))


def _whole(
    above: ast.AST, parent: ast.AST | None = None, name: str = ""
) -> Iterator[tuple[ast.expr, ast.AST | None, str]]:
    """The largest expressions that are texts, with the node above and, in a call, the name of the argument."""
    for field, value in ast.iter_fields(above):
        for node in cast("list[Any]", value) if isinstance(value, list) else [value]:
            if isinstance(node, ast.keyword):
                yield from _whole(node, above, node.arg or "")
            elif isinstance(node, ast.expr) and readings(node, {}):
                yield node, parent if isinstance(above, ast.keyword) else above, name
            elif isinstance(node, ast.AST):
                yield from _whole(node, above, field if isinstance(node, ast.expr) else "")


def role(node: ast.expr, parent: ast.AST | None, name: str) -> str:
    """See `Text.role`."""
    if name == "equivalent" or (isinstance(parent, ast.Assign) and ast.unparse(parent.targets[0]) == "equivalent"):
        return "equivalent"
    if isinstance(parent, ast.Expr):
        return "docstring"
    if isinstance(parent, ast.List | ast.Tuple | ast.Call) and isinstance(node, ast.Constant):
        return "argument"
    return ""


@cache
def texts() -> tuple[Text, ...]:
    """Every text of every file."""
    found: list[Text] = []
    for file in SOURCES:
        names = constants(file)
        for node, parent, name in _whole(tree(file)):
            where = f"{file.relative_to(ROOT)}:{node.lineno}"
            found += [Text(where, text, role(node, parent, name)) for text in readings(node, names)]
    return tuple(found)


def unread() -> list[str]:
    """Where an `equivalent=` is neither a text nor a name or a call whose texts are read where they are made."""
    return [
        f"{file.relative_to(ROOT)}:{node.value.lineno}"
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.keyword)
        and node.arg == "equivalent"
        and not readings(node.value, constants(file))
        and not isinstance(node.value, ast.Name | ast.Call)
    ]
