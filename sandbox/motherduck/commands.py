"""Carries out MotherDuck's statements on the account, for one client's session."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import singledispatch
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

from sandbox.motherduck import grammar
from sandbox.motherduck.catalog import DUCKLAKE, LONGEST, Catalog, Database, Snapshot
from sandbox.motherduck.server import Server, copy, remove
from sandbox.motherduck.sessions import Session

TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?", re.ASCII)


def carry_out(session: Session, statement: str) -> None:
    """Parse a statement and do what it says; raises DuckDB's own errors."""
    try:
        command = grammar.parse(statement)
    except grammar.ParserError as error:
        raise session.duckdb.ParserException(f"Parser Error: {error}") from None
    _do(command, session)


@singledispatch
def _do(command: object, session: Session) -> None:
    raise NotImplementedError(type(command).__name__)


@_do.register
def _(command: grammar.CreateSnapshot, session: Session) -> None:
    _native(session, _there(session, session.server.read(), command.database))
    if command.name is not None and session.server.plan != "business":
        _refuse(session, "Named snapshots are not available on this plan")
    with session.quiet(command.database), session.server.locked() as catalog:
        if command.name is not None and any(one.name == command.name for one in catalog.snapshots):
            _refuse(session, f"A snapshot named '{command.name}' exists already")
        session.server.capture(catalog, _there(session, catalog, command.database), command.name)


@_do.register
def _(command: grammar.AlterSnapshot, session: Session) -> None:
    current = str(session.ask("SELECT current_database()")[0][0])
    with session.server.locked() as catalog:
        found = [one for one in catalog.snapshots if command.string and one.id == command.snapshot]
        own = [one for one in catalog.snapshots if one.database == (command.database or current)]
        found = found or [one for one in own if one.name == command.snapshot]
        if not found:
            _missing(session, f"No snapshot '{command.snapshot}' found in database '{command.database or current}'")
        if command.name and catalog.plan != "business":
            _refuse(session, "Named snapshots are not available on this plan")
        if command.name and any(one.name == command.name for one in catalog.snapshots):
            _refuse(session, f"A snapshot named '{command.name}' exists already")
        catalog.change(replace(found[0], name=command.name or None))


@_do.register
def _(command: grammar.CreateDatabase, session: Session) -> None:
    _outside_transactions(session)
    server, catalog = session.server, session.server.read()
    there = catalog.database(command.name)
    if there is not None and command.if_not_exists:
        return
    if there is not None and not command.replace:
        _refuse(session, f"Database '{command.name}' already exists")
    origin = None if command.source is None else _origin(session, catalog, command.source, command.selector)
    with ExitStack() as stack:
        if there is not None:
            stack.enter_context(session.let_go(command.name))
            stack.enter_context(session.quiet(command.name))
        if command.source is not None and catalog.database(command.source) is not None:
            stack.enter_context(session.quiet(command.source))
        with server.locked() as catalog:
            if there is None and catalog.database(command.name) is not None:
                _refuse(session, f"Database '{command.name}' already exists")
            days = catalog.retention() if origin is None else origin.retention
            made = Database(command.name, str(uuid4()), catalog.now().isoformat(), days, transient=command.transient)
            if origin is None:
                session.duckdb.connect_to_a_file(str(server.data_file(made.uuid))).close()
            else:
                copy(_bytes_of(session, catalog, origin, command.selector), server.data_file(made.uuid))
            if there is not None:
                _drop(server, catalog, there)
            catalog.put(made)
            server.capture(catalog, made)
    if command.name not in session.attached():
        session.attach(made)


@_do.register
def _(command: grammar.SetSnapshot, session: Session) -> None:
    _outside_transactions(session)
    catalog = session.server.read()
    target = _native(session, _there(session, catalog, command.database))
    source = target if command.selector.database is None else _there(session, catalog, command.selector.database)
    anywhere = command.selector.database is None and command.selector.kind != "SNAPSHOT_TIME"
    _overwrite(session, target, source, command.selector, anywhere=anywhere)


@_do.register
def _(command: grammar.Overwrite, session: Session) -> None:
    _outside_transactions(session)
    catalog = session.server.read()
    name = command.target or str(session.ask("SELECT current_database()")[0][0])
    target, source = _there(session, catalog, name), _there(session, catalog, command.source)
    if source.transient and not target.transient:
        _refuse(session, "A transient database cannot be cloned to one that is not")
    _overwrite(session, target, source, command.selector)


@_do.register
def _(command: grammar.SetRetention, session: Session) -> None:
    with session.server.locked() as catalog:
        found = _there(session, catalog, command.database)
        if catalog.plan != "business":
            _refuse(session, "SNAPSHOT_RETENTION_DAYS cannot be configured on this plan")
        if not 0 <= command.days <= LONGEST:
            _refuse(session, f"SNAPSHOT_RETENTION_DAYS must be between 0 and {LONGEST}")
        catalog.put(replace(found, retention=command.days))


@_do.register
def _(command: grammar.DropDatabase, session: Session) -> None:
    _outside_transactions(session)
    found = session.server.read().database(command.database)
    if found is None and command.if_exists:
        return
    if found is None:
        _missing(session, f"No database '{command.database}' found")
    if session.ask("SELECT current_database()")[0][0] == command.database:
        _refuse(session, f"Cannot drop database '{command.database}': it is the current database")
    with session.let_go(command.database), session.quiet(command.database), session.server.locked() as catalog:
        _drop(session.server, catalog, catalog.database(command.database) or found)


