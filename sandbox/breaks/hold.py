"""`python hold.py FILE NOTE` returns when a process in the background has FILE open for writing; exit 1 when not.

That process writes its PID into NOTE and ends when NOTE is gone or names somebody else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

INTERVAL = 0.05


def main(file: Path, note: Path) -> int:
    """Go on as two processes: the child holds the file, the parent passes on what the child had to say."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reader)
        hold(file, note, writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    if said:
        sys.stderr.write(said)
    return 0 if owner(note) == child and not said else 1


def hold(file: Path, note: Path, writer: int) -> None:
    """Hold the file until the note says otherwise; why that is not possible goes to `writer`, which is closed then."""
    import duckdb

    try:
        connection = duckdb.connect(str(file))
        fresh = note.with_name(f"{note.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"pid": os.getpid(), "file": str(file)}), encoding="utf-8")
        fresh.replace(note)
    except (duckdb.Error, OSError) as error:
        os.write(writer, str(error).splitlines()[0].encode())
        os._exit(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    os.close(writer)
    while owner(note) == os.getpid():
        time.sleep(INTERVAL)
    connection.close()
    os._exit(0)


def owner(note: Path) -> int | None:
    """The PID in a note, None when there is no note."""
    try:
        return int(json.loads(note.read_text(encoding="utf-8"))["pid"])
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
