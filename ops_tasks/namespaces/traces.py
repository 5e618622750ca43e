"""Where the stack trace of an error goes that nobody has foreseen: into a file, never onto the screen."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from ops_tasks.errors import OpsError

TRACE = "trace.log"


def trace(error: BaseException, folder: str) -> Path:
    """Append an error's stack trace, secrets hidden, to `trace.log` in the stack's home; returns the file.

    Where there is no home (yet), or no room in it, the file is a new one among the temporary files.
    """
    import traceback

    from ops_tasks.systems.secrets import redact

    when = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"{when}\n{redact(''.join(traceback.format_exception(error)))}\n"
    home = _home(folder)
    if home is not None:
        try:
            with (home / TRACE).open("a", encoding="utf-8") as file:
                file.write(text)
            return home / TRACE
        except OSError:
            pass
    descriptor, name = tempfile.mkstemp(prefix="ops-", suffix=f"-{TRACE}")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def _home(folder: str) -> Path | None:
    from ops_tasks.stack import find

    try:
        home = find(folder).home
    except (OpsError, OSError):
        return None
    return home if home.is_dir() else None
