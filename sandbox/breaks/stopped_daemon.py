"""The Dagster daemon was killed some days ago, and nobody has noticed: its schedules have missed every fire since."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sandbox import scheduler
from sandbox.breaks import Broken
from sandbox.errors import UsageError

DAYS, MOST = 3, 13


def apply(folder: Path, *, days: int = DAYS) -> Broken:
    """Kill every daemon of the stack and move all that Dagster has stored `days` days into the past.

    A stack that no daemon has served yet is served by a real one first, for a moment.
    """
    if not 1 <= days <= MOST:
        raise UsageError(f"--days must be 1 to {MOST}, not {days}")
    if not (folder / ".dagster" / "schedules" / "schedules.db").is_file():
        scheduler.kill(scheduler.start(folder))
    scheduler.stop_all(folder)
    scheduler.shift(folder, timedelta(days=days))
    words = f"the daemon was killed {days} days ago; the schedules that are on have fired nothing since"
    return Broken("stopped-daemon", words, (), {"missed_days": days})
