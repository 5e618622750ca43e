"""The files that a plan rests on besides the databases: models, contracts, the stack's own code and its settings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ops_tasks.errors import UsageError
from ops_tasks.stack import Stack
from ops_tasks.systems import git
from ops_tasks.systems.local_files import wal

# What SQLMesh (0.236, core/loader.py) globs: hidden and ignored folders, `logs` and `venv` in them as well.
GLOBBED = (
    *("audits", "external_models", "linter", "macros", "materializations"),
    *("metrics", "models", "seeds", "signals", "tests"),
)
MODELS = (".sql", ".py", ".yaml", ".yml", ".csv")
SEEDS = (".tsv", ".txt")
LOADED = (".env", "sqlmesh-requirements.lock")
CONTRACTS = (".yml", ".yaml")
CODE = (".py", ".sh", ".sql")
SETTINGS = (".toml", ".yaml", ".yml", ".ini", ".cfg")
PERSONAL = ("config.yaml", "config.yml")
INSTALLED = {"site-packages", "node_modules", "__pycache__"}
ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
SHORT = 12

Reads = Callable[[str], bool]


@dataclass(frozen=True)
class Place:
    """A folder in which every file is a fact whose name `reads` takes; `kind` and `base` are how it is told."""

    kind: str
    base: Path
    folder: Path
    names: tuple[str, ...]
    reads: Reads


def files(stack: Stack) -> dict[str, Path]:
    """Fact -> file; a file is told once, by the first that reads it."""
    found: dict[Path, str] = {}
    for place in _places(stack):
        for name in sorted(place.names):
            file = _plain(place.folder / name)
            if place.reads(name) and file not in found and file != stack.file and file.is_file():
                found[file] = f"{place.kind} {_told(file, place.base)}"
    for file in _commands(stack):
        found.setdefault(file, f"code {_told(file, stack.root)}")
    return {fact: file for file, fact in found.items()}


def refuse_place(stack: Stack, path: Path) -> None:
    """Raise `UsageError` where a plan in `path` would be a fact itself, or be read as something else."""
    sets = {name.resolve() for file in stack.duckdb_files for name in (file, wal(file))}
    if path in sets or any(path.is_relative_to(folder.resolve()) for folder in stack.folders):
        raise UsageError(f"{path} is in the state set", "give --plan-out a file elsewhere")
    if any(path.parent == place.folder.resolve() and place.reads(path.name) for place in _places(stack)):
        raise UsageError(
            f"{path} would be read as a part of the stack, and no plan could rest on it",
            "give --plan-out a name that ends with .json, or a file elsewhere",
        )


def digest(file: Path) -> str:
    """The beginning of a file's sha256; `UsageError` for one that may not be read."""
    if not file.is_file():
        return "absent"
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:SHORT]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "a plan rests on it: let it be read") from None


def _places(stack: Stack) -> Iterator[Place]:
    yield from _models(stack)
    if stack.config.contracts is not None:
        folder = _plain(stack.root / stack.config.contracts.path)
        for here, names in _walk(folder, lambda _folder: True):
            yield Place("contract", folder, here, names, _ending(*CONTRACTS))
    yield from _code(stack)
    home = Path.home()
    for folder in dict.fromkeys((stack.root, stack.file.parent, home)):
        yield _in("settings", stack.root, folder / ".dlt", _ending(".toml"))
    personal = Path(os.environ.get("SQLMESH_HOME") or home / ".sqlmesh")
    yield _in("settings", stack.root, personal, _named(*PERSONAL))
    if stack.config.dagster is not None:
        yield _in("settings", stack.root, stack.root / stack.config.dagster.home, _named("dagster.yaml"))


