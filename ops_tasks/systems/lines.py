"""Texts of others, line by line: what is there keeps its line ends, what is added takes those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Where YAML breaks lines too, so that its line numbers are ours.
BREAK = re.compile(r"(?<=\n)|(?<=\r)(?!\n)|(?<=[\x85\u2028\u2029])")
DOCUMENT_END = re.compile(r"\.\.\.(?:\s|$)")
UNIX, WINDOWS = "\n", "\r\n"


def lines_of(text: str) -> list[str]:
    """The lines of a text, each with its end."""
    return [line for line in BREAK.split(text) if line]


def inserted(lines: Sequence[str], at: int, added: Iterable[str]) -> str:
    """The text of `lines` with those of `added`, which have no ends yet, before line `at` (0-based)."""
    windows = sum(1 for line in lines if line.endswith(WINDOWS))
    end = WINDOWS if windows * 2 > len(lines) else UNIX
    head = "".join(lines[:at])
    head += end if head and not head.endswith((UNIX, "\r")) else ""
    return head + "".join(f"{line}{end}" for line in added) + "".join(lines[at:])


def document_end(lines: Sequence[str]) -> int:
    """The line that ends a document of YAML, or the one after the last."""
    return next((at for at, line in enumerate(lines) if DOCUMENT_END.match(line)), len(lines))
