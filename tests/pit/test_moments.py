"""Which instant `--at` and `--tz` mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.moments import instant

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
