"""The sandbox's own errors, each shown as one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SandboxError(Exception):
    """Something in the sandbox went wrong; `code` is the exit code of the task."""

    code = 5


class UsageError(SandboxError):
    """The request itself was wrong; nothing was done."""

    code = 2


def choose(word: str, known: Iterable[str], what: str) -> str:
    """Return `word` if it is one of `known`; else raise a `UsageError` that names the nearest right value."""
    names = sorted(known)
    if word in names:
        return word
    close = get_close_matches(word, names, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
    raise UsageError(f"unknown {what} {word!r} ({hint})")
