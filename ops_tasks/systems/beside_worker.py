"""A snapshot laid out a second time beside the live files, in a process that has no DuckDB connection."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.systems.copying import copy
from ops_tasks.systems.record_locks import opened
from ops_tasks.systems.snapshot_files import MANIFEST
from ops_tasks.systems.worker_main import progress


def lay_out(folder: str, target: str) -> int:
    """Copy the files of a snapshot into `target`, which becomes a snapshot of its own; returns its bytes.

    Every copy is compared with what was read and with the manifest, which is written last. Raises `StepFailed` for a
    file that is damaged or missing. What an earlier try has left in `target` is thrown away.
    """
    source, beside = Path(folder), Path(target)
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "files").mkdir(parents=True, mode=0o700)
    manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))

    def bring(entry: dict[str, Any]) -> str:
        progress(f"laying out {entry['path']}")
        try:
            with opened(source / "files" / entry["path"]) as stored:
                _, digest = copy(stored, beside / "files" / entry["path"], entry["path"])
        except FileNotFoundError:
            return f"{entry['path']} is missing"
        return "" if digest == entry["sha256"] else f"{entry['path']} has changed since it was taken (sha256)"

    with ThreadPoolExecutor(max_workers=2) as pool:
        largest = sorted(manifest["files"], key=lambda entry: entry["size"], reverse=True)
        if problems := [problem for problem in pool.map(bring, largest) if problem]:
            raise StepFailed(f"snapshot {source.name} is damaged: {problems[0]}", "snapshot.list shows the others")
    (beside / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return sum(entry["size"] for entry in manifest["files"])
