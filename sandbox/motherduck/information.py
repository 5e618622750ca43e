"""`md_information_schema`: a catalog in memory that is filled anew before every statement that names it.

The types are those of the pages DATABASES and DATABASE_SNAPSHOTS of https://motherduck.com/docs/sql-reference, but for
TRANSIENT, which is YES or NO.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sandbox.motherduck.catalog import Catalog
from sandbox.motherduck.sessions import Session

NAME = "md_information_schema"
TABLES = (
    f"CREATE TABLE IF NOT EXISTS {NAME}.main.databases (NAME VARCHAR, UUID VARCHAR, CREATED_TS TIMESTAMP, "
    "TRANSIENT VARCHAR, HISTORICAL_SNAPSHOT_RETENTION INTERVAL, TYPE VARCHAR)",
    f"CREATE TABLE IF NOT EXISTS {NAME}.main.database_snapshots (DATABASE_NAME VARCHAR, DATABASE_ID UUID, "
    "SNAPSHOT_ID UUID, SNAPSHOT_NAME VARCHAR, CREATED_TS TIMESTAMP, ACTIVE_BYTES UBIGINT, BYTES_WRITTEN UBIGINT, "
    "BYTES_DELETED UBIGINT, USER_NAME VARCHAR, USER_ID UUID)",
)
USER = "00000000-0000-4000-8000-000000000001"


def refresh(session: Session) -> None:
    """Fill the tables with what the account holds now. What is being written to counts as of before."""
    for name in session.server.databases():
        _look(session, name)
    catalog = session.server.read()
    # A cursor of its own: a transaction may write to one database only, and these rows are none of its business.
    with session.connection.cursor() as cursor:
        _fill(replace(session, connection=cursor), catalog)


def _fill(session: Session, catalog: Catalog) -> None:
    session.run(session.connection, f"ATTACH IF NOT EXISTS ':memory:' AS {NAME}")
    for statement in TABLES:
        session.run(session.connection, statement)
    session.run(session.connection, "DELETE FROM md_information_schema.main.databases")
    session.run(session.connection, "DELETE FROM md_information_schema.main.database_snapshots")
    for one in catalog.databases:
        if one.dropped is None:
            session.ask(
                "INSERT INTO md_information_schema.main.databases VALUES (?, ?, ?, ?, to_days(CAST(? AS INTEGER)), ?)",
                one.name,
                one.uuid,
                _time(one.created),
                "YES" if one.transient else "NO",
                one.retention,
                one.kind,
            )
    for snapshot in sorted(catalog.snapshots, key=lambda one: one.created):
        session.ask(
            "INSERT INTO md_information_schema.main.database_snapshots VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            snapshot.database,
            snapshot.uuid,
            snapshot.id,
            snapshot.name,
            _time(snapshot.created),
            snapshot.bytes,
            snapshot.written,
            snapshot.user,
            USER,
        )


def _look(session: Session, name: str) -> None:
    attached = session.attached()
    if attached.get(name) is False:
        return
    if attached.get(name):
        with session.server.locked() as catalog:
            found = catalog.database(name)
            if found is not None:
                session.server.capture(catalog, found)
        return
    session.server.capture_quiet(name)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
