"""One class per way to end, each with its exit code."""

from __future__ import annotations

import pytest

from ops_tasks.errors import KINDS, Busy, OpsError, Refused, StepFailed, Stopped, UsageError, nearest


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (UsageError, 2, "error"),
        (Refused, 3, "refused"),
        (StepFailed, 4, "put_back"),
        (Stopped, 5, "stopped"),
        (Busy, 6, "busy"),
    ],
)
def test_exit_codes(kind: type[OpsError], code: int, status: str) -> None:
    error = kind("why", "what now")
    assert (error.exit_code, error.status) == (code, status)
    assert (error.reason, error.way_out, str(error)) == ("why", "what now", "why (what now)")
    assert KINDS[kind.__name__] is kind
    assert str(kind("why")) == "why"


def test_every_kind_is_known_to_the_workers() -> None:
    assert set(KINDS.values()) == set(OpsError.__subclasses__())


@pytest.mark.parametrize(
    ("word", "words", "expected"),
    [
        ("ebrid", ["ebird", "noaa"], "did you mean 'ebird'?"),
        ("xyz", ["noaa", "ebird"], "known: ebird, noaa"),
        ("", ["noaa"], "known: noaa"),
        ("x", [], "none is configured"),
    ],
)
def test_nearest(word: str, words: list[str], expected: str) -> None:
    assert nearest(word, words) == expected
