"""Somebody wrote what should not have been written: a delete with a wrong WHERE, a restatement of the wrong days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from sandbox.api import state as states
from sandbox.breaks import Broken, targets
from sandbox.breaks.bad_window import FCT, check, forget, restate, span, window
from sandbox.errors import UsageError

RAW = "raw_ebird.main.observations"
SPARED = 5
TRIMMED = 10


def mass_delete(folder: Path, *, start: date | None = None, end: date | None = None) -> Broken:
    """Delete `[start, end]` from the mart's physical table and from the raw observations below it.

    By default everything but the newest five days. Raw evidence stays, without its parents, and so do the tables
    between the two; SQLMesh's state and dlt's know nothing of it.
    """
    state = states.read(folder)
    first, last = _within(state, start, end, state.first, state.last - timedelta(days=SPARED))
    marts, raw = (targets.sound(folder, catalog) for catalog in ("databox", "raw_ebird"))
    below = targets.ask(folder, "views", marts).get(FCT)
    if below is None:
        raise UsageError(f"{FCT} is broken already")
    table = str(below[1])
    deleted = {
        f"databox.{table}": targets.ask(folder, "delete", marts, table, "day_date", str(first), str(last)),
        RAW: targets.ask(folder, "delete", raw, "main.observations", "observation_date", str(first), str(last)),
    }
    days = span(first, last)
    check(folder, days, FCT, RAW)
    counts = " and ".join(f"{count:,} of {name}" for name, count in deleted.items())
    facts = {"start": str(first), "end": str(last), "view": FCT, "deleted": deleted}
    return Broken("mass-delete", f"the rows of {first} to {last} were deleted: {counts}", days, facts)


def wrong_restate(folder: Path, *, start: date | None = None, end: date | None = None) -> Broken:
    """Delete the raw rows of eBird of `[start, end]` and restate these days: the marts lose them too.

    By default the ten oldest days, as after a trimming of the raw data that a later restatement did not respect.
    SQLMesh's state says that every day is computed.
    """
    state = states.read(folder)
    first, last = _within(state, start, end, state.first, state.first + timedelta(days=TRIMMED - 1))
    forget(folder, first, last)
    restate(folder, first, last)
    days = span(first, last)
    check(folder, days, FCT, RAW)
    facts = {"source": "ebird", "start": str(first), "end": str(last), "view": FCT}
    words = f"eBird's raw rows of {first} to {last} are gone and these days were restated: the marts have lost them"
    return Broken("wrong-restate", words, days, facts)


def _within(state: states.State, start: date | None, end: date | None, first: date, last: date) -> tuple[date, date]:
    """The window that is asked for, by default `[first, last]`; raises `UsageError` as `window` does."""
    return window(state, start, end) if start or end else (first, last)
