"""Which instant `--at` and `--tz` mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.report.snapshots import listing, show_memory
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios import moments
from ops_tasks.scenarios.moments import instant
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.backends import Moment

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "wanted"),
    [
        pytest.param("2026-04-20 12:00", "", "2026-04-20T12:00:00+00:00", id="UTC is the default"),
        pytest.param("2026-04-20", "", "2026-04-20T00:00:00+00:00", id="a day begins at midnight"),
        pytest.param("2026-04-20 12:00:30.5", "", "2026-04-20T12:00:30.500000+00:00", id="parts of a second"),
        pytest.param("2026-04-20 12:00", "Europe/Berlin", "2026-04-20T10:00:00+00:00", id="summer time"),
        pytest.param("2026-01-20 12:00", "Europe/Berlin", "2026-01-20T11:00:00+00:00", id="winter time"),
        pytest.param("2026-04-20 12:00", "Asia/Kathmandu", "2026-04-20T06:15:00+00:00", id="a quarter of an hour"),
        pytest.param("2026-04-20T12:00+02:00", "", "2026-04-20T10:00:00+00:00", id="an offset"),
        pytest.param("2026-04-20T12:00Z", "", "2026-04-20T12:00:00+00:00", id="Z"),
        pytest.param(" 2026-04-20 12:00 ", "", "2026-04-20T12:00:00+00:00", id="blanks"),
        pytest.param("2026-11-23 12:00", "", "2026-11-23T12:00:00+00:00", id="now"),
        pytest.param("2026-03-29 03:00", "Europe/Berlin", "2026-03-29T01:00:00+00:00", id="right after the gap"),
    ],
)
def test_what_is_meant(text: str, zone: str, wanted: str) -> None:
    assert instant(text, zone, NOW).isoformat() == wanted


@pytest.mark.parametrize(
    ("text", "zone", "reason", "way_out"),
    [
        pytest.param("yesterday", "", "not a time", "YYYY-MM-DD HH:MM", id="words"),
        pytest.param("2026-04-31 12:00", "", "not a time", "--tz", id="no such day"),
        pytest.param("2026-04-20 12:00", "Europe/Berlim", "unknown time zone", "Europe/Berlin", id="no such zone"),
        pytest.param("2026-04-20 12:00", "../etc/passwd", "unknown time zone", "", id="a path is no zone"),
        pytest.param("2026-04-20T12:00+02:00", "Europe/Berlin", "offset of its own", "--tz", id="both"),
        pytest.param("2026-03-29 02:30", "Europe/Berlin", "never show", "+0100", id="the clocks skip it"),
        pytest.param("2026-10-25 02:30", "Europe/Berlin", "twice", "+0200", id="the clocks show it twice"),
        pytest.param("2026-11-23 14:00", "", "ahead of us", "--tz", id="a local time taken for UTC"),
        pytest.param("2026-11-23 14:00", "Europe/Berlin", "ahead of us", "12:00 UTC", id="still to come"),
        pytest.param("0001-01-01 00:00", "Asia/Tokyo", "no time that", "YYYY", id="before the first day"),
        pytest.param("9999-12-31 23:59", "America/New_York", "no time that", "YYYY", id="after the last day"),
        pytest.param("2026-04-20 12:00", "localtime", "unknown time zone", "", id="a file that is no zone"),
    ],
)
def test_what_cannot_be_meant(text: str, zone: str, reason: str, way_out: str) -> None:
    with pytest.raises(UsageError) as raised:
        instant(text, zone, NOW)
    assert reason in raised.value.reason
    assert way_out in raised.value.way_out
    assert "\n" not in raised.value.reason


TAKEN = datetime(2026, 4, 20, 9, 58, 18, 123_000, tzinfo=UTC)
ROW: dict[str, Any] = {"bytes": 1, "verified_at": None, "problems": [], "why": "", "forensic": False, "kept": None}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot of ours, and one that is taken half a second after it."""
    known = {"verified_at": TAKEN, "forensic": False, "backend": "local"}
    late = TAKEN + timedelta(milliseconds=500)
    made = [SimpleNamespace(name=name, created_at=at, **known) for name, at in (("first", TAKEN), ("second", late))]

    def every(_stack: object) -> list[SimpleNamespace]:
        return made

    def of(_stack: object) -> SimpleNamespace:
        return SimpleNamespace(list=nothing)

    def nothing(_hands: object) -> list[Moment]:
        return []

    monkeypatch.setattr(snapshots, "every", every)
    monkeypatch.setattr(backends, "of", of)


def found(text: str) -> str | None:
    stack = cast("Any", SimpleNamespace(backend="local"))
    return moments.newest(stack, instant(text, "", NOW), cast("Any", None)).snapshot


@pytest.mark.usefixtures("two")
def test_a_time_that_is_listed_finds_what_it_was_listed_for() -> None:
    table = listing([ROW | {"name": "second", "created_at": (TAKEN + timedelta(milliseconds=500)).isoformat()}], NOW)
    ((_, told, *_),) = table.rows
    assert told == "2026-04-20 09:58:18"
    assert found(told) == "second"
    assert found(TAKEN.isoformat()) == "first"
    with pytest.raises(UsageError, match="nothing is left of"):
        found("2026-04-20 09:58:17")
    with pytest.raises(UsageError, match="nothing is left of"):
        found("2026-04-20 09:58:18.1")


def test_moments_of_one_second_are_one_and_say_what_they_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    each = [("a", 0, "2 h"), ("b", 5, None), ("a", 2000, None)]
    told = [
        {
            "created_at": (TAKEN + timedelta(milliseconds=late)).isoformat(),
            "databases": [name],
            "expires_in": expires,
        }
        for name, late, expires in each
    ]
    show_memory(Terminal(json=False), {"retention": "7 days", "plan": "Business", "moments": told})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  it remembers 2 moments by itself (ops.restore --at=TIME), the newest:",
        "  2026-04-20 09:58:18 UTC, after a change of a, b; does not expire yet",
        "  2026-04-20 09:58:20 UTC, after a change of a; does not expire yet",
    ]
