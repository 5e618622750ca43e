"""`md_information_schema`: a catalog in memory that is filled anew before every statement that names it."""

from __future__ import annotations

from datetime import datetime

from sandbox.motherduck.sessions import Session

NAME = "md_information_schema"
TABLES = (
    f"CREATE TABLE IF NOT EXISTS {NAME}.main.databases (NAME VARCHAR, UUID UUID, CREATED_TS TIMESTAMP, "
    "TRANSIENT VARCHAR, HISTORICAL_SNAPSHOT_RETENTION INTERVAL, TYPE VARCHAR)",
    f"CREATE TABLE IF NOT EXISTS {NAME}.main.database_snapshots (DATABASE_NAME VARCHAR, DATABASE_ID UUID, "
    "SNAPSHOT_ID UUID, SNAPSHOT_NAME VARCHAR, CREATED_TS TIMESTAMP, ACTIVE_BYTES BIGINT, BYTES_WRITTEN BIGINT, "
    "BYTES_DELETED BIGINT, USER_NAME VARCHAR, USER_ID UUID)",
)
USER = "00000000-0000-4000-8000-000000000001"


def refresh(session: Session) -> None:
    """Fill the tables with what the account holds now. What is being written to counts as of before."""
    for name in session.server.databases():
        _look(session, name)
    catalog = session.server.read()
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
    if name in attached and not attached[name]:
        return
    if name not in attached and _is_written(session, name):
        return
    with session.server.locked() as catalog:
        found = catalog.database(name)
        if found is not None:
            session.server.capture(catalog, found)


def _is_written(session: Session, name: str) -> bool:
    """Whether another process has it for writing just now."""
    other = session.duckdb.connect_to_a_file(":memory:")
    try:
        session.run(other, f"ATTACH '{session.file_of(name)}' AS looked_at (READ_ONLY)")
    except session.duckdb.IOException:
        return True
    finally:
        other.close()
    return False


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
