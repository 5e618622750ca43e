"""Many small independent looks, shared by two processes."""

from __future__ import annotations

import gc
import marshal
import os
from collections.abc import Callable, Iterable, Sequence

FEW = 1_000  # below it, a second process costs more than it saves


def in_two(look: Callable[[Sequence[str]], Iterable[tuple[str, str]]], items: Sequence[str]) -> list[tuple[str, str]]:
    """All that `look` finds; a forked copy of this process looks at the second half.

    What the copy cannot do is done here after all, so that errors are raised as if there were one process.
    """
    if len(items) < FEW:
        return list(look(items))
    # Otherwise the collector touches, and so copies, every object in both processes, and once more at their end.
    gc.freeze()
    if len(os.sched_getaffinity(0)) < 2:
        return list(look(items))
    half = len(items) // 2
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        _tell(look, items[half:], sending)
    os.close(sending)
    try:
        found = list(look(items[:half]))
    finally:
        with os.fdopen(receiving, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
    return found + (list(look(items[half:])) if status else marshal.loads(told))  # noqa: S302 - our own process


def _tell(look: Callable[[Sequence[str]], Iterable[tuple[str, str]]], items: Sequence[str], pipe: int) -> None:
    """Write what `look` finds and end this process at once, without the parent's buffers and exit handlers."""
    code = 1
    try:
        with os.fdopen(pipe, "wb") as told:
            marshal.dump(list(look(items)), told)
        code = 0
    finally:
        os._exit(code)
