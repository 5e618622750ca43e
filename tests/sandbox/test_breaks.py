"""Incidents: the stack is broken as promised, and can be mended by its own commands."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from sandbox import breaks, run, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.errors import UsageError
from sandbox.truth.compare import days

pytestmark = pytest.mark.rehearsal

TODAY = date(2026, 4, 21)
WINDOW = [TODAY - timedelta(days=back) for back in (9, 8, 7)]
FCT = "ebird.fct_daily_bird_observations"


def counts(folder: Path) -> dict[date, int]:
    with duckdb.connect(str(folder / "data" / "raw_ebird.duckdb"), read_only=True) as connection:
        statement = "SELECT observation_date, count(*) FROM main.observations GROUP BY 1"
        return dict(connection.execute(statement).fetchall())


@pytest.mark.parametrize(("mode", "share"), [("wrong", 1.0), ("spike", 3.0)])
def test_a_bad_window_is_wrong_on_exactly_its_days(pinned: Path, mode: str, share: float) -> None:
    before = counts(pinned)
    broken = breaks.apply("bad-window", pinned, mode=mode)
    assert list(broken.days) == WINDOW
    found = days(stacks.truth(pinned))
    assert list(found) == WINDOW
    assert all(FCT in tables and "raw_ebird.main.observations" in tables for tables in found.values())
    after = counts(pinned)
    for day, count in before.items():
        expected = round(count * share) if day in WINDOW else count
        assert abs(after.get(day, 0) - expected) <= 1
    assert states.read(pinned).faults == (), "the API tells the truth again"
    assert server.alive(pinned) is None, "no server is left behind"


def test_a_bad_window_can_be_mended_by_hand(pinned: Path) -> None:
    start, end = str(WINDOW[0]), str(WINDOW[0] + timedelta(days=1))
    before = counts(pinned)
    breaks.apply("bad-window", pinned, start=WINDOW[0], end=WINDOW[1])
    assert list(days(stacks.truth(pinned))) == WINDOW[:2]
    assert all(abs(counts(pinned)[day] - before[day] / 2) <= 1 for day in WINDOW[:2])
    asked = {"DATABOX_BACKFILL_START": start, "DATABOX_BACKFILL_END": end}
    tables = [f"raw_ebird.main.{name}" for name in ("observations", "observations__evidence", "checklists")]
    with server.serve(pinned):
        run.python(pinned, "-m", "databox.load", "ebird", more=asked)
    run.python(pinned, "-m", "databox.transform", "restate", start, end, *tables)
    assert stacks.truth(pinned) == []


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("bad-windw", {}, "did you mean 'bad-window'"),
        ("bad-window", {"mode": "halve"}, "did you mean 'half'"),
        ("bad-window", {"start": TODAY}, "come together"),
        ("bad-window", {"start": TODAY, "end": TODAY - timedelta(days=1)}, "before it starts"),
        ("bad-window", {"start": TODAY, "end": TODAY}, "not inside the days with data"),
    ],
)
def test_a_wrong_request_changes_nothing(pinned: Path, name: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        breaks.apply(name, pinned, **options)
    assert stacks.truth(pinned) == []


def test_a_folder_without_a_sandbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a sandbox"):
        breaks.apply("bad-window", tmp_path)
