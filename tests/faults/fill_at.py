"""`fill_at.py STEP FOLDER LEAVE TASK ...`: runs Invoke, and fills FOLDER, but for LEAVE bytes, as STEP begins."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from invoke.main import program

from ops_tasks.operation.journal import Journal

STEP, FOLDER, LEAVE = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
append = Journal.append


def fill(folder: Path) -> None:
    """Take every free byte of the disk, and give some back."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(os.urandom(size)) == size:
                    pass
            except OSError:
                continue
        file.truncate(max(0, file.tell() - LEAVE))


def append_and_fill(self: Journal, event: str, step: str | None = None, **data: Any) -> None:
    append(self, event, step, **data)
    if (event, step) == ("started", STEP):
        fill(FOLDER)


Journal.append = append_and_fill
program.run(["invoke", *sys.argv[4:]])
