"""An operation ends before it has written to anything: what differs from its snapshot is somebody else's, and stays."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ops_tasks.systems.restoring_worker import unlink_shared
from ops_tasks.systems.sharing import sha256_of
from ops_tasks.systems.snapshot_files import MANIFEST


def leave(folder: str, root: str) -> dict[str, Any]:
    """Say which files of the set under `root` are not what the snapshot in `folder` holds; replaces none.

    What the snapshot has only linked is taken out of it: the next write would change both. Returns what
    `restoring_worker.restore` does.
    """
    base, store = Path(root), Path(folder) / "files"
    manifest: dict[str, Any] = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    wanted = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    there = {path for one in manifest["databases"] for path in (one, f"{one}.wal") if (base / path).is_file()}
    for one in manifest["folders"]:
        there |= {path.relative_to(base).as_posix() for path in (base / one).rglob("*") if path.is_file()}

    def digest(path: str) -> str | None:
        return sha256_of(base / path)

    with ThreadPoolExecutor(max_workers=2) as pool:
        digests = dict(zip(there, pool.map(digest, there), strict=True))
    theirs = sorted(path for path in {*wanted, *there} if digests.get(path) != wanted.get(path))
    unlink_shared(store, base, [path for path in wanted if path in there])
    return {"files": len(wanted), "replaced": [], "identical": not theirs, "theirs": theirs}
