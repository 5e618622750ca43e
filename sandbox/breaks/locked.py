"""Somebody has a database open for writing and does not let go: a notebook, a shell, a job that hangs."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path
from typing import Any, cast

from sandbox import run
from sandbox.api import state as states
from sandbox.breaks import Broken, targets
from sandbox.errors import SandboxError, UsageError

HOLD = Path(__file__).parent / "hold.py"
PATIENCE = 10.0


def apply(folder: Path, *, file: str = "databox") -> Broken:
    """Start a process that holds a read-write DuckDB connection; `unlock` and `sandbox.down` end it.

    Raises `UsageError`, with DuckDB's words, when the file cannot be opened for writing: somebody else holds it, say.
    """
    path = targets.database(folder, file)
    shown, note = targets.shown(folder, path), _note(folder, file)
    try:
        run.python(folder, str(HOLD), str(path), str(note))
    except SandboxError as error:
        words = str(error).partition("(exit 1): ")[2] or str(error)
        raise UsageError(f"{shown} cannot be held: {words}") from None
    pid = int(_read(note)["pid"])
    facts = {"file": shown, "pid": pid, "pid_file": targets.shown(folder, note)}
    return Broken("locked", f"{shown} is held by process {pid}; sandbox.break unlock ends it", (), facts)


def unlock(folder: Path) -> Broken:
    """End every process that `locked` has started for this stack."""
    freed = release(folder)
    shown = [targets.shown(folder, file) for file in freed]
    return Broken("unlock", f"{', '.join(shown)} let go" if shown else "nothing was held", (), {"files": shown})


def release(folder: Path) -> list[Path]:
    """Let every holder of this stack go, wait until its file is free, and return the files.

    A holder ends by itself when its note is gone, so that no process is ever killed by a PID that may be another's.
    Raises `SandboxError` when a file stays locked.
    """
    freed: list[Path] = []
    for note in sorted((folder / states.FOLDER).glob("holder-*.json")):
        held = _read(note)
        note.unlink()
        file = Path(held["file"])
        # A copy of a stack has the note of the original's holder.
        if file.parent == folder / "data":
            _wait_until_free(file, held["pid"])
            freed.append(file)
    return freed


def _wait_until_free(file: Path, pid: int) -> None:
    until = time.monotonic() + PATIENCE
    while _is_held(file):
        if time.monotonic() > until:
            raise SandboxError(f"{file} is still locked; its holder was process {pid}")
        time.sleep(0.02)


def _is_held(file: Path) -> bool:
    """Whether a writer has the file: DuckDB locks with POSIX record locks."""
    if not file.exists():
        return False
    with file.open("rb") as opened:
        try:
            fcntl.lockf(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _note(folder: Path, file: str) -> Path:
    return folder / states.FOLDER / f"holder-{file}.json"


def _read(note: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(note.read_text(encoding="utf-8")))
