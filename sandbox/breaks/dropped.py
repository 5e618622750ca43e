"""A view of prod, the physical table below it, or a whole schema was dropped by hand."""

from __future__ import annotations

from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.breaks.bad_window import FCT
from sandbox.errors import SandboxError, choose

DATABASE = "databox"
PHYSICAL = "sqlmesh__ebird"


def view(folder: Path, *, table: str = FCT) -> Broken:
    """Drop the view `table` (schema.name) of databox; the physical table below it stays."""
    return _drop("dropped-view", folder, table)


def physical(folder: Path, *, table: str = FCT) -> Broken:
    """Drop what SQLMesh has below the view `table` (schema.name); the view stays and cannot be read any more."""
    return _drop("dropped-table", folder, table)


def schema(folder: Path, *, schema: str = PHYSICAL) -> Broken:
    """Drop a schema of databox with every table and view in it; views of other schemas stay."""
    where = targets.sound(folder, DATABASE)
    there: dict[str, int] = targets.ask(folder, "schemas", where)
    count = there[choose(schema, there, "schema")]
    targets.ask(folder, "drop", where, "SCHEMA", schema)
    if schema in targets.ask(folder, "schemas", where):
        raise SandboxError(f"{schema} is still there")
    shown = targets.shown(folder, where)
    facts = {"database": shown, "dropped": schema, "tables": count}
    return Broken("dropped-schema", f"the schema {schema} of {shown} was dropped with its {count} tables", (), facts)


def _drop(incident: str, folder: Path, name: str) -> Broken:
    where = targets.sound(folder, DATABASE)
    there: dict[str, list[str]] = targets.ask(folder, "views", where)
    kind, below = there[choose(name, there, "table")]
    kind, dropped = ("VIEW", name) if incident == "dropped-view" else (kind, below)
    targets.ask(folder, "drop", where, kind, *dropped.split(".", 1))
    if name in targets.ask(folder, "views", where):
        raise SandboxError(f"{dropped} is still there")
    shown = targets.shown(folder, where)
    facts = {"database": shown, "view": name, "table": below, "dropped": dropped}
    return Broken(incident, f"the {kind.lower()} {dropped} of {shown} was dropped", (), facts)
