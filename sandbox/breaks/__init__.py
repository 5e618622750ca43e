"""Incidents on request: each one breaks a stack the way it breaks in life, by the stack's own commands."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from inspect import signature
from pathlib import Path
from typing import Any

from sandbox import account
from sandbox.api import state as states
from sandbox.errors import UsageError, choose


@dataclass(frozen=True)
class Broken:
    """What was done to a stack: `days` that are wrong now, `words` for people, `facts` for programs."""

    name: str
    words: str
    days: tuple[date, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


Break = Callable[..., Broken]

# What breaks content, or SQLMesh's state, whatever the backend; the others break files of the catalogs.
ANYWHERE = (
    "bad-window",
    "mass-delete",
    "wrong-restate",
    "dropped-view",
    "dropped-table",
    "dropped-schema",
    "lost-state",
    "stopped-daemon",
    "unlock",
)


def apply(name: str, folder: Path | str, **options: Any) -> Broken:
    """Break the stack in `folder` by the incident `name`; options that are None count as not given.

    Raises `UsageError` for an unknown name, an option that this incident does not know, a folder that is no sandbox,
    and an incident of files where the catalogs are MotherDuck's.
    """
    known = registry()
    action = known[choose(name, known, "incident")]
    given = {key: value for key, value in options.items() if value is not None}
    _check_options(name, action, given)
    folder = Path(folder).expanduser().resolve()
    states.read(folder)
    if account.of(folder) and name not in ANYWHERE:
        possible = ", ".join(one for one in ANYWHERE if one != "unlock")
        raise UsageError(f"{name} breaks files, and the catalogs of {folder} are MotherDuck's (possible: {possible})")
    return action(folder, **given)


def registry() -> dict[str, Break]:
    """Every incident by name."""
    from sandbox.breaks import (
        bad_window,
        bad_writes,
        disk_full,
        dropped,
        flip_bytes,
        locked,
        missing_files,
        newer_storage,
        old_data,
        stopped_daemon,
        wals,
    )

    return {
        "bad-window": bad_window.apply,
        "mass-delete": bad_writes.mass_delete,
        "wrong-restate": bad_writes.wrong_restate,
        "flip-bytes": flip_bytes.apply,
        "truncate": missing_files.truncate,
        "zero-file": missing_files.zero,
        "lost-file": missing_files.lost,
        "lost-state": missing_files.lost_state,
        "stale-wal": wals.stale,
        "lost-wal": wals.lost,
        "old-data-new-state": old_data.apply,
        "dropped-view": dropped.view,
        "dropped-table": dropped.physical,
        "dropped-schema": dropped.schema,
        "disk-full": disk_full.apply,
        "locked": locked.apply,
        "unlock": locked.unlock,
        "newer-storage": newer_storage.apply,
        "stopped-daemon": stopped_daemon.apply,
    }


def _check_options(name: str, action: Break, given: Collection[str]) -> None:
    taken = [option for option in signature(action).parameters if option != "folder"]
    for option in given:
        if option not in taken:
            instead = ", ".join(f"--{one}" for one in taken)
            raise UsageError(f"{name} takes no --{option}; it takes {instead or 'no options'}")
