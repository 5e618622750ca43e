"""The stack that is operated: the typed `ops:` section of the nearest `invoke.yaml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ValidationError

from ops_tasks.errors import UsageError, nearest
from ops_tasks.sections import LOCAL, MOTHERDUCK, LoadSection, OpsSection, SourceSection

FILE = "invoke.yaml"
FILES = (FILE, "invoke.yml")
BACKEND = "DATABOX_BACKEND"
MD = "md:"
TOKENS = ("motherduck_token", "MOTHERDUCK_TOKEN")


@dataclass(frozen=True)
class Stack:
    """A stack found on disk: its configuration and the folder everything in it is relative to."""

    file: Path
    root: Path
    config: OpsSection

    @property
    def home(self) -> Path:
        """Folder of snapshots, journals and the lock."""
        return self.root / self.config.home

    @cached_property
    def backend(self) -> str:
        """Where the catalogs live, `local` or `motherduck`: `DATABOX_BACKEND`, else the configuration's `backend`."""
        named = os.environ.get(BACKEND, "").strip()
        if named and named not in (LOCAL, MOTHERDUCK):
            raise UsageError(f"{BACKEND}={named!r} is no backend", nearest(named, [LOCAL, MOTHERDUCK]))
        return named or self.config.backend

    @property
    def remote(self) -> bool:
        """Whether the catalogs are MotherDuck's; SQLMesh's state and dlt's working state are local even then."""
        return self.backend == MOTHERDUCK

    @cached_property
    def databases(self) -> dict[str, Path]:
        """Catalog name -> DuckDB file, SQLMesh's state database not included; none where they are MotherDuck's."""
        return {} if self.remote else {name: self.root / path for name, path in self.config.databases.items()}

    @cached_property
    def catalogs(self) -> dict[str, str]:
        """Catalog name -> what DuckDB attaches for it: the path of its file, or `md:` and its name."""
        if self.remote:
            return {name: f"{MD}{name}" for name in self.config.databases}
        return {name: str(path) for name, path in self.databases.items()}

    @property
    def readable(self) -> dict[str, str]:
        """Those of `catalogs` that can be attached: not the files that do not exist."""
        return {name: where for name, where in self.catalogs.items() if self.remote or Path(where).is_file()}

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name and path of the configuration; not commands and loaders, whose words may be anything."""
        told = self.config.model_dump(mode="json", exclude={"sources": {"__all__": {"load"}}})
        return frozenset([*texts(told, keys=True), str(self.root), str(self.file)])

    @property
    def state_file(self) -> Path | None:
        """The DuckDB file of SQLMesh's state, when it is not inside one of the catalogs."""
        state = self.config.sqlmesh.state
        return None if state is None else self.root / state

    @property
    def project(self) -> Path:
        """The SQLMesh project folder."""
        return self.root / self.config.sqlmesh.project

    @property
    def sqlmesh_folder(self) -> Path:
        """The folder that SQLMesh is started in: DuckDB takes relative paths of its configuration from there."""
        cwd = self.config.sqlmesh.cwd
        return self.project if cwd is None else self.root / cwd

    @property
    def duckdb_files(self) -> list[Path]:
        """Every DuckDB file of the state set, the SQLMesh state included."""
        state = [] if self.state_file is None else [self.state_file]
        return list(dict.fromkeys([*self.databases.values(), *state]))

    def pipeline_dir(self, source: str) -> Path | None:
        """The dlt working folder of one source, or None where the stack has no dlt."""
        if self.config.dlt is None:
            return None
        return self.root / self.config.dlt.pipelines_dir / (self.source(source).pipeline or source)

    @property
    def folders(self) -> list[Path]:
        """Every folder of the state set: the dlt working state of each source."""
        found = (self.pipeline_dir(name) for name in self.config.sources)
        return list(dict.fromkeys(folder for folder in found if folder is not None))

    def source(self, name: str) -> SourceSection:
        """Return one source; an unknown name is a usage error that names the nearest known one."""
        if name not in self.config.sources:
            known = list(self.config.sources)
            raise UsageError(f"unknown source {name!r}", nearest(name, known))
        return self.config.sources[name]

    def load(self, name: str) -> LoadSection:
        """How a source is loaded; `UsageError` where nobody has said it, or a secret stands in the command.

        A command is shown in plans, journals and process lists.
        """
        load = self.source(name).load
        if load is None:
            way_out = f"write `load: {{command: [...]}}` or `load: {{dlt: module:function}}` at ops.sources.{name}"
            raise UsageError(f"{self.file}: source {name} has no load", way_out)
        from ops_tasks.secret_looks import introduced  # here: the hooks read stacks, and no loads

        if load.command is not None and (flag := introduced(load.command)) is not None:
            way_out = """let it read it from the environment, e.g. command: [sh, -c, 'load "$TOKEN"']"""
            raise UsageError(f"{self.file}: the load command of {name} holds a secret ({flag})", way_out)
        return load

    def now(self) -> datetime:
        """This stack's present: the clock, unless the configuration fixes it (a rehearsal on an old copy)."""
        clock = self.config.clock
        if clock is None:
            return datetime.now(UTC)
        if not isinstance(clock, datetime):
            return datetime(clock.year, clock.month, clock.day, 23, 59, tzinfo=UTC)
        return clock if clock.tzinfo else clock.replace(tzinfo=UTC)

    def today(self) -> date:
        """The UTC date of `now`."""
        return self.now().astimezone(UTC).date()

    def relative(self, path: Path) -> str:
        """A path as it is written in manifests: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


FOUND: dict[Path, Stack] = {}
"""Every stack that this process has found, by its file: secrets are told from the words of their configuration."""


def find(folder: str | Path | None = None) -> Stack:
    """Return the stack of `folder`, or of the nearest `invoke.yaml` with an `ops:` key above the working directory.

    Raises `UsageError` with file, line and key for anything missing, unknown or of the wrong type.
    """
    if folder:
        asked = Path(folder).expanduser().resolve()
        if (file := described(asked)) is None:
            raise UsageError(f"no {FILE} in {asked}", "give --stack the folder that holds it")
        return _load(file, _parse(file))
    return find_above(Path.cwd(), "give --stack=DIR, or describe your stack with invoke ops.init")


def find_above(folder: Path, way_out: str = "") -> Stack:
    """The stack of the nearest `invoke.yaml` with an `ops:` key in `folder` or above it; `UsageError` for none."""
    here = folder.resolve()
    for parent in (here, *here.parents):
        if (file := described(parent)) is not None:
            parsed = _parse(file)
            if "ops" in parsed:
                return _load(file, parsed)
    raise UsageError(f"no {FILE} with an 'ops:' section in {here} or above it", way_out)


def described(folder: Path) -> Path | None:
    """The configuration of a folder, where it has one: Invoke (3.0) reads the first of `FILES` alone."""
    return next((file for name in FILES if (file := folder / name).is_file()), None)


def of_text(file: Path, text: str) -> Stack:
    """The stack that `file` would describe if `text` were in it; raises as `find` does."""
    return _load(file, _parsed(file, text))


def texts(value: object, *, keys: bool = False) -> Iterator[str]:
    """Every text in a JSON value, its keys included when asked for."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            if keys:
                yield key
            yield from texts(inner, keys=keys)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from texts(inner, keys=keys)


