"""How a loader is told which days to load: the variables of the environment that its own text asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ops_tasks.discovery.tree import Tree, dotted, module_of, text_of

PAIRS = (("START", "END"), ("FROM", "TO"), ("SINCE", "UNTIL"), ("BEGIN", "END"), ("FROM", "UNTIL"))
ENDINGS = ("", "_DATE", "_DAY")
BACK = re.compile(r"_(DAYS_BACK|LOOKBACK_DAYS|BACK_DAYS|LOOKBACK|DAYS)$")
NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
IN_SHELL = re.compile(r"\$\{?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)")
DLT_OWN = "DLT_INTERVAL"
DEPTH = 3


@dataclass(frozen=True)
class Told:
    """How a window is passed on (the `window:` of a source), why, and what is not sure about it."""

    window: dict[str, Any]
    why: str
    question: str = ""


def of_python(tree: Tree, file: Path, source: str, cursor: str | None) -> Told:
    """The window of a loader in Python: its own variables before those of the modules of the project that it imports.

    `cursor` is the column of dlt's incremental cursor, where dlt has one in its state.
    """
    for files in _rings(tree, file):
        names = {name for one in files for name in _named(one)}
        incremental = cursor is not None or any("dlt.sources.incremental" in text_of(one) for one in files)
        if told := _judged(names, source, tree.told(file), incremental=incremental):
            return told
    return Told({}, f"{tree.told(file)} asks for no variable: a load brings what it brings")


def of_shell(files: Iterable[Path], command: str, source: str) -> Told:
    """The window of a command: the variables of the scripts that it runs."""
    names = {
        name for file in files for name in (_named(file) if file.suffix == ".py" else IN_SHELL.findall(text_of(file)))
    }
    names |= set(IN_SHELL.findall(command))
    return _judged(names, source, command, incremental=False) or Told(
        {}, f"{command} asks for no variable: a load brings what it brings"
    )


def _judged(names: Iterable[str], source: str, where: str, *, incremental: bool) -> Told | None:
    """The best of what a loader asks for: a first and a last day, dlt's own interval, a number of days back."""
    known = sorted({name for name in names if not name.startswith(DLT_OWN)})
    pairs = [(start, end) for start, end in _pairs(known)]
    mine = [pair for pair in pairs if _speaks_of(pair[0], source)] or pairs
    if mine:
        start, end = mine[0]
        others = [one for one, _ in mine[1:]]
        question = f"also possible: {', '.join(others)}" if others else ""
        return Told({"start": start, "end": end}, f"{where} reads {start} and {end}", question)
    if incremental:
        return Told({"interval": True}, f"{where} has an incremental cursor of dlt, which DLT_INTERVAL_START/END move")
    back = [name for name in known if BACK.search(name)]
    mine = [name for name in back if _speaks_of(name, source)] or back
    if not mine:
        return None
    question = f"also possible: {', '.join(mine[1:])}" if mine[1:] else ""
    return Told({"days_back": mine[0]}, f"{where} reads {mine[0]}", question)


def _pairs(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    known = set(names)
    for name in sorted(known):
        for (first, last), ending in product(PAIRS, ENDINGS):
            stem = name.removesuffix(f"_{first}{ending}")
            if stem != name and f"{stem}_{last}{ending}" in known:
                yield name, f"{stem}_{last}{ending}"


def _speaks_of(name: str, source: str) -> bool:
    return re.sub(r"\W", "", source).upper() in name.replace("_", "")


def _rings(tree: Tree, file: Path) -> Iterator[list[Path]]:
    """The file, then what it imports of the project, then what that imports."""
    seen, ring = {file}, [file]
    for _ in range(DEPTH):
        yield ring
        ring = sorted({one for file in ring for one in _imported(tree, file)} - seen)
        seen |= set(ring)
        if not ring:
            return


def _imported(tree: Tree, file: Path) -> Iterator[Path]:
    module, (name, top) = module_of(file), dotted(file)
    if module is None:
        return
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            wanted = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for one in wanted:
            path = top.joinpath(*one.split("."))
            yield from (there for there in (path.with_suffix(".py"), path / "__init__.py") if there in tree.files)


def _named(file: Path) -> Iterator[str]:
    """Names of variables in a Python file: texts that look like one, and the fields of a settings class of pydantic."""
    module = module_of(file)
    if module is None:
        return
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
            yield node.value
        elif isinstance(node, ast.ClassDef) and any("Settings" in ast.unparse(base) for base in node.bases):
            prefix = _prefix(node)
            yield from (
                f"{prefix}{field.target.id}".upper()
                for field in node.body
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            )


def _prefix(settings: ast.ClassDef) -> str:
    for node in ast.walk(settings):
        if isinstance(node, ast.keyword) and node.arg == "env_prefix" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return ""
