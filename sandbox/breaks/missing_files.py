"""Files that are shorter than they were, empty, or gone."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.breaks import Broken, targets
from sandbox.errors import UsageError


def truncate(folder: Path, *, file: str = "databox", keep: int = 60) -> Broken:
    """Cut the file after `keep` percent; raises `UsageError` where all that is cut off is free."""
    if not 1 <= keep <= 99:
        raise UsageError(f"--keep is a percentage from 1 to 99, not {keep} (zero-file leaves nothing)")
    path = targets.database(folder, file)
    targets.whole(folder, path)
    size = path.stat().st_size
    kept = size * keep // 100
    with path.open("r+b") as opened:
        opened.seek(kept)
        tail = opened.read()
        opened.truncate(kept)
        os.fsync(opened.fileno())
    found = targets.scan(folder, path)
    shown = targets.shown(folder, path)
    if not found.error:
        with path.open("r+b") as opened:
            opened.seek(kept)
            opened.write(tail)
        raise UsageError(f"nothing needs the last {100 - keep} % of {shown}; give --keep a smaller number")
    facts = {"file": shown, "bytes": kept, "before": size, "tables": sorted(found.tables), "error": found.error}
    return Broken("truncate", f"{shown} ends after {kept:,} of {size:,} bytes", (), facts)


def zero(folder: Path, *, file: str = "databox") -> Broken:
    """Leave a file of 0 bytes."""
    path = targets.database(folder, file)
    size = path.stat().st_size
    os.truncate(path, 0)
    shown = targets.shown(folder, path)
    return Broken("zero-file", f"{shown} has 0 bytes, it had {size:,}", (), {"file": shown, "before": size})


def lost(folder: Path, *, file: str = "databox") -> Broken:
    """Delete the database and its write-ahead log."""
    return _lost("lost-file", folder, file)


def lost_state(folder: Path) -> Broken:
    """Delete SQLMesh's state and its write-ahead log."""
    return _lost("lost-state", folder, "sqlmesh_state")


def _lost(name: str, folder: Path, file: str) -> Broken:
    path = targets.database(folder, file)
    shown = targets.shown(folder, path)
    gone = [one for one in (path, targets.wal(path)) if one.exists()]
    for one in gone:
        one.unlink()
    facts = {"file": shown, "removed": [targets.shown(folder, one) for one in gone]}
    return Broken(name, f"{shown} is gone{', and its WAL' if len(gone) > 1 else ''}", (), facts)