def _parse(file: Path) -> dict[str, Any]:
    try:
        return _parsed(file, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None


def _parsed(file: Path, text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml: Any = YAML(typ="rt")
    try:
        parsed: object = yaml.load(text)
    except MarkedYAMLError as error:
        broken: Any = error
        line = broken.problem_mark.line + 1 if broken.problem_mark else 1
        raise UsageError(f"{file}:{line}: not YAML: {broken.problem}") from None
    except (YAMLError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}


def _load(file: Path, parsed: dict[str, Any]) -> Stack:
    section = parsed.get("ops")
    if not isinstance(section, dict):
        raise UsageError(f"{file}: no 'ops:' section")
    raw = cast("dict[str, Any]", section)
    try:
        config = OpsSection.model_validate(_with_environment(raw))
    except ValidationError as error:
        first = error.errors()[0]
        path = list(first["loc"])
        key = ".".join(["ops", *map(str, path)])
        variable = "_".join(["INVOKE_OPS", *map(str, path)]).upper()
        place = f"{variable} for {file}" if variable in os.environ else f"{file}:{_line(raw, path)}"
        raise UsageError(f"{place}: {key}: {first['msg']}", _hint(path, first["type"])) from None
    root = (file.parent / config.root).resolve()
    stack = Stack(file, root, config)
    if stack.remote:
        _provide_token(stack)
    _check_paths(stack, raw)
    FOUND[file] = stack
    return stack


def _provide_token(stack: Stack) -> None:
    """Put the token of dlt's `secrets.toml` into the environment, where MotherDuck's extension looks for it.

    Only where the environment has none; it is written nowhere, and never part of an address.
    """
    if any(os.environ.get(name) for name in TOKENS):
        return
    for folder in (stack.root, stack.file.parent):
        try:
            told = tomllib.loads((folder / ".dlt" / "secrets.toml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        if token := _token_in(told.get("destination", {}).get("motherduck", {}).get("credentials")):
            os.environ[TOKENS[0]] = token
            return


def _token_in(credentials: object) -> str:
    """dlt takes a table with a `password`, or an address with the token in its query."""
    if isinstance(credentials, str):
        found = parse_qs(urlsplit(credentials).query)
        return next((found[key][0] for key in ("motherduck_token", "token") if key in found), "")
    if isinstance(credentials, dict):
        return str(cast("dict[str, object]", credentials).get("password", ""))
    return ""


def _check_paths(stack: Stack, raw: dict[str, Any]) -> None:
    if not stack.root.is_dir():
        place = f"{stack.file}:{_line(raw, ['root'])}: ops.root"
        raise UsageError(f"{place}: {stack.root} does not exist", f"make it, or set ops.root in {stack.file}")
    if not stack.project.is_dir():
        line = _line(raw, ["sqlmesh", "project"])
        reason = f"{stack.file}:{line}: ops.sqlmesh.project: {stack.project} does not exist"
        raise UsageError(reason, f"make it, or set ops.sqlmesh.project in {stack.file}")
    for path, keys in _set_paths(stack):
        if not Path(os.path.normpath(path)).is_relative_to(stack.root):
            place = f"{stack.file}:{_line(raw, keys)}: {'.'.join(['ops', *keys])}"
            raise UsageError(f"{place}: {path} is outside of the root", f"it has to be below {stack.root}")
        if path.is_symlink():
            place = f"{stack.file}:{_line(raw, keys)}: {'.'.join(['ops', *keys])}"
            raise UsageError(f"{place}: {path} is a symbolic link", f"name the file itself: {path.resolve()}")
        if _device(path) != _device(stack.home):
            # Putting back renames files, so that it works on a full disk; that does not cross file systems.
            place = f"{stack.file}:{_line(raw, ['home'])}: ops.home"
            reason = f"{place}: {stack.home} and {path} are on different file systems"
            raise UsageError(reason, "snapshots have to lie beside what they are of")
    for name, source in stack.config.sources.items():
        if source.catalog not in stack.config.databases:
            line = _line(raw, ["sources", name, "catalog"])
            reason = f"{stack.file}:{line}: ops.sources.{name}.catalog: no database {source.catalog!r}"
            raise UsageError(reason, nearest(source.catalog, list(stack.config.databases)))


def _device(path: Path) -> int:
    """The file system that a path is on, or will be on once it is there."""
    there = next(one for one in (path, *path.parents) if one.exists())
    return there.stat().st_dev


def _set_paths(stack: Stack) -> list[tuple[Path, list[str]]]:
    """Every path of the state set, and its home, with the key: copies of it keep their place relative to the root."""
    paths = [(stack.home, ["home"])]
    paths += [(path, ["databases", name]) for name, path in stack.databases.items()]
    if stack.state_file is not None:
        paths.append((stack.state_file, ["sqlmesh", "state"]))
    if stack.config.dlt is not None:
        paths.append((stack.root / stack.config.dlt.pipelines_dir, ["dlt", "pipelines_dir"]))
        paths += [
            (stack.pipeline_dir(name) or stack.root, ["sources", name, "pipeline"]) for name in stack.config.sources
        ]
    return paths


def _line(raw: Any, path: list[Any]) -> int:
    """The 1-based line of the deepest key of `path` that the file really has (ruamel keeps positions in `.lc`)."""
    line = cast("int", raw.lc.line)
    for part in path:
        try:
            line = cast("int", raw.lc.item(part)[0] if isinstance(part, int) else raw.lc.key(part)[0])
            raw = raw[part]
        except (KeyError, IndexError, AttributeError, TypeError):
            break
    return line + 1


def _hint(path: list[Any], kind: str) -> str:
    if kind != "extra_forbidden":
        return ""
    model: Any = OpsSection
    for part in path[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        model = _model_of(field.annotation) if field else model
    return nearest(str(path[-1]), list(getattr(model, "model_fields", {})))


def _model_of(annotation: Any) -> Any:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _with_environment(section: dict[str, Any], prefix: str = "INVOKE_OPS") -> dict[str, Any]:
    """Apply Invoke's own rule: `INVOKE_OPS_<KEY>_<KEY>` replaces a value that the file already has."""
    merged: dict[str, Any] = {}
    for key, value in section.items():
        name = f"{prefix}_{str(key).upper()}"
        if isinstance(value, dict):
            merged[key] = _with_environment(cast("dict[str, Any]", value), name)
        else:
            merged[key] = os.environ.get(name, value)
    return merged
