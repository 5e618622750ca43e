"""The models of a SQLMesh project as values, read from its files: no database, no import of SQLMesh."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError

NO_TABLE = {"EXTERNAL", "SEED", "EMBEDDED", "SYMBOLIC"}
"""Kinds that are no table of their own, or one that comes from elsewhere."""
MANAGED = {"SCD_TYPE_2", "SCD_TYPE_2_BY_TIME", "SCD_TYPE_2_BY_COLUMN"}
"""Kinds to whose columns SQLMesh adds two."""
TAG = "no_contract"
_PRIVATE = "stg|staging|int|intermediate|raw|src|source|sources|base|tmp|temp|scratch|internal"
_PRIVATE_SCHEMA = re.compile(rf"(?:^|_)(?:{_PRIVATE})(?:_|$)")
_PRIVATE_TABLE = re.compile(rf"(?:{_PRIVATE})_")


@dataclass(frozen=True)
class Columns:
    """The columns of a model in order; None where it cannot be told, `why` says then why not.

    `types` maps a column's name in lower case -> its type, as far as the model says it.
    """

    names: tuple[str, ...] | None
    why: str = ""
    types: Mapping[str, str] = field(default_factory=dict[str, str])

    def has(self, column: str) -> bool:
        """Whether there is such a column; upper and lower case are one, as in DuckDB."""
        return column.lower() in {name.lower() for name in self.names or ()}


@dataclass(frozen=True)
class Model:
    """One model. `catalog` is empty where its name has none; `decide` finds its columns when they are asked for."""

    catalog: str
    schema: str
    table: str
    kind: str
    file: str
    line: int
    decide: Callable[[], Columns]
    tags: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @cached_property
    def columns(self) -> Columns:
        """Its columns; read once."""
        return self.decide()

    def is_mart(self, schemas: Sequence[str] = ()) -> bool:
        """Whether it is for others to read: a table or view, outside of what is called staging or intermediate.

        `schemas`, where given, takes the place of the rule about schemas.
        """
        if self.kind in NO_TABLE or _PRIVATE_TABLE.match(self.table.lower()):
            return False
        if schemas:
            return self.schema.lower() in {schema.lower() for schema in schemas}
        return not _PRIVATE_SCHEMA.search(self.schema.lower())

    @property
    def excused(self) -> bool:
        """Whether a tag says that it needs no contract."""
        return TAG in {tag.lower().replace("-", "_") for tag in self.tags}


@dataclass(frozen=True)
class Unnamed:
    """A file that may hold a model whose name cannot be told without SQLMesh."""

    file: str
    why: str


@dataclass(frozen=True)
class Project:
    """Every model of a project, and the files that could not be read as one."""

    models: tuple[Model, ...]
    unnamed: tuple[Unnamed, ...] = ()

    @cached_property
    def by_name(self) -> dict[tuple[str, str], list[Model]]:
        """(schema, table) in lower case -> models; more than one where catalogs share the names."""
        found: dict[tuple[str, str], list[Model]] = {}
        for model in self.models:
            found.setdefault((model.schema.lower(), model.table.lower()), []).append(model)
        return found

    def of(self, dataset: str) -> list[Model]:
        """The models that `DATA_SOURCE/SCHEMA/TABLE` or `DATA_SOURCE/CATALOG/SCHEMA/TABLE` can mean."""
        parts = [part.lower() for part in dataset.split("/")]
        if len(parts) < 3:
            return []
        found = self.by_name.get((parts[-2], parts[-1]), [])
        if len(parts) == 3:
            return found
        return [model for model in found if model.catalog.lower() in ("", parts[-3])]


def read(project: Path, told: Callable[[Path], str]) -> Project:
    """Read `models/` and the external models of a SQLMesh project; `told` is how a path is shown.

    Raises `UsageError` for a folder that is no such project, and for one of dbt, whose models only SQLMesh can name.
    """
    from ops_tasks.contracts import model_python, model_sql

    check(project)
    if find_spec("sqlglot") is None:
        raise UsageError("models cannot be read: sqlglot is not installed", "pip install 'ops-tasks[contracts]'")
    if (project / "dbt_project.yml").is_file():
        raise UsageError(f"{told(project)} is a dbt project: its models cannot be read from files", "give --load")
    models: list[Model] = []
    unnamed: list[Unnamed] = []
    for file in sorted((project / "models").rglob("*")):
        reader = {".sql": model_sql.read, ".py": model_python.read}.get(file.suffix)
        if reader is None or not file.is_file():
            continue
        found = reader(_text(file, told), told(file), _inferred(project, file))
        models += [one for one in found if isinstance(one, Model)]
        unnamed += [one for one in found if isinstance(one, Unnamed)]
    models += _externals(project, told)
    return Project(tuple(models), tuple(unnamed))


def check(project: Path) -> None:
    """Raise `UsageError` where a folder is no SQLMesh project."""
    if not project.is_dir():
        raise UsageError(f"the SQLMesh project {project} does not exist", "give --project DIR")
    if not any((project / f"config.{ending}").is_file() for ending in ("py", "yaml", "yml")):
        raise UsageError(f"{project} is no SQLMesh project: it has no config.py or config.yaml", "give --project DIR")


def named(name: str) -> tuple[str, str, str]:
    """`a.b.c` as (catalog, schema, table), quotes taken off; what is not there is empty."""
    parts = [part.strip().strip('"`') for part in name.split(".")][-3:]
    catalog, schema, table = ["", "", *parts][-3:]
    return catalog, schema, table


def _inferred(project: Path, file: Path) -> str:
    """The name that SQLMesh's `infer_names` gives a file without one: its path below `models`."""
    parts = file.relative_to(project / "models").with_suffix("").parts
    return ".".join(parts[-3:]) if len(parts) > 1 else ""


def _text(file: Path, told: Callable[[Path], str]) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{told(file)} cannot be read: {error}", "mend the file") from None


def _externals(project: Path, told: Callable[[Path], str]) -> Iterator[Model]:
    """What `external_models.yaml`, or the folder of that name, declares."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    alone = [project / f"external_models.{ending}" for ending in ("yaml", "yml")]
    folder = [file for ending in ("yaml", "yml") for file in sorted((project / "external_models").glob(f"*.{ending}"))]
    for file in [file for file in [*alone, *folder] if file.is_file()]:
        yaml: Any = YAML(typ="safe")
        try:
            loaded: object = yaml.load(_text(file, told))
        except YAMLError as error:
            raise UsageError(f"{told(file)}: not YAML: {str(error).splitlines()[0]}", "mend the file") from None
        for entry in cast("list[Any]", loaded) if isinstance(loaded, list) else []:
            if isinstance(entry, dict) and isinstance(cast("dict[str, Any]", entry).get("name"), str):
                yield _external(cast("dict[str, Any]", entry), told(file))


def _external(entry: Mapping[str, Any], file: str) -> Model:
    said: object = entry.get("columns")
    columns = Columns(None, "it declares no columns")
    if isinstance(said, dict):
        types = {str(name): str(kind) for name, kind in cast("dict[Any, Any]", said).items()}
        columns = Columns(tuple(types), "", {name.lower(): kind for name, kind in types.items()})
    return Model(*named(str(entry["name"])), "EXTERNAL", file, 1, lambda: columns)
