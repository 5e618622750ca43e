"""A bad ingest: for some days eBird gave too little, too much or nonsense, and the marts were built on it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, timedelta
from pathlib import Path

from sandbox import run
from sandbox.api import server
from sandbox.api import state as states
from sandbox.breaks import Broken, targets
from sandbox.errors import SandboxError, UsageError, choose
from sandbox.truth import compare

MODES = ("empty", "half", "wrong", "spike")
TABLES = ("observations", "observations__evidence", "checklists")
FCT = "ebird.fct_daily_bird_observations"
FORGET = Path(__file__).parent / "forget_rows.py"


def apply(folder: Path, *, start: date | None = None, end: date | None = None, mode: str = "half") -> Broken:
    """Load `[start, end]` of eBird from an API that lies, restate what depends on it, and let the API tell the truth.

    The window's raw rows (observations, evidence, checklists) are then what the faulty ingest left, the marts agree
    with them, and nothing in the stack says so. `mode`: no rows, half of them, wrong counts, or three times the rows.
    """
    choose(mode, MODES, "mode")
    state = states.read(folder)
    first, last = window(state, start, end)
    fault = states.fault(mode, "ebird", first, last)
    with reachable(folder), _lying(folder, fault):
        forget(folder, first, last)
        asked = {"DATABOX_BACKFILL_START": str(first), "DATABOX_BACKFILL_END": str(last)}
        run.python(folder, "-m", "databox.load", "ebird", more=asked)
    restate(folder, first, last)
    days = span(first, last)
    check(folder, days)
    return Broken(
        "bad-window",
        f"eBird from {first} to {last} was ingested badly ({mode}) and the marts are built on it",
        days,
        {"source": "ebird", "start": str(first), "end": str(last), "mode": mode},
    )


def window(state: states.State, start: date | None, end: date | None) -> tuple[date, date]:
    """Return a window inside the days with data; by default three days that ended a week ago.

    Raises `UsageError` for half a window, a reversed one, or one outside the data.
    """
    if (start is None) != (end is None):
        raise UsageError("--start and --end come together")
    first, last = start or state.today - timedelta(days=9), end or state.today - timedelta(days=7)
    if last < first:
        raise UsageError(f"the window ends ({last}) before it starts ({first})")
    if not (state.has(first) and state.has(last)):
        raise UsageError(f"{first} to {last} is not inside the days with data, {state.first} to {state.last}")
    return first, last


def forget(folder: Path, first: date, last: date) -> None:
    """Delete the raw rows of these days of eBird."""
    run.python(folder, str(FORGET), targets.address(folder, "raw_ebird"), str(first), str(last))


def restate(folder: Path, first: date, last: date) -> None:
    """Compute these days of every model that depends on eBird's dated tables again."""
    models = [f"raw_ebird.main.{table}" for table in TABLES]
    run.python(folder, "-m", "databox.transform", "restate", str(first), str(last), *models)


def span(first: date, last: date) -> tuple[date, ...]:
    """Every day of `[first, last]`."""
    return tuple(first + timedelta(days=offset) for offset in range((last - first).days + 1))


def check(folder: Path, days: tuple[date, ...], *tables: str) -> None:
    """Raise `SandboxError` unless each of the tables (default: the mart) is wrong on each of the days."""
    wrong = compare.days(compare.differences(folder))
    for table in tables or (FCT,):
        if unhurt := [str(day) for day in days if table not in wrong.get(day, [])]:
            raise SandboxError(f"the break did not reach {table} on {', '.join(unhurt)}")


def reachable(folder: Path) -> AbstractContextManager[str]:
    """The stack's own API server, or one for the time being where it does not run."""
    running = server.alive(folder)
    return server.serve(folder) if running is None else nullcontext(running)


@contextmanager
def _lying(folder: Path, fault: states.Fault) -> Generator[None]:
    """The API lies inside the block and is as before after it, whatever happens."""
    before = states.read(folder)
    states.write(folder, states.with_fault(before, fault))
    try:
        yield
    finally:
        states.write(folder, before)
