"""`python fill_at.py STEP FOLDER TASK ...`: runs Invoke, and fills FOLDER once the journal says STEP has begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from invoke.main import program

from ops_tasks.operation.journal import Journal

STEP, FOLDER = sys.argv[1], Path(sys.argv[2])
append = Journal.append


def fill(folder: Path) -> None:
    """Take every free byte of the disk."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(os.urandom(size)) == size:
                    pass
            except OSError:
                continue


def append_and_fill(self: Journal, event: str, step: str | None = None, **data: Any) -> None:
    append(self, event, step, **data)
    if (event, step) == ("started", STEP):
        fill(FOLDER)


Journal.append = append_and_fill
program.run(["invoke", *sys.argv[3:]])
