"""Write-ahead logs that are lost, or that belong to another database."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sandbox import run
from sandbox.api import state as states
from sandbox.breaks import Broken, older, targets
from sandbox.breaks.bad_window import FORGET, reachable
from sandbox.errors import SandboxError, UsageError
from sandbox.truth import compare

LOAD = Path(__file__).parent / "load_and_die.py"
OBSERVATIONS = "raw_ebird.main.observations"


def stale(folder: Path, *, file: str = "databox") -> Broken:
    """Lay the WAL of another database, left by a writer that was killed, beside the file; DuckDB opens it no more."""
    path = targets.database(folder, file)
    log = targets.wal(path)
    shown = targets.shown(folder, path)
    if log.exists():
        raise UsageError(f"{targets.shown(folder, log)} is there already; let DuckDB open {shown} once to work it in")
    targets.whole(folder, path)
    with tempfile.TemporaryDirectory(prefix="sandbox-wal-") as name:
        other = Path(name) / "other.duckdb"
        targets.killed(folder, str(targets.TOOL), "die_with_wal", str(other))
        shutil.copyfile(targets.wal(other), log)
    error = targets.scan(folder, path).problem
    if not error:
        log.unlink()
        raise SandboxError(f"DuckDB does not mind the WAL of another database beside {path}")
    facts = {"file": shown, "wal": targets.shown(folder, log), "error": error}
    return Broken("stale-wal", f"beside {shown} lies the WAL of another database", (), facts)


def lost(folder: Path, *, file: str = "raw_ebird", days: int = older.DAYS) -> Broken:
    """Lose what was committed into a WAL: the last `days` days of eBird's raw rows, or of the marts (`databox`).

    Nothing reports an error. dlt's working state knows the load whose rows are gone, or SQLMesh's state the intervals.
    """
    path = targets.database(folder, file, ("raw_ebird", "databox"))
    window = older.last_days(states.read(folder), days)
    if file == "databox":
        with older.marts(folder, window) as copy:
            older.put_in_place(copy, path)
    else:
        _lose_load(folder, path, window)
    shown, log = targets.shown(folder, path), targets.shown(folder, targets.wal(path))
    facts = {"file": shown, "wal": log, "start": str(window[0]), "end": str(window[-1])}
    words = f"{log} was deleted with the committed rows of {window[0]} to {window[-1]} in it; {shown} is whole"
    return Broken("lost-wal", words, window, facts)


def _lose_load(folder: Path, file: Path, window: tuple[date, ...]) -> None:
    """Load the window as if for the first time, kill the loader after its last commit, and delete the WAL."""
    first, last = str(window[0]), str(window[-1])
    asked = {"DATABOX_BACKFILL_START": first, "DATABOX_BACKFILL_END": last}
    with _or_as_before(file, folder / "data" / "dlt_pipelines"):
        run.python(folder, str(FORGET), str(file), first, last, "ebird")
        before = file.read_bytes()
        with reachable(folder):
            targets.killed(folder, str(LOAD), str(file), "ebird", more=asked)
        if file.read_bytes() != before:
            raise SandboxError(f"the load did not stay in the WAL of {file}")
        if bad := _wrong_days(folder) & set(window):
            told = ", ".join(map(str, sorted(bad)))
            raise SandboxError(f"the load did not bring {OBSERVATIONS} of {told}; sandbox.fault clear ends API faults")
        targets.wal(file).unlink()
        if kept := set(window) - _wrong_days(folder):
            raise SandboxError(f"{OBSERVATIONS} still holds {', '.join(map(str, sorted(kept)))}")


def _wrong_days(folder: Path) -> set[date]:
    by_day = compare.days(compare.differences(folder))
    return {day for day, tables in by_day.items() if OBSERVATIONS in tables}


@contextmanager
def _or_as_before(file: Path, tree: Path) -> Generator[None]:
    """Put a database and a folder back as they were when the block fails."""
    with tempfile.TemporaryDirectory(prefix="sandbox-wal-") as name:
        shutil.copyfile(file, Path(name) / "file")
        shutil.copytree(tree, Path(name) / "tree")
        try:
            yield
        except BaseException:
            targets.wal(file).unlink(missing_ok=True)
            shutil.copyfile(Path(name) / "file", file)
            shutil.rmtree(tree)
            shutil.copytree(Path(name) / "tree", tree)
            raise
