"""Every statement that the MotherDuck backend relies on, tried on a scratch database of the account itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict

import duckdb

from ops_tasks.systems.attaching_worker import MD, attach
from ops_tasks.systems.motherduck_worker import Account, Point, account, beside, clone, drop, put, release, take
from ops_tasks.systems.sql import ident
from ops_tasks.systems.worker_main import progress

ROWS, FEWER = 10, 4


class Check(TypedDict):
    """One thing that was tried: `ok` is what we rely on, `said` what was found."""

    title: str
    ok: bool
    said: str


@dataclass
class Trial:
    """What the checks hand on to each other."""

    scratch: str
    label: str
    points: dict[str, Point] = field(default_factory=dict[str, Point])
    clones: list[str] = field(default_factory=list[str])

    @property
    def table(self) -> str:
        """The scratch table, quoted."""
        return ident(self.scratch, "main", "t")


def selftest(operation: str) -> list[Check]:
    """Try everything on a new database `ops_selftest_<operation>` and take it away again, whatever happens."""
    trial = Trial(f"ops_selftest_{operation}", f"selftest_{operation}")
    done: list[Check] = []
    try:
        for title, check in _checks():
            progress(title)
            try:
                done.append(Check(title=title, ok=True, said=check(trial)))
            except Exception as error:  # noqa: BLE001 - whatever the service says is what the person has to see
                done.append(Check(title=title, ok=False, said=_line(error)))
                if check in (_create, _keep):
                    break
    finally:
        done.append(_clean(trial))
    return done


def _checks() -> Iterator[tuple[str, Callable[[Trial], str]]]:
    yield "the token opens the account, and md_information_schema can be read", _read
    yield "a scratch database is created", _create
    yield "the present is kept: a named snapshot, or a clone where the plan has no names", _keep
    yield "rows that are deleted afterwards are still in a clone of what was kept", _clone
    yield "a clone can stand for its original under the original's name", _stand
    yield "SET SNAPSHOT, or COPY FROM DATABASE (OVERWRITE), brings the rows back", _back
    yield "the present can be cloned under another name before that", _aside
    yield "there is no RENAME: a cut has to be a SET SNAPSHOT", _rename
    yield "a name is given up, a clone dropped", _give_up


def _read(_trial: Trial) -> str:
    found = account()
    kinds = sorted({one["kind"] for one in found["databases"].values()})
    days = sorted({str(one["retention"]) for one in found["databases"].values()})
    told = f"{len(found['databases'])} databases ({', '.join(kinds)}), {len(found['snapshots'])} snapshots"
    if "None" in days:
        raise ValueError(f"{told}; a retention could not be read")
    return f"{told}; retention in days: {', '.join(days) or 'none to be seen'}"


def _create(trial: Trial) -> str:
    with duckdb.connect("md:") as connection:
        connection.execute(f"CREATE DATABASE {ident(trial.scratch)}")
        connection.execute(f"CREATE TABLE {trial.table} AS SELECT range AS i FROM range({ROWS})")
        connection.execute(f"CREATE VIEW {ident(trial.scratch, 'main', 'v')} AS SELECT * FROM {trial.table}")
    return f"{trial.scratch} with {ROWS} rows"


def _keep(trial: Trial) -> str:
    trial.points = take(trial.label, [trial.scratch])
    point = trial.points[trial.scratch]
    with duckdb.connect("md:") as connection:
        connection.execute(f"DELETE FROM {trial.table} WHERE i >= {FEWER}")
    kind = f"the clone {point['clone']}: this plan has no names" if point["clone"] else f"the snapshot {point['name']}"
    return f"{kind}, of {point['created_at']}"


def _clone(trial: Trial) -> str:
    trial.clones += clone(trial.points, f"__past_{trial.label}").values()
    there = ident(trial.clones[0], "main")
    with duckdb.connect("md:") as connection:
        rows = _count(connection, f"{there}.t")
        shown = _count(connection, f"{there}.v")
    _expect(rows, ROWS, "its table")
    reads = "the original (as DuckDB 1.5 files do)" if shown == FEWER else "the clone"
    return f"{rows} rows; its view reads {reads}"


def _stand(trial: Trial) -> str:
    connection = duckdb.connect(":memory:")
    try:
        attach(connection, {trial.scratch: f"{MD}{trial.clones[0]}"})
        rows = _count(connection, ident(trial.scratch, "main", "v"))
    finally:
        connection.close()
    _expect(rows, ROWS, "its view")
    return f"its view shows {rows} rows"


def _back(trial: Trial) -> str:
    put(trial.points)
    with duckdb.connect("md:") as connection:
        rows = _count(connection, trial.table)
    _expect(rows, ROWS, trial.scratch)
    return f"{rows} rows again"


def _aside(trial: Trial) -> str:
    trial.clones += beside([trial.scratch], f"__broken_{trial.label}").values()
    return trial.clones[-1]


def _rename(trial: Trial) -> str:
    try:
        with duckdb.connect("md:") as connection:
            connection.execute(f"ALTER DATABASE {ident(trial.scratch)} RENAME TO {ident(f'{trial.scratch}_renamed')}")
    except duckdb.Error as error:
        return f"refused: {_line(error)}"
    raise ValueError("it was taken: the documentation has changed")


def _give_up(trial: Trial) -> str:
    gone = release(list(trial.points.values()))
    if not gone:
        raise ValueError("nothing was given up")
    if left := [one["name"] for one in account()["snapshots"] if one["name"] in gone]:
        raise ValueError(f"{left[0]} has its name still")
    return ", ".join(gone)


def _clean(trial: Trial) -> Check:
    title = "everything is taken away again"
    try:
        found: Account = account()
        own = [name for name in found["databases"] if name == trial.scratch or name.startswith(f"{trial.scratch}__")]
        release(list(trial.points.values()))
        drop(own)
        left = [name for name in account()["databases"] if name in own]
    except Exception as error:  # noqa: BLE001 - what is left has to be told
        return Check(title=title, ok=False, said=_line(error))
    return Check(title=title, ok=not left, said=", ".join(left) or f"{len(own)} databases dropped")


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row: Any = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
    return int(row[0])


def _expect(rows: int, wanted: int, what: str) -> None:
    if rows != wanted:
        raise ValueError(f"{what} has {rows} rows instead of {wanted}")


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
