"""How a source is loaded: a dlt source function of the project, or a command that its own files name."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ops_tasks.discovery.tree import Tree, documents, dotted, module_of, text_of

VERBS = re.compile(r"(?<![a-z])(load|ingest|import|extract|fetch|pull|sync|land|download|crawl|el)(?![a-z])", re.I)
NO_LOAD = re.compile(r"sqlmesh|dagster|pytest|docker|git |rm -", re.I)
DAYS = re.compile(r"days|start|end|since|until|from|window", re.I)
META = set("|&;<>()`*?[]{}~")
TARGET = re.compile(r"^([\w.:/-]+)\s*:(?!=)[^\n]*\n((?:\t[^\n]*\n?)+)", re.M)
SCRIPTS = (".sh", ".bash", ".py")
DEPTH = 3


@dataclass(frozen=True)
class Factory:
    """A function that makes a dlt source without being given anything: `module:function`, and names it may go by.

    `takes` are parameters that sound like days: what is not given to it stays at its default.
    """

    file: Path
    path: str
    names: frozenset[str]
    on: Path
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command that may load something: its words, the files that it runs, and where it was found."""

    words: tuple[str, ...]
    files: tuple[Path, ...]
    where: str

    @property
    def text(self) -> str:
        """Everything it says, in its name, its words and its files."""
        return "\n".join([self.where, *self.words, *(text_of(file) for file in self.files)])


def factories(tree: Tree) -> list[Factory]:
    """Every function of the project that looks like a dlt source and needs no arguments."""
    found: list[Factory] = []
    for file in tree.modules():
        module = module_of(file) if "dlt" in text_of(file) else None
        for node in module.body if module is not None else []:
            if isinstance(node, ast.FunctionDef) and _makes_source(node) and not _needs(node):
                name, top = dotted(file)
                given = [one.arg for one in [*node.args.args, *node.args.kwonlyargs] if DAYS.search(one.arg)]
                found.append(Factory(file, f"{name}:{node.name}", frozenset(_names(node, file)), top, tuple(given)))
    return found


def _makes_source(node: ast.FunctionDef) -> bool:
    told = ast.unparse(node.returns) if node.returns else ""
    inner = any(isinstance(one, ast.FunctionDef) and _decorated(one) for one in ast.walk(node))
    calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]
    return "DltSource" in told or inner or any(call.endswith("rest_api_source") for call in calls)


def _decorated(node: ast.FunctionDef) -> ast.expr | None:
    return next((one for one in node.decorator_list if re.match(r"(dlt\.)?source\b", ast.unparse(one))), None)


def _needs(node: ast.FunctionDef) -> bool:
    """Whether it cannot be called without arguments (dlt injects those with a default)."""
    given = node.args
    return len(given.posonlyargs + given.args) > len(given.defaults) or None in given.kw_defaults


def _names(node: ast.FunctionDef, file: Path) -> Iterator[str]:
    yield node.name.removesuffix("_source")
    yield file.stem if file.stem != "__init__" else file.parent.name
    for one in ast.walk(node):
        if isinstance(one, ast.FunctionDef) and (decorator := _decorated(one)) is not None:
            yield one.name
            yield from (
                str(word.value.value)
                for word in getattr(decorator, "keywords", [])
                if word.arg == "name" and isinstance(word.value, ast.Constant)
            )


def commands(tree: Tree) -> list[Command]:
    """Every command of Taskfile, Makefile and scripts that may load something."""
    found = [*_taskfile(tree), *_makefile(tree), *_scripts(tree)]
    return [one for one in found if VERBS.search(f"{one.where} {' '.join(one.words)}")]


def best(candidates: Iterable[Command], source: str, tables: Iterable[str]) -> tuple[list[Command], str]:
    """The commands that speak most of a source and its tables, the best alone in front; and why it is the best."""
    names = [source, *tables]
    scored = [(sum(1 for name in names if _says(one.text, name)), one) for one in candidates]
    most = max((score for score, _ in scored), default=0)
    if not most:
        return [], ""
    top: dict[tuple[Path, ...], Command] = {}
    for score, one in scored:
        if score == most:
            top.setdefault(one.files or (Path(" ".join(one.words)),), one)
    chosen = list(top.values())
    told = [name for name in dict.fromkeys(names) if _says(chosen[0].text, name)]
    return chosen, f"{chosen[0].where} speaks of {', '.join(told)}"


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.I) is not None


