"""`python write_at.py STEP DATABASE TASK ...`: runs Invoke; another process commits a table when STEP has begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from invoke.main import program

from ops_tasks.operation.journal import Journal

STEP, DATABASE = sys.argv[1], Path(sys.argv[2])
WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE main.theirs AS SELECT 42 AS answer')"
append = Journal.append


def append_and_write(self: Journal, event: str, step: str | None = None, **data: Any) -> None:
    append(self, event, step, **data)
    if (event, step) == ("started", STEP):
        written = subprocess.run([sys.executable, "-c", WRITE, str(DATABASE)], check=False, capture_output=True)
        DATABASE.parent.with_name(f"write-{written.returncode}").touch()


Journal.append = append_and_write
program.run(["invoke", *sys.argv[3:]])
