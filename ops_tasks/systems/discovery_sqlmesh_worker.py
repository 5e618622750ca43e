"""What a SQLMesh project says of itself: where its gateways lead, and which tables it reads that nobody makes there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from sqlglot import exp
from sqlmesh.core.config import Config, load_configs
from sqlmesh.core.config.connection import DuckDBConnectionConfig, MotherDuckConnectionConfig

from ops_tasks.errors import UsageError
from ops_tasks.systems.sqlmesh_worker import (
    _context,  # pyright: ignore[reportPrivateUsage] - the same read-only loading
)


def gateways(project: str) -> dict[str, Any]:
    """Return `default` and `gateways`: name -> `type`, `catalogs` (name -> path as configured) and `state` (or None).

    Paths are as the configuration has them, relative ones too. A connection that is neither DuckDB nor MotherDuck has
    its type's name and no catalogs. Raises `UsageError` for a configuration that SQLMesh cannot load.
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
    return {
        "type": str(getattr(connection, "type_", "none")),
        "catalogs": _catalogs(connection),
        "state": next(iter(_catalogs(state).values()), None) if state is not None else None,
        "state_type": None if state is None else str(state.type_),
    }


def _catalogs(connection: Any) -> dict[str, str]:
    """Catalog name -> path; the catalog of a `database:` is called by its file's stem, which is DuckDB's own rule."""
    if not isinstance(connection, DuckDBConnectionConfig | MotherDuckConnectionConfig):
        return {}
    named = cast("dict[str, Any]", connection.catalogs or {})
    if named:
        return {name: str(getattr(option, "path", option)) for name, option in named.items()}
    database = connection.database
    if database is None or database == ":memory:":
        return {}
    bare = database.removeprefix("md:")
    return {(bare.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0] or bare): database}


def reads(project: str, gateway: str | None) -> dict[str, Any]:
    """Return what the models make and read.

    `raw`: tables that models read and nobody makes there, as [catalog, schema, table]; `columns`: such a table's three
    names joined by dots -> columns that the models which read it name; `models`: how many there are; `made`: schemas
    that they are made in, as [catalog, schema].

    The connections are read-only, so that nothing can be written.
    """
    context = _context(project, gateway, read_only=True)
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
        columns[".".join(place)] = sorted(
            {str(one.name) for reader in readers for one in reader.query.find_all(exp.Column)}
        )
    made = {(model.fully_qualified_table.catalog, model.fully_qualified_table.db) for model in real.values()}
    return {
        "raw": found,
        "columns": columns,
        "models": len(real),
        "made": sorted([str(one), str(two)] for one, two in made),
    }