def _taskfile(tree: Tree) -> Iterator[Command]:
    for file in tree.named("Taskfile.yml", "Taskfile.yaml", "taskfile.yml"):
        for document in documents(file):
            told = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
            around = any(told.get(key) for key in ("dotenv", "env", "vars"))
            for name, task in cast("dict[str, Any]", told.get("tasks") or {}).items():
                lines = _lines(task)
                plain = _plain(tree, lines) if not around and not _has_more(task) else None
                if plain is None and shutil.which("task") and lines:
                    plain = ("task", str(name))
                if plain is not None and not NO_LOAD.search(" ".join(lines)):
                    files = _files(tree, " ".join(lines), file.parent)
                    yield Command(plain, files, f"{tree.told(file)}: {name}")


def _lines(task: Any) -> list[str]:
    if isinstance(task, str):
        return [task]
    if isinstance(task, list):
        return [line for one in cast("list[Any]", task) for line in _lines(one)]
    if isinstance(task, dict):
        told = cast("dict[str, Any]", task)
        return _lines(told.get("cmds") or told.get("cmd") or [])
    return []


def _has_more(task: Any) -> bool:
    return isinstance(task, dict) and bool({"dir", "env", "dotenv", "vars", "deps"} & set(cast("dict[str, Any]", task)))


def _makefile(tree: Tree) -> Iterator[Command]:
    for file in tree.named("Makefile", "makefile", "GNUmakefile"):
        if file.parent != tree.root:
            continue
        for name, body in TARGET.findall(text_of(file)):
            lines = [line.strip().lstrip("@-") for line in body.splitlines() if line.strip()]
            plain = _plain(tree, lines) or ("make", name)
            if not NO_LOAD.search(" ".join(lines)):
                yield Command(plain, _files(tree, " ".join(lines), file.parent), f"{file.name}: {name}")


def _scripts(tree: Tree) -> Iterator[Command]:
    for file in tree.ending(".sh", ".bash"):
        words = (f"./{tree.told(file)}",) if file.stat().st_mode & 0o100 else ("sh", tree.told(file))
        if not NO_LOAD.search(text_of(file)):
            yield Command(words, _files(tree, tree.told(file), tree.root), tree.told(file))
    for file in tree.modules():
        if "__main__" in text_of(file) and VERBS.search(file.stem) and not file.is_relative_to(tree.root / "models"):
            yield Command(("python", tree.told(file)), _files(tree, tree.told(file), tree.root), tree.told(file))


def _plain(tree: Tree, lines: list[str]) -> tuple[str, ...] | None:
    """The words of a single command that needs no shell."""
    if len(lines) != 1 or META & set(lines[0]) or "$" in lines[0]:
        return None
    try:
        words = shlex.split(lines[0])
    except ValueError:
        return None
    if not words or "=" in words[0]:
        return None
    first = tree.root / words[0]
    if first in tree.files and "/" in words[0] and not words[0].startswith("./"):
        words[0] = f"./{words[0]}"
    return tuple("python" if word in ("python3", "python") else word for word in words)


def _files(tree: Tree, text: str, base: Path) -> tuple[Path, ...]:
    """The files of the project that a command line names, and those that these name."""
    seen: dict[Path, None] = {}
    ahead = [text]
    for _ in range(DEPTH):
        named = {
            path
            for line in ahead
            for word in re.findall(r"[\w./-]+", line)
            for path in ((base / word).resolve(), (tree.root / word).resolve())
            if path.suffix in SCRIPTS and path in tree.files and path not in seen
        }
        seen |= dict.fromkeys(sorted(named))
        ahead = [text_of(path) for path in sorted(named)]
    return tuple(seen)