@_do.register
def _(command: grammar.Undrop, session: Session) -> None:
    with session.server.locked() as catalog:
        if catalog.database(command.database) is not None:
            _refuse(session, f"Database '{command.database}' already exists")
        gone = [one for one in catalog.databases if one.name == command.database and one.dropped is not None]
        last = max(gone, key=lambda one: one.dropped or "", default=None)
        if last is None or catalog.plan == "free" or _over(catalog, last):
            _missing(session, f"No dropped database '{command.database}' within its retention")
        _native(session, last)
        catalog.put(replace(last, dropped=None))
        for active in catalog.of(last.uuid)[-1:]:
            catalog.change(replace(active, superseded=None))


def _overwrite(
    session: Session,
    target: Database,
    source: Database,
    selector: grammar.Selector | None,
    *,
    anywhere: bool = False,
) -> None:
    server = session.server
    with ExitStack() as stack:
        stack.enter_context(session.let_go(target.name))
        stack.enter_context(session.quiet(target.name))
        if source != target:
            stack.enter_context(session.quiet(source.name))
        with server.locked() as catalog:
            for name in {target.name, source.name}:
                server.capture(catalog, _there(session, catalog, name))
            origin = _bytes_of(session, catalog, _there(session, catalog, source.name), selector, anywhere=anywhere)
            file = server.data_file(target.uuid)
            copy(origin, file)
            file.touch()
            server.capture(catalog, _there(session, catalog, target.name))


def _origin(session: Session, catalog: Catalog, name: str, selector: grammar.Selector | None) -> Database:
    """The database to clone; a named snapshot outlives its own."""
    found = catalog.database(name)
    if found is None and selector is not None and selector.kind != "SNAPSHOT_TIME":
        gone = [one for one in catalog.databases if one.name == name]
        found = max(gone, key=lambda one: one.dropped or "", default=None)
    if found is None:
        _missing(session, f"no database/share named '{name}' found")
    return _native(session, found)


def _bytes_of(
    session: Session,
    catalog: Catalog,
    source: Database,
    selector: grammar.Selector | None,
    *,
    anywhere: bool = False,
) -> Path:
    """The file of what is selected of a database (`anywhere`: of the account): its present without a selector."""
    if selector is None:
        return session.server.data_file(source.uuid)
    if source.dropped is None:
        session.server.capture(catalog, source)
    for gone in catalog.collect():
        remove(session.server.snapshot_file(gone.id))
    return session.server.snapshot_file(_selected(session, catalog, source, selector, anywhere).id)


def _selected(
    session: Session, catalog: Catalog, source: Database, selector: grammar.Selector, anywhere: bool
) -> Snapshot:
    own = catalog.of(source.uuid)
    if selector.kind == "SNAPSHOT_TIME":
        at = _time(session, selector.value)
        before = [one for one in own if datetime.fromisoformat(one.created) <= at]
        if not before:
            _missing(session, f"No snapshot of '{source.name}' at or before {selector.value} found")
        return before[-1]
    if selector.kind == "SNAPSHOT_ID":
        found = [one for one in catalog.snapshots if one.id == selector.value]
    else:
        found = [one for one in catalog.snapshots if one.name == selector.value]
    # A named snapshot outlives its database, in whose place there may be another of the same name.
    found = [one for one in found if anywhere or one.database == source.name]
    if not found:
        _missing(session, f"No snapshot '{selector.value}' of '{source.name}' found")
    return found[0]


def _time(session: Session, text: str) -> datetime:
    """MotherDuck's times are UTC."""
    with suppress(ValueError):
        if TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    raise session.duckdb.ConversionException(f"Conversion Error: invalid timestamp '{text}' for SNAPSHOT_TIME")


def _drop(server: Server, catalog: Catalog, database: Database) -> None:
    """What is dropped stays for UNDROP as long as it is retained."""
    server.capture(catalog, database)
    now = catalog.now().isoformat()
    catalog.supersede(database.uuid, now)
    there = next(one for one in catalog.databases if one.uuid == database.uuid)
    catalog.put(replace(there, dropped=now))


def _over(catalog: Catalog, database: Database) -> bool:
    dropped = datetime.fromisoformat(database.dropped or catalog.now().isoformat())
    return dropped + timedelta(days=database.retention) <= catalog.now()


def _there(session: Session, catalog: Catalog, name: str) -> Database:
    found = catalog.database(name)
    if found is None:
        _missing(session, f"no database/share named '{name}' found")
    return found


def _native(session: Session, database: Database) -> Database:
    if database.kind == DUCKLAKE:
        _refuse(session, f"'{database.name}' is a DuckLake database: this statement does not apply")
    return database


def _outside_transactions(session: Session) -> None:
    """The account is not part of a transaction."""
    try:
        session.ask("BEGIN TRANSACTION")
    except session.duckdb.TransactionException:
        _refuse(session, "This statement cannot run inside a transaction")
    session.ask("ROLLBACK")


def _refuse(session: Session, reason: str) -> NoReturn:
    raise session.duckdb.InvalidInputException(f"Invalid Input Error: {reason}")


def _missing(session: Session, reason: str) -> NoReturn:
    raise session.duckdb.CatalogException(f"Catalog Error: {reason}")
