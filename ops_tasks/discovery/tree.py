"""The files of a project: what belongs to it, not what is installed, made or cached in it."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MOST = 20_000
BIGGEST = 1_000_000
NOT_OURS = {"node_modules", "site-packages", "__pycache__", "dist", "build", "logs", "site", "target"}
HIDDEN = {".dlt", ".dagster", ".github", ".ops"}
TESTS = {"tests", "test"}


@dataclass(frozen=True)
class Tree:
    """Every regular file below a folder, sorted, and whether there were too many to look at all of them."""

    root: Path
    files: tuple[Path, ...]
    cut: bool = False

    def named(self, *names: str) -> list[Path]:
        """Files of these names, those nearest to the root first."""
        return sorted((file for file in self.files if file.name in names), key=lambda file: (len(file.parts), file))

    def ending(self, *suffixes: str) -> list[Path]:
        """Files with these suffixes."""
        return [file for file in self.files if file.suffix in suffixes]

    def told(self, path: Path) -> str:
        """A path as it is written into the configuration: relative to the root, with forward slashes."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def modules(self) -> list[Path]:
        """Python files that are not tests."""
        return [file for file in self.ending(".py") if not TESTS & set(file.relative_to(self.root).parts)]


def grow(root: Path) -> Tree:
    """Look at a folder: hidden, installed and generated folders are left out, and folders with Python environments."""
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _is_ours(here / name))
        found += [here / name for name in names if os.path.isfile(here / name)]  # noqa: PTH113 - never raises
        if len(found) > MOST:
            return Tree(root, tuple(sorted(found)[:MOST]), cut=True)
    return Tree(root, tuple(sorted(found)))


def _is_ours(folder: Path) -> bool:
    name = folder.name
    if name in NOT_OURS or name.endswith(".egg-info") or (name.startswith(".") and name not in HIDDEN):
        return False
    return not (folder / "pyvenv.cfg").is_file() and not folder.is_symlink()


@cache
def text_of(file: Path) -> str:
    """The text of a file; empty for one that is no text, is huge, or cannot be read."""
    try:
        there = file.stat()
        ours = stat.S_ISREG(there.st_mode) and there.st_size <= BIGGEST
        return file.read_text(encoding="utf-8") if ours else ""
    except (OSError, UnicodeDecodeError):
        return ""


@cache
def module_of(file: Path) -> ast.Module | None:
    """The syntax tree of a Python file, or None where it has none."""
    try:
        return ast.parse(text_of(file))
    except (SyntaxError, ValueError):
        return None


def documents(file: Path) -> Iterator[Any]:
    """The YAML documents of a file; none where it is no YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml: Any = YAML(typ="safe", pure=True)
    try:
        yield from yaml.load_all(text_of(file))
    except (YAMLError, ValueError):
        return


def dotted(file: Path) -> tuple[str, Path]:
    """A Python file as it is imported, and the folder that has to be on `sys.path` for that: the one above its
    outermost package."""
    top = file.parent
    while (top / "__init__.py").is_file():
        top = top.parent
    parts = file.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts), top
