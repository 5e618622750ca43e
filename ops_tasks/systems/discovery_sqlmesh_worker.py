"""What a SQLMesh project says of itself: where its gateways lead, and which tables it reads that nobody makes there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from sqlglot import exp
from sqlmesh.core.config import Config, load_configs
from sqlmesh.core.config.connection import DuckDBConnectionConfig, MotherDuckConnectionConfig

from ops_tasks.errors import UsageError
from ops_tasks.systems.sqlmesh_project_worker import context_of

MD = "md:"
ALSO_MD = re.compile(r"(?:md|motherduck):", re.IGNORECASE)
# What DuckDB attaches by an extension has its name in front; a single letter is a drive of Windows.
PREFIX = re.compile(r"([a-z][a-z0-9_+.-]+):", re.IGNORECASE)


def gateways(project: str) -> dict[str, Any]:
    """Return `default` and `gateways`: name -> `type`, `catalogs` (name -> path as configured), `others` (catalogs of
    another system -> its name), `tokens` (catalogs with a token in their path) and `state` (or None).

    Paths are as the configuration has them, relative ones too, but for what may hold a secret: an `md:` path ends
    before its options, and what reaches another system is not returned. A connection that is neither DuckDB nor
    MotherDuck has its type's name and no catalogs. Raises `UsageError` for a configuration that SQLMesh cannot load.
    """
    try:
        configs = load_configs(None, Config, [project])
    except Exception as error:  # noqa: BLE001 - a configuration in Python may raise anything
        told = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(f"SQLMesh cannot load {project}: {told}", f"sqlmesh -p {project} info tells more") from None
    if not configs:
        raise UsageError(f"no SQLMesh configuration in {project}", "give --dir the folder that holds the stack")
    config = next(iter(configs.values()))
    found = cast("dict[str, Any]", config.gateways)
    return {
        "default": config.default_gateway_name,
        "environment": config.default_target_environment or "prod",
        "gateways": {name: _gateway(one) for name, one in found.items()},
    }


def _gateway(one: Any) -> dict[str, Any]:
    connection, state = one.connection, one.state_connection
    attached, kept = list(_attached(connection)), list(_attached(state))
    return {
        "type": str(getattr(connection, "type_", "none")),
        "catalogs": {name: _bare(path) for name, kind, path in attached if kind is None},
        "others": {name: kind for name, kind, _ in attached if kind is not None},
        "tokens": [name for name, kind, path in attached if kind is None and path != _bare(path) and "token" in path],
        "state": next((_bare(path) for _, kind, path in kept if kind is None), None),
        "state_type": None if state is None else next((kind for _, kind, _ in kept if kind), str(state.type_)),
    }


def _attached(connection: Any) -> Iterator[tuple[str, str | None, str]]:
    """Catalog name, the system that it is of (None: a DuckDB file or MotherDuck) and its path as configured.

    The catalog of a `database:` is called by its file's stem, which is DuckDB's own rule.
    """
    if not isinstance(connection, DuckDBConnectionConfig | MotherDuckConnectionConfig):
        return
    named = cast("dict[str, Any]", connection.catalogs or {})
    for name, option in named.items():
        path = str(getattr(option, "path", option))
        yield name, _system(str(getattr(option, "type", "")), path), path
    database = connection.database
    if not named and database is not None and database != ":memory:":
        database = f"{MD}{database}" if isinstance(connection, MotherDuckConnectionConfig) else database
        bare = _bare(database).removeprefix(MD)
        if name := bare.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0] or bare:
            yield name, _system("", database), database


def _system(kind: str, path: str) -> str | None:
    if kind.lower() not in ("", "duckdb", "motherduck"):
        return kind.lower()
    found = PREFIX.match(path)
    return None if found is None or ALSO_MD.match(path) else found[1].lower()


def _bare(path: str) -> str:
    """A path of MotherDuck in its short form, without its options: a token may be among them."""
    found = ALSO_MD.match(path)
    return path if found is None else MD + path[found.end() :].partition("?")[0]


def reads(project: str, gateway: str | None) -> dict[str, Any]:
    """Return what the models make and read.

    `raw`: tables that models read and nobody makes there, as [catalog, schema, table]; `columns`: such a table's three
    names joined by dots, in lower case -> columns that the models which read it name; `models`: how many there are;
    `made`: schemas that they are made in, as [catalog, schema].

    The connections are read-only, so that nothing can be written.
    """
    context = context_of(project, gateway, read_only=True)
    models = cast("Iterable[Any]", context.models.values())
    real = {model.fqn: model for model in models if not model.kind.is_external and not model.kind.is_seed}
    found: list[list[str]] = []
    columns: dict[str, list[str]] = {}
    for name in sorted({name for model in real.values() for name in model.depends_on if name not in real}):
        if (model := context.models.get(name)) is not None and model.kind.is_seed:
            continue
        table = exp.to_table(name, dialect="duckdb")
        place = [table.catalog or context.default_catalog or "", table.db, table.name]
        found.append(place)
        readers = [model for model in real.values() if name in model.depends_on and model.is_sql]
        columns[".".join(place).lower()] = sorted(
            {str(one.name) for reader in readers for one in reader.query.find_all(exp.Column)}
        )
    made = {(model.fully_qualified_table.catalog, model.fully_qualified_table.db) for model in real.values()}
    return {
        "raw": found,
        "columns": columns,
        "models": len(real),
        "made": sorted([str(one), str(two)] for one, two in made),
    }
