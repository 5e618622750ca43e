"""The marts' database as it was some days ago, made by the stack's own commands in a copy of the stack."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sandbox import run
from sandbox.api import state as states
from sandbox.breaks import targets
from sandbox.breaks.bad_window import FORGET, TABLES
from sandbox.errors import SandboxError, UsageError
from sandbox.truth import compare

DAYS = 5
FCT = "ebird.fct_daily_bird_observations"
MODELS = (
    *(f"raw_ebird.main.{table}" for table in TABLES),
    "raw_noaa.main.daily_weather",
    "raw_usgs.main.daily_values",
)
# A copy needs neither another stack's history nor its ballast.
LEFT_OUT = shutil.ignore_patterns(".ops", ".ballast", ".cache", "logs", "__pycache__")


def last_days(state: states.State, days: int) -> tuple[date, ...]:
    """The newest `days` days with data; raises `UsageError` when fewer than two would be left before them."""
    if not 1 <= days <= state.days - 2:
        raise UsageError(f"--days must be 1 to {state.days - 2} in a stack of {state.days} days, not {days}")
    return tuple(state.all_days()[-days:])


@contextmanager
def marts(folder: Path, lost: tuple[date, ...]) -> Generator[Path]:
    """Yield a databox file that knows nothing of the days `lost`, under the same table names; it goes afterwards.

    The stack itself is only read. Raises `SandboxError` when its commands fail in the copy.
    """
    first, last = str(lost[0]), str(lost[-1])
    with tempfile.TemporaryDirectory(prefix="sandbox-older-") as name:
        copy = Path(name) / "stack"
        shutil.copytree(folder, copy, ignore=LEFT_OUT)
        for source in states.SOURCES:
            run.python(copy, str(FORGET), str(copy / "data" / f"raw_{source}.duckdb"), first, last, source)
        run.python(copy, "-m", "databox.transform", "restate", first, last, *MODELS)
        unhurt = set(lost) - {day for day, tables in compare.days(compare.differences(copy)).items() if FCT in tables}
        if unhurt:
            raise SandboxError(f"the older copy still holds {FCT} of {', '.join(map(str, sorted(unhurt)))}")
        yield copy / "data" / "databox.duckdb"


def put_in_place(older: Path, file: Path) -> None:
    """Replace a database by another one in one rename; its WAL, which belongs to neither, goes."""
    fresh = file.with_name(f".{file.name}.older")
    shutil.copyfile(older, fresh)
    fresh.replace(file)
    targets.wal(file).unlink(missing_ok=True)
