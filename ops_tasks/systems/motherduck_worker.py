"""MotherDuck's own statements: snapshots, clones and the way back. Written from its documentation; not run against the
service.

The grammar: https://motherduck.com/docs/sql-reference/motherduck-sql-reference (CREATE SNAPSHOT, ALTER SNAPSHOT,
CREATE DATABASE ... FROM, ALTER DATABASE ... SET SNAPSHOT, COPY FROM DATABASE (OVERWRITE), UNDROP DATABASE). There is
no RENAME, no DROP SNAPSHOT and no alias. Every function may be asked again after a lost connection: it looks first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import count
from typing import Any, TypedDict

import duckdb

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.attaching_worker import LOST
from ops_tasks.systems.sql import ident, literal
from ops_tasks.systems.steady_worker import steady
from ops_tasks.systems.worker_main import progress


class Point(TypedDict):
    """Something a database can be brought back to: a snapshot (`id`, `name` if it has one), or a `clone` of its own.

    Times are ISO, in UTC.
    """

    database: str
    id: str | None
    name: str | None
    clone: str | None
    created_at: str
    bytes: int


class Database(TypedDict):
    """A database of the account: `retention` in days (None: not told), `kind` (ducklake has no such snapshots)."""

    id: str
    created_at: str
    retention: float | None
    transient: bool
    kind: str


class Account(TypedDict):
    """What there is: databases by name, and their snapshots, oldest first."""

    databases: dict[str, Database]
    snapshots: list[Point]


@steady
def account() -> Account:
    """Every database and snapshot of the account. Raises `UsageError` where MotherDuck does not take the token."""
    with _connected() as connection:
        return _account(connection)


@steady
def taken(label: str, databases: Sequence[str]) -> list[str]:
    """What somebody has under the names that `take` would give: snapshot names are unique per user at MotherDuck."""
    with _connected() as connection:
        found = _account(connection)
        named = {point["name"] for point in found["snapshots"]} | set(found["databases"])
        return [name for database in databases for name in _names(label, database) if name in named]


@steady
def take(label: str, databases: Sequence[str]) -> dict[str, Point]:
    """Keep the present of every database under a name: a named snapshot, or (no such plan) a zero-copy clone.

    What has that name already is taken for made before the connection was lost; see `taken`.
    """
    with _connected() as connection:
        return {name: _take(connection, label, name) for name in databases}


@steady
def clone(points: dict[str, Point], suffix: str) -> dict[str, str]:
    """Make a database beside each one, as of its point, named `<database><suffix>`; returns database -> its name.

    One of that name that is there is replaced: the suffix is an operation's own.
    """
    made: dict[str, str] = {}
    with _connected() as connection:
        for database, point in points.items():
            made[database] = f"{database}{suffix}"
            progress(f"cloning {database}")
            source, selector = _source(point)
            connection.execute(f"CREATE OR REPLACE DATABASE {ident(made[database])} FROM {ident(source)}{selector}")
    return made


@steady
def beside(databases: Sequence[str], suffix: str) -> dict[str, str]:
    """A clone of the present of each database, under a name of its own; one that is there already stays."""
    made: dict[str, str] = {}
    with _connected() as connection:
        there = _account(connection)["databases"]
        for database in databases:
            made[database] = f"{database}{suffix}"
            if made[database] not in there:
                progress(f"cloning {database}")
                connection.execute(f"CREATE DATABASE {ident(made[database])} FROM {ident(database)}")
    return made


@steady
def put(points: dict[str, Point], aside: str = "") -> list[str]:
    """Make every database what its point is; returns their names. A dropped one is made again.

    With `aside` what is there is cloned immediately before, as `<database><aside>`, or with a number behind it: anew at
    every try, for what somebody else has written until then.
    """
    with _connected() as connection:
        for database, point in points.items():
            progress(f"bringing {database} back")
            there = _account(connection)["databases"]
            source, selector = _source(point)
            if aside and database in there:
                clone = next(name for name in _numbered(f"{database}{aside}") if name not in there)
                connection.execute(f"CREATE DATABASE {ident(clone)} FROM {ident(database)}")
            if database not in there:
                connection.execute(f"CREATE DATABASE {ident(database)} FROM {ident(source)}{selector}")
            elif point["clone"]:
                connection.execute(f"COPY FROM DATABASE {ident(point['clone'])} (OVERWRITE) TO {ident(database)}")
            else:
                statement = (
                    f"ALTER DATABASE {ident(database)} SET SNAPSHOT TO (SNAPSHOT_ID {literal(str(point['id']))})"
                )
                connection.execute(statement)
    return list(points)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in count(2))


@steady
def forget(label: str, databases: Sequence[str]) -> list[str]:
    """Give up whatever `take` has made under a label, however far it has come."""
    with _connected() as connection:
        found = _account(connection)
    points = [point for database in databases if (point := _made(found, label, database)) is not None]
    return release(points) if points else []


@steady
def release(points: list[Point]) -> list[str]:
    """Give points up: a named snapshot loses its name (and is collected with its age), a clone is dropped.

    A database that has a clone's name and was made at another time is another clone: it stays.
    """
    gone: list[str] = []
    with _connected() as connection:
        found = _account(connection)
        named = {point["id"]: point["name"] for point in found["snapshots"] if point["name"]}
        for point in points:
            if point["clone"]:
                copy = found["databases"].get(point["clone"])
                if copy and copy["created_at"] == point["created_at"]:
                    connection.execute(f"DROP DATABASE {ident(point['clone'])}")
                    gone.append(point["clone"])
            elif point["name"] and named.get(point["id"]) == point["name"]:
                if point["database"] in found["databases"]:  # the docs may mean: looked up in the current one
                    connection.execute(f"USE {ident(point['database'])}")
                connection.execute(f"ALTER SNAPSHOT {literal(str(point['id']))} SET snapshot_name = ''")
                gone.append(point["name"])
    return gone


@steady
def drop(databases: list[str]) -> list[str]:
    """Drop clones; those that are gone already are no error."""
    with _connected() as connection:
        there = _account(connection)["databases"]
        gone = [name for name in databases if name in there]
        for name in gone:
            connection.execute(f"DROP DATABASE {ident(name)}")
    return gone


def _names(label: str, database: str) -> tuple[str, str]:
    """What the snapshot and the clone of a database are called: the one label stands for a database each."""
    return f"{label}__{database}", f"{database}__{label}"


def _take(connection: duckdb.DuckDBPyConnection, label: str, database: str) -> Point:
    found = _account(connection)
    if database not in found["databases"]:
        raise UsageError(f"MotherDuck has no database {database!r}", "UNDROP DATABASE brings back a dropped one")
    if found["databases"][database]["kind"].lower() == "ducklake":
        raise UsageError(f"{database} is a DuckLake database: it has snapshots of its own kind", "leave it out")
    if made := _made(found, label, database):
        return made
    name, copy = _names(label, database)
    progress(f"keeping {database}")
    try:
        connection.execute(f"CREATE SNAPSHOT {literal(name)} OF {ident(database)}")
    except LOST:
        raise
    except duckdb.Error as refused:
        # Names need the Business plan; how others are refused is not documented, so what follows decides.
        _keep_as_clone(connection, copy, database, refused)
    made = _made(_account(connection), label, database)
    if made is None:
        raise StepFailed(f"MotherDuck took a snapshot of {database} and does not list it", "try again")
    return made


def _keep_as_clone(connection: duckdb.DuckDBPyConnection, copy: str, database: str, refused: duckdb.Error) -> None:
    try:
        connection.execute(f"CREATE DATABASE {ident(copy)} FROM {ident(database)}")
    except LOST:
        raise
    except duckdb.Error as error:
        reason = (
            f"{database} can be kept neither as a named snapshot ({_line(refused)}) nor as a clone ({_line(error)})"
        )
        raise StepFailed(reason) from None


def _made(found: Account, label: str, database: str) -> Point | None:
    name, copy = _names(label, database)
    for point in found["snapshots"]:
        if point["name"] == name:
            return point
    if copy in found["databases"]:
        created = found["databases"][copy]["created_at"]
        return Point(database=database, id=None, name=None, clone=copy, created_at=created, bytes=0)
    return None


def _source(point: Point) -> tuple[str, str]:
    """The database to clone from, and the selector of its snapshot."""
    if point["clone"]:
        return point["clone"], ""
    return point["database"], f" (SNAPSHOT_ID {literal(str(point['id']))})"


def _account(connection: duckdb.DuckDBPyConnection) -> Account:
    databases = connection.execute(
        "SELECT name, CAST(uuid AS VARCHAR), created_ts, historical_snapshot_retention, transient, type "
        "FROM md_information_schema.databases"
    ).fetchall()
    snapshots = connection.execute(
        "SELECT database_name, CAST(snapshot_id AS VARCHAR), snapshot_name, created_ts, active_bytes "
        "FROM md_information_schema.database_snapshots ORDER BY created_ts, snapshot_id"
    ).fetchall()
    return Account(
        databases={
            name: Database(
                id=number,
                created_at=_iso(created),
                retention=_days(retention),
                transient=_is(transient),
                kind=str(kind or ""),
            )
            for name, number, created, retention, transient, kind in databases
        },
        snapshots=[_snapshot(*row) for row in snapshots],
    )


def _snapshot(database: str, number: str, name: str | None, created: Any, size: int | None) -> Point:
    return Point(
        database=database, id=number, name=name or None, clone=None, created_at=_iso(created), bytes=int(size or 0)
    )


def _days(retention: Any) -> float | None:
    """The docs do not say of which type the column is: an interval, a number of days, or a text of either."""
    if retention is None:
        return None
    if hasattr(retention, "total_seconds"):
        return float(retention.total_seconds()) / 86400
    number = str(retention).split()[0]
    try:
        return float(number)
    except ValueError:
        return None


def _is(told: Any) -> bool:
    return str(told).upper() in ("TRUE", "YES", "1", "T")


def _iso(moment: Any) -> str:
    """MotherDuck's times are UTC, with or without saying so."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _connected() -> duckdb.DuckDBPyConnection:
    """A connection to the account; the token comes from the environment, and the extension reads it there."""
    try:
        connection = duckdb.connect("md:")
    except LOST:
        raise
    except duckdb.Error as error:
        reason = f"MotherDuck does not let us in: {_line(error)}"
        raise UsageError(reason, "is the token valid? export motherduck_token=...") from None
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
