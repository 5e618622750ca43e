"""What a process writes into a pipe, read until that very process has ended.

A pipe ends only when the last process that has it ends, and one in the background may never.
"""

from __future__ import annotations

import codecs
import io
import os
import select
from collections.abc import Callable, Iterator

CHECKED = 200
# What a pipe holds (Linux): the process itself cannot have left more than that unread when it ended.
HELD = 65536


def lines(descriptor: int, ended: Callable[[], bool]) -> Iterator[str]:
    """Lines of UTF-8 with their ends, the last one maybe without; over when the pipe is, or what it held at the end.

    `ended` says whether the process has ended, without waiting; while nothing comes it is asked every `CHECKED` ms.
    """
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
    pending = ""
    for chunk in _chunks(descriptor, ended):
        *whole, pending = (pending + decoder.decode(chunk)).split("\n")
        yield from (f"{line}\n" for line in whole)
    pending += decoder.decode(b"", final=True)
    if pending:
        yield pending


def _chunks(descriptor: int, ended: Callable[[], bool]) -> Iterator[bytes]:
    left = HELD
    there = select.poll()
    there.register(descriptor, select.POLLIN)
    while left > 0:
        over = ended()  # asked before looking: what it wrote until then is there to be seen
        if not there.poll(0 if over else CHECKED):
            if over:
                return
            continue
        chunk = os.read(descriptor, left)
        if not chunk:
            return
        left -= len(chunk) if over else 0
        yield chunk


def has_ended(pid: int) -> bool:
    """Whether a child has ended; it is not reaped, so that nobody else gets its number meanwhile."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # somebody has reaped it
        return True
