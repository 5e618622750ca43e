"""Stacks that were built once and are copied from then on, safe to share between processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from sandbox.build import CONFIG, TEMPLATE, Wanted, build

HERE = Path(__file__).resolve().parent
SOURCES = (HERE / "api", TEMPLATE)
SINGLE = (CONFIG, HERE / "build.py", HERE / "tree.py")
LEFT_OUT = {"__pycache__", ".cache", "logs"}
VERSIONS = ("duckdb", "sqlmesh", "dlt")
KEPT = 5
DAY = 86_400


def root() -> Path:
    """The cache's folder: `OPS_SANDBOX_CACHE`, else `.sandbox/cache` of the repository."""
    named = os.environ.get("OPS_SANDBOX_CACHE")
    return Path(named).expanduser().resolve() if named else HERE.parent / ".sandbox" / "cache"


def key(wanted: Wanted) -> str:
    """The name of an entry: what it holds, and a hash of everything that decides how it is built."""
    digest = sha256()
    for file in sorted(_files()):
        digest.update(f"{file.relative_to(HERE.parent)}\0".encode() + file.read_bytes())
    digest.update("\0".join(f"{name} {version(name)}" for name in VERSIONS).encode())
    clock = "pinned" if wanted.pinned else "live"
    return f"{wanted.state.today}-{wanted.state.days}d-{clock}-{digest.hexdigest()[:16]}"


def entry(wanted: Wanted, tell: Callable[[str, float], None]) -> tuple[Path, bool]:
    """Return the folder of a built stack and whether it was there already; builds it when it is not.

    Two processes that want the same entry build it once: the second waits. The entry appears under its name in one
    rename, complete or not at all.
    """
    folder = root()
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / key(wanted)
    with (folder / f"{made.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.is_dir():
            os.utime(made)
            return made, True
        building = Path(tempfile.mkdtemp(dir=folder, prefix="building-"))
        try:
            build(building, wanted, tell)
            building.rename(made)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        _prune(folder)
        return made, False


def _files() -> list[Path]:
    found = [file for folder in SOURCES for file in folder.rglob("*") if file.is_file()]
    return [*(file for file in found if not LEFT_OUT & set(file.relative_to(HERE).parts)), *SINGLE]


def _prune(folder: Path) -> None:
    """Remove what nobody has used for a day, beyond the newest few; a build that was killed leaves a folder too."""
    entries = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: -path.stat().st_mtime)
    for old in entries[KEPT:]:
        if time.time() - old.stat().st_mtime > DAY:
            shutil.rmtree(old, ignore_errors=True)
            (folder / f"{old.name}.lock").unlink(missing_ok=True)
