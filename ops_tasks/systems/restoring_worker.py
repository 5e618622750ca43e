"""The state set made equal to a snapshot, by the process that copies files: all found right first, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.systems.copying import copy
from ops_tasks.systems.files_worker import fresh_beside, is_as_kept, open_alike
from ops_tasks.systems.quarantine import untaken
from ops_tasks.systems.record_locks import exclusive, opened
from ops_tasks.systems.sharing import is_linked, refuse_changed, sha256_of, written_by_others
from ops_tasks.systems.snapshot_files import CONSUMED, MANIFEST
from ops_tasks.systems.worker_main import progress
from ops_tasks.whole_files import flush, write


def restore(
    folder: str, root: str, quarantine: str, consume: bool, only: list[str] | None = None, kept: str | None = None
) -> dict[str, Any]:
    """Make the state set under `root` equal to the snapshot in `folder`, byte for byte, and check it.

    What is there now is renamed into `quarantine`, never deleted. Files that are already right are left alone, and
    nothing is touched before every file that is needed has been found to be what the manifest says. With `consume`
    the snapshot's files are moved instead of copied (no extra space, for a full disk) and the snapshot is marked as
    used up; putting an operation's own snapshot back does so too where the disk turns out to be full. `only` limits
    the restore to those databases (WALs along) and folders, and never uses anything up: the rest of the set may still
    need it. With `kept` (folder of the snapshot of what is there now) nothing is replaced that is not in that snapshot,
    what it has only linked is replaced in any case: the next write would change it; and a full disk is a failure, as
    the snapshot that is brought back is somebody's and has to outlive one. A database that the snapshot itself has
    only linked, and others have written to, is left to them. Can be repeated after a kill at any point.
    Returns `{"files": n, "replaced": [...], "identical": bool, "theirs": [...]}`.
    """
    base, store, aside = Path(root), Path(folder) / "files", Path(quarantine)
    manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    named = None if only is None else {*only, *(f"{path}.wal" for path in only)}
    wanted = {entry["path"]: entry for entry in manifest["files"] if named is None or entry["path"] in named}
    replaced: list[str] = []
    live = [path for path in manifest["databases"] if only is None or path in only]
    folders = [path for path in manifest["folders"] if only is None or path in only]
    if only is not None:
        for path in folders:
            wanted |= {e["path"]: e for e in manifest["files"] if e["path"].startswith(f"{path}/")}
    with contextlib.ExitStack() as stack:
        locked = {path: stack.enter_context(exclusive(base / path)) for path in live if (base / path).exists()}
        extra = [f"{path}.wal" for path in live] + live
        for path in folders:
            extra += [p.relative_to(base).as_posix() for p in (base / path).rglob("*") if p.is_file()]
        theirs = written_by_others(store, base, live, wanted, locked)

        def is_right(path: str) -> bool:
            if path in theirs:
                return True
            if kept is not None and is_linked(Path(kept) / "files", base, path):
                return False
            return is_as_kept(base / path, wanted[path], locked.get(path))

        with ThreadPoolExecutor(max_workers=2) as pool:
            different = [path for path, right in zip(wanted, pool.map(is_right, wanted), strict=True) if not right]
        extra = [path for path in extra if path not in theirs]
        if kept is not None:
            fresh = {fresh_beside(base / path) for path in wanted}
            new = {path for path in extra if path not in wanted and base / path not in fresh}
            refuse_changed(Path(kept), base, sorted(p for p in {*different, *new} if (base / p).exists()), locked)
        moving = None if only is not None or (kept is not None and not consume) else consume
        staged = _stage(store, base, [wanted[path] for path in different], moving)
        found = {path: _mark(staged[path] if path in staged else base / path) for path in wanted}
        ours = {path.relative_to(base).as_posix() for path in staged.values()}  # a killed restore's, in a folder
        aside.mkdir(parents=True, exist_ok=True)  # the sign that something may have been replaced
        for path, fresh in staged.items():
            open_alike(fresh, base / path, wanted[path].get("mode"))
        for path in sorted({*different, *(p for p in extra if p not in wanted and p not in ours)}):
            if (base / path).exists():
                (aside / path).parent.mkdir(parents=True, exist_ok=True)
                (base / path).rename(untaken(aside / path))
                replaced.append(path)
            if path in staged:
                staged[path].rename(base / path)
        for path in {*wanted, *live, *(f"{path}.wal" for path in live)}:
            fresh_beside(base / path).unlink(missing_ok=True)  # what another restore had staged when it was killed
        for path in folders if "directories" in manifest else ():
            _drop_empty(base, path, set(manifest["directories"]))
        for path in manifest.get("directories", ()):
            if only is None or any(path == kept or path.startswith(f"{kept}/") for kept in folders):
                (base / path).mkdir(parents=True, exist_ok=True)
        for parent in {(base / path).parent for path in [*wanted, *extra]}:
            if parent.is_dir():
                flush(parent)
    wrong = [path for path in wanted if _mark(base / path) != found[path]]
    if wrong:
        raise StepFailed(f"restored files differ from the snapshot: {', '.join(wrong)}")
    unlink_shared(store, base, list(wanted))
    return {"files": len(wanted), "replaced": replaced, "identical": not theirs, "theirs": sorted(theirs & set(live))}


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Which file it is, its size and when it was last written to: what was found right is not read again."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def unlink_shared(store: Path, base: Path, paths: list[str]) -> None:
    """What the snapshot had only linked is live again: the next write would change the snapshot, so it is used up."""
    linked = [path for path in paths if (store / path).exists() and (store / path).samefile(base / path)]
    if linked:
        write(store.parent / CONSUMED, json.dumps({"by": "a restore of what it had linked"}))
    for path in linked:
        (store / path).unlink()


def _drop_empty(base: Path, folder: str, kept: set[str]) -> None:
    """Remove directories that the snapshot does not know: dlt (1.31) takes one for a pending load."""
    for path in sorted((base / folder).rglob("*"), reverse=True):
        if path.is_dir() and path.relative_to(base).as_posix() not in kept and not any(path.iterdir()):
            path.rmdir()


def _stage(store: Path, base: Path, entries: list[dict[str, Any]], moving: bool | None) -> dict[str, Path]:
    """Bring the wanted bytes beside their places under temporary names, path -> name, and find all of them right.

    `moving` takes them out of the snapshot; False copies, and moves only where there is no room; None never moves.
    Nothing is moved before everything is right; when something is not, the copies are removed again.
    """
    made: list[Path] = []

    def bring(entry: dict[str, Any]) -> str:
        stored, fresh = store / entry["path"], fresh_beside(base / entry["path"])
        if sha256_of(fresh) == entry["sha256"]:
            return "ready"
        fresh.parent.mkdir(parents=True, exist_ok=True)
        if not moving and stored.is_file():
            progress(f"bringing back {entry['path']}")
            made.append(fresh)
            try:
                with opened(stored) as source:
                    return "ready" if copy(source, fresh, entry["path"])[1] == entry["sha256"] else "damaged"
            except OSError as error:
                fresh.unlink(missing_ok=True)
                if moving is None or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
        return "move" if sha256_of(stored) == entry["sha256"] else "damaged"

    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            largest = sorted(entries, key=lambda entry: entry["size"], reverse=True)
            brought = {entry["path"]: how for entry, how in zip(largest, pool.map(bring, largest), strict=True)}
        damaged = sorted(path for path, how in brought.items() if how == "damaged")
        if damaged:
            raise StepFailed(f"the snapshot is damaged: {', '.join(damaged)}", "snapshot.list shows the others")
    except BaseException:
        for fresh in made:
            fresh.unlink(missing_ok=True)
        raise
    for path in sorted(path for path, how in brought.items() if how == "move"):
        if not (store.parent / CONSUMED).exists():
            write(store.parent / CONSUMED, json.dumps({"by": path}))
        (store / path).rename(fresh_beside(base / path))
    return {path: fresh_beside(base / path) for path in brought}
