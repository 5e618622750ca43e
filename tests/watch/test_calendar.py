"""How often: systemd takes what we make of it, and cron and systemd mean the same by it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import islice

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.watching import WATCHES
from ops_tasks.stack import Stack
from ops_tasks.systems.units import calendar
from tests.watch.conftest import Invoke

systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
SINCE = datetime(2026, 1, 15, 10, 7, 30, tzinfo=UTC)
MANY = 40

GOOD = {
    "1m": ("*-*-* *:*:00", "* * * * *"),
    "15m": ("*-*-* *:00/15:00", "*/15 * * * *"),
    "15min": ("*-*-* *:00/15:00", "*/15 * * * *"),
    "60m": ("*-*-* *:00:00", "0 * * * *"),
    "1h": ("*-*-* *:00:00", "0 * * * *"),
    "120m": ("*-*-* 00/2:00:00", "0 */2 * * *"),
    "6h": ("*-*-* 00/6:00:00", "0 */6 * * *"),
    "24h": ("*-*-* 00:00:00", "0 0 * * *"),
    "1d": ("*-*-* 00:00:00", "0 0 * * *"),
    "hourly": ("*-*-* *:00:00", "0 * * * *"),
    "daily": ("*-*-* 00:00:00", "0 0 * * *"),
    "weekly": ("Mon *-*-* 00:00:00", "0 0 * * 1"),
    "monthly": ("*-*-01 00:00:00", "0 0 1 * *"),
    "*-*-* 12:00": ("*-*-* 12:00:00", "0 12 * * *"),
    "12:00": ("*-*-* 12:00:00", "0 12 * * *"),
    "*-*-* 12:00:00": ("*-*-* 12:00:00", "0 12 * * *"),
    "3:5": ("*-*-* 03:05:00", "5 3 * * *"),
    "Mon": ("Mon *-*-* 00:00:00", "0 0 * * 1"),
    "sunday 4:30": ("Sun *-*-* 04:30:00", "30 4 * * 7"),
    "Mon..Fri 8..18/2:15": ("Mon..Fri *-*-* 08..18/2:15:00", "15 8-18/2 * * 1-5"),
    "Sat,Sun *:00,30": ("Sat,Sun *-*-* *:00,30:00", "0,30 * * * 6,7"),
    "Mon,Wed..Fri 5/7:*": ("Mon,Wed..Fri *-*-* 05/7:*:00", "* 5-23/7 * * 1,3-5"),
    "*-1..3-1,15 2:00": ("*-01..03-01,15 02:00:00", "0 2 1,15 1-3 *"),
    "*-*": ("*-*-* 00:00:00", "0 0 * * *"),
    "02-29": ("*-02-29 00:00:00", "0 0 29 2 *"),
    "*-*-31 1:00": ("*-*-31 01:00:00", "0 1 31 * *"),
    "*-2/5-5/10 0:59": ("*-02/5-05/10 00:59:00", "59 0 5-31/10 2-12/5 *"),
}
BAD = [
    *("7h", "90m", "2d", "0m", "0h", "soon", "hour", "1w", "-1h", "1h1h", "*/5 * * * *", "25:00", "12:60", "*:*/5"),
    *("*-13-01", "*-02-30", "*-04,06-31", "Mon..Foo", "Fri..Mon 1:00", "Mon..", "5..3:00", "*:0/0", "2026-01-01"),
    *("12:00:30", "12:00 UTC", "Mon,,Tue 1:00", "1,:00", "12", ":", "*-*-*  ;", "12:00\nPersistent=false", "０:００"),
]


def elapses(text: str) -> list[datetime]:
    """The next times at which systemd runs something."""
    base = f"{SINCE:%Y-%m-%d %H:%M:%S} UTC"
    command = ["systemd-analyze", "calendar", f"--iterations={MANY}", f"--base-time={base}", text]
    env = os.environ | {"TZ": "UTC", "LC_ALL": "C"}
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.findall(r"(?:Next elapse|Iter\. #\d+|Iteration #\d+): \w+ (\S+ \S+) UTC", told)
    return [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in found]


@pytest.mark.parametrize("text", GOOD)
def test_it_is_said_in_both_languages(text: str) -> None:
    found = calendar(text)
    assert (found.systemd(), found.cron()) == GOOD[text]


@systemd
@pytest.mark.parametrize("text", GOOD)
def test_systemd_and_cron_mean_the_same(text: str) -> None:
    from dagster._utils.schedules import cron_string_iterator

    said, cron = GOOD[text]
    times = elapses(said)
    assert len(times) == MANY
    fires = cron_string_iterator(SINCE.timestamp(), cron, "UTC")
    assert times == [one.astimezone(UTC) for one in islice(fires, MANY)]


@systemd
@pytest.mark.parametrize("text", [text for text in GOOD if not re.fullmatch(r"\d+(m|min|h|d)", text)])
def test_what_is_given_as_a_calendar_is_meant_as_systemd_means_it(text: str) -> None:
    assert elapses(text) == elapses(calendar(text).systemd())


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_interval_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as told:
        calendar(text)
    assert told.value.reason.startswith("--every: ")
    assert "\n" not in str(told.value)


def test_a_bad_interval_is_one_line_and_exit_2(small: Stack, invoke: Invoke) -> None:
    told = invoke(small, "watch.units", "--only=snapshot", "--every=7h")
    assert told.code == 2
    assert told.err.splitlines() == [
        "✗ --every: 7h divides neither an hour nor a day",
        "  → say at what times: '*-*-* 00/5:30'",
    ]


def test_cron_knows_no_weekday_with_a_day() -> None:
    found = calendar("Fri *-*-13 9:00")
    assert found.systemd() == "Fri *-*-13 09:00:00"
    with pytest.raises(UsageError):
        found.cron()


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.name)
def test_the_default_of_every_watch_can_be_said(watch: object) -> None:
    every: str = getattr(watch, "every", "")
    assert calendar(every).cron()
