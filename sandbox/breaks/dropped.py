"""A view of prod, or the physical table below it, was dropped by hand."""

from __future__ import annotations

from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.errors import SandboxError, choose

FCT = "ebird.fct_daily_bird_observations"


def view(folder: Path, *, table: str = FCT) -> Broken:
    """Drop the view `table` (schema.name) of databox; the physical table below it stays."""
    return _drop("dropped-view", folder, table)


def physical(folder: Path, *, table: str = FCT) -> Broken:
    """Drop what SQLMesh has below the view `table` (schema.name); the view stays and cannot be read any more."""
    return _drop("dropped-table", folder, table)


def _drop(incident: str, folder: Path, name: str) -> Broken:
    file = targets.database(folder, "databox")
    targets.whole(folder, file)
    there: dict[str, list[str]] = targets.ask(folder, "views", file)
    kind, below = there[choose(name, there, "table")]
    kind, dropped = ("VIEW", name) if incident == "dropped-view" else (kind, below)
    targets.ask(folder, "drop", file, kind, *dropped.split(".", 1))
    if name in targets.ask(folder, "views", file):
        raise SandboxError(f"{dropped} is still there")
    shown = targets.shown(folder, file)
    facts = {"file": shown, "view": name, "table": below, "dropped": dropped}
    return Broken(incident, f"the {kind.lower()} {dropped} of {shown} was dropped", (), facts)
