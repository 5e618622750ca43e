"""`python load_and_die.py FILE SOURCE` in a stack's folder: the stack's own load, killed before its WAL is worked in.

The connection that stays open keeps dlt's own one from writing the log into FILE when it is closed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import duckdb


def main(file: str, source: str) -> None:
    """Load, and die of SIGKILL; raises what the load raises."""
    keeper = duckdb.connect(file)
    keeper.execute("SET wal_autocheckpoint = '1TB'")
    sys.path.insert(0, str(Path.cwd()))
    from databox.load import load  # pyright: ignore  # the stack's own package

    load(source)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
