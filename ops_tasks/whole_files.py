"""Files that are written whole or not at all, and are on the disk before they have their name."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write(file: Path, content: str | bytes, mode: int | None = None) -> None:
    """Replace `file`, or make it, in one rename; after an error the file is the old one.

    `mode` is the whole of its permission bits; without it they are what the umask leaves of read and write for all.
    Raises `OSError`, as for a full disk.
    """
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
            opened.flush()
            if mode is not None:
                os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
        fresh.replace(file)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    with suppress(PermissionError):  # a folder that may be written to, and not read, cannot be opened
        flush(file.parent)


def flush(folder: Path) -> None:
    """Bring the names in a folder to the disk: what was made, renamed or removed there survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
