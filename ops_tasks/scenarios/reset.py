"""Moves every database of a stack out of the way, together with what would otherwise remember it. Deletes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ops_tasks import whole_files
from ops_tasks.scenarios.scratch import refuse_remote
from ops_tasks.stack import Stack
from ops_tasks.systems.quarantine import untaken
from ops_tasks.systems.snapshots import set_bytes

MOVED = "moved.json"


@dataclass(frozen=True)
class Reset:
    """What would be moved where: paths of the state set relative to the root, and the folder they go to."""

    paths: tuple[str, ...]
    bytes: int
    quarantine: Path


def plan_reset(stack: Stack) -> Reset:
    """Every database file, WAL, the SQLMesh state and dlt's working state, as far as they exist; reads only.

    dlt's working state goes along: with its cursors a load into an empty database would bring only what is new.
    """
    refuse_remote(stack, "moving every database away")
    files = [name for path in stack.duckdb_files for name in (path, path.with_name(f"{path.name}.wal"))]
    paths = tuple(stack.relative(path) for path in (*files, *stack.folders) if path.exists())
    stamp = stack.now().strftime("%Y%m%dT%H%M%S")
    return Reset(paths, set_bytes(stack), untaken(stack.home / "quarantine" / f"reset-{stamp}"))


def reset(stack: Stack, planned: Reset) -> None:
    """Rename everything into the quarantine, or nothing: what was moved is moved back when a rename fails.

    `moved.json` is written first, so that even after a kill it is known what belongs where.
    """
    planned.quarantine.mkdir(parents=True)
    note = planned.quarantine / MOVED
    whole_files.write(note, json.dumps({"root": str(stack.root), "paths": list(planned.paths)}, indent=1))
    done: list[tuple[Path, Path]] = []
    try:
        for name in planned.paths:
            source, target = stack.root / name, planned.quarantine / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise


def way_back(stack: Stack, planned: Reset) -> str:
    """What a person does to have everything back; what is new by then goes aside first, stale WALs with it."""
    return f"invoke db.reset, then: cp -a {planned.quarantine}/. {stack.root}/"
