"""A view of prod, or the physical table below it, was dropped by hand."""

from __future__ import annotations

from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.errors import SandboxError, choose

FCT = "ebird.fct_daily_bird_observations"


def view(folder: Path, *, table: str = FCT) -> Broken:
    """Drop the view `table` (schema.name) of databox; the physical table below it stays."""
    return _drop(folder, "VIEW", table)


def physical(folder: Path, *, table: str = FCT) -> Broken:
    """Drop the physical table below the view `table` (schema.name); the view stays and cannot be read any more."""
    return _drop(folder, "TABLE", table)


def _drop(folder: Path, kind: str, name: str) -> Broken:
    file = targets.database(folder, "databox")
    targets.whole(folder, file)
    below: dict[str, str] = targets.ask(folder, "views", file)
    choose(name, below, "table")
    dropped = name if kind == "VIEW" else below[name]
    targets.ask(folder, "drop", file, kind, *dropped.split(".", 1))
    left: dict[str, str] = targets.ask(folder, "views", file)
    if name in left:
        raise SandboxError(f"{dropped} is still there")
    shown = targets.shown(folder, file)
    facts = {"file": shown, "view": name, "table": below[name], "dropped": dropped}
    what = "view" if kind == "VIEW" else "table"
    return Broken(f"dropped-{what}", f"the {what} {dropped} of {shown} was dropped", (), facts)
