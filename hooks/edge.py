"""What every hook does with its text: any name can be written, and a reader who has seen enough may leave."""

from __future__ import annotations

import io
import os
import sys


def say(text: str) -> None:
    """Write to standard output, what it cannot encode as escapes; a closed pipe is no error of the hook."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """The same to standard error."""
    _write(sys.stderr, text)


def _write(stream: object, text: str) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    try:
        print(text, end="", file=stream, flush=True)  # type: ignore[call-overload]
    except BrokenPipeError:
        # Python flushes once more as it ends, and would show a trace then.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - pathlib takes as long to import as the rest
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
