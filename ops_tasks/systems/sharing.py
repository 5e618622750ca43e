"""What a snapshot and the stack have in common: a forensic snapshot links the databases that will be replaced.

Until they are replaced whoever writes to such a database writes to the snapshot as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.systems.copying import sha256
from ops_tasks.systems.record_locks import opened
from ops_tasks.systems.snapshot_files import MANIFEST


def sha256_of(path: Path, descriptor: int | None = None) -> str | None:
    """Hash of a file, None where there is none; one that is locked is read through the descriptor that locks it."""
    if descriptor is not None:
        return sha256(descriptor)
    try:
        with opened(path) as descriptor:
            return sha256(descriptor)
    except FileNotFoundError:
        return None


def is_linked(store: Path, base: Path, path: str) -> bool:
    """Whether a file of a snapshot and the stack's own are one and the same."""
    kept, live = store / path, base / path
    return kept.is_file() and live.is_file() and kept.samefile(live)


def written_by_others(
    store: Path,
    base: Path,
    databases: Iterable[str],
    entries: Mapping[str, Mapping[str, Any]],
    locked: Mapping[str, int],
) -> set[str]:
    """Databases that are linked still, and the logs beside them, where one of the two is not what it was.

    Nobody has replaced such a database, so whoever has written to it was not the operation that took the snapshot.
    """
    found: set[str] = set()
    for path in databases:
        if not is_linked(store, base, path):
            continue
        log = f"{path}.wal"
        changed = sha256_of(base / path, locked.get(path)) != entries[path]["sha256"]
        if changed or ((base / log).exists() and sha256_of(base / log) != entries.get(log, {}).get("sha256")):
            found |= {path, log}
    return found


def refuse_changed(snapshot: Path, base: Path, paths: Iterable[str], locked: Mapping[str, int]) -> None:
    """Raise `StepFailed` unless each of the files `paths` below `base` is, byte for byte, in the snapshot."""
    manifest = json.loads((snapshot / MANIFEST).read_text(encoding="utf-8"))
    known = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    for path in paths:
        if not (snapshot / "files" / path).exists() or sha256_of(base / path, locked.get(path)) != known.get(path):
            reason = f"{path} was changed by somebody else since it was put into {snapshot.name}"
            raise StepFailed(reason, "let them finish, then try again")