def _models(stack: Stack) -> Iterator[Place]:
    """What SQLMesh reads of its project; a project may be the whole stack, with databases, snapshots and the lock."""
    project, made, own = _plain(stack.project), _made(stack), _globbed(stack)
    for folder in sorted(own):
        for here, names in _walk(folder, lambda one: one not in made):
            yield Place("model file", project, here, names, _ending(*MODELS, *SEEDS))
    yield _in("model file", project, project, lambda name: _ending(*MODELS)(name) or name in LOADED)
    left = made | own | _ignored(project)
    for here, names in _walk(project, lambda one: one not in left and _is_ours(one)):
        kept = tuple(name for name in names if here / name not in left)
        yield Place("model file", project, here, kept, _ending(*MODELS))


def _code(stack: Stack) -> Iterator[Place]:
    """What the stack's loads and its Dagster code are made of: Python below its import paths, and settings beside it.

    Of what git ignores only Python: the rest is what was made of something.
    """
    left = _made(stack) | _globbed(stack)
    for base in dict.fromkeys(_plain(stack.root / path) for path in (Path(), *stack.config.python_path)):
        if INSTALLED & set(base.parts):
            continue
        ignored = _ignored(base)
        yield _in("settings", stack.root, base, _named(".env"))
        for here, names in _walk(base, lambda one: one not in left and _is_ours(one)):
            out = any(one in ignored for one in (here, *here.parents))
            kept = tuple(name for name in names if name.endswith(".py") or here / name not in ignored)
            yield Place("code", stack.root, here, kept, _ending(".py") if out else _ending(*CODE))
            if not out:
                yield Place("settings", stack.root, here, kept, _ending(*SETTINGS))


def _commands(stack: Stack) -> Iterator[Path]:
    """Files of the stack that are named in the load commands."""
    sets = {_plain(file) for file in stack.duckdb_files}
    for source in stack.config.sources.values():
        words = source.load.command if source.load is not None else None
        for word in (part for one in words or () for part in one.split()):
            file = _plain(stack.root / word)
            if file.is_relative_to(stack.root) and file not in sets and file.is_file():
                yield file


def _walk(top: Path, enters: Callable[[Path], bool]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Every folder below one with its names, links followed: none twice, and none that leads above the beginning."""
    above, seen = top.resolve(), set[Path]()
    for folder, below, names in os.walk(top, followlinks=True):
        here = Path(folder)
        real = here.resolve()
        if real in seen or (real != above and above.is_relative_to(real)):
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if enters(here / name))
        yield here, tuple(names)


def _in(kind: str, base: Path, folder: Path, reads: Reads) -> Place:
    """One folder without those below it."""
    names = tuple(one.name for one in folder.iterdir()) if folder.is_dir() else ()
    return Place(kind, base, _plain(folder), names, reads)


def _made(stack: Stack) -> set[Path]:
    """Where snapshots, journals, dlt and Dagster keep what they have made."""
    config = stack.config
    more = [] if config.dlt is None else [stack.root / config.dlt.pipelines_dir]
    more += [] if config.dagster is None else [stack.root / config.dagster.home]
    return {_plain(folder) for folder in (stack.home, *stack.folders, *more)}


def _globbed(stack: Stack) -> set[Path]:
    return {_plain(stack.project) / name for name in GLOBBED}


def _is_ours(folder: Path) -> bool:
    """Whether a folder is the stack's own: not hidden, not installed, no Python environment."""
    if folder.name.startswith(".") or folder.name in INSTALLED:
        return False
    return not any((folder / name).exists() for name in ENVIRONMENTS)


def _ignored(folder: Path) -> set[Path]:
    """What git ignores below a folder; nothing where it ignores that folder as a whole, or is not at work."""
    try:
        told = git.run(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    except UsageError:
        return set()
    names = [os.fsdecode(name) for name in told.split(b"\0") if name]
    return set() if "./" in names else {folder / name for name in names}


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _told(file: Path, base: Path) -> str:
    if file.is_relative_to(base):
        return file.relative_to(base).as_posix()
    home = Path.home()
    return f"~/{file.relative_to(home).as_posix()}" if file.is_relative_to(home) else file.as_posix()


def _ending(*suffixes: str) -> Reads:
    return lambda name: name.endswith(suffixes)


def _named(*names: str) -> Reads:
    return lambda name: name in names
