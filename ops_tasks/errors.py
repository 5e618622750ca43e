"""The ways a task can end other than well: one class per kind, each with its exit code and its status word."""

from __future__ import annotations

from typing import ClassVar


class OpsError(Exception):
    """An expected error: shown as one line, never as a stack trace.

    `reason` says what is wrong and why, `way_out` what the reader can do about it.
    """

    exit_code: ClassVar[int] = 5
    status: ClassVar[str] = "error"

    def __init__(self, reason: str, way_out: str = "") -> None:
        """Keep the two halves apart, so that JSON output can carry both."""
        super().__init__(reason, way_out)
        self.reason = reason
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.reason} ({self.way_out})" if self.way_out else self.reason


class UsageError(OpsError):
    """The command line, the configuration or the installation is wrong; nothing was done."""

    exit_code = 2


class Refused(OpsError):
    """A guard or a gate said no; the stack is as it was before."""

    exit_code = 3
    status = "refused"


class StepFailed(OpsError):
    """A step could not do its work; the runner decides what becomes of the operation."""

    exit_code = 4
    status = "put_back"


class Stopped(OpsError):
    """An operation is neither done nor put back: a person must choose `ops.retry` or `ops.rollback`."""

    exit_code = 5
    status = "stopped"


class Busy(OpsError):
    """Another operation or another process holds the stack."""

    exit_code = 6
    status = "busy"


KINDS: dict[str, type[OpsError]] = {kind.__name__: kind for kind in (UsageError, Refused, StepFailed, Stopped, Busy)}


def closest(word: str, words: list[str]) -> str:
    """Return `did you mean X?` for the closest of `words`, or nothing when none is close."""
    from difflib import get_close_matches

    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def nearest(word: str, words: list[str]) -> str:
    """Return `did you mean X?` for the closest of `words`, or the list of them when nothing is close."""
    known = f"known: {', '.join(sorted(words))}" if words else "none is configured"
    return closest(word, words) or known
