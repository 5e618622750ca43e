"""How a process gets to the account: `duckdb.connect('md:...')` and `ATTACH 'md:...'`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from sandbox.motherduck import faults
from sandbox.motherduck.server import TOKEN, VARIABLE, Server
from sandbox.motherduck.sessions import Session, quoted

MD = "md:"
INSTANCE = ":memory:motherduck_double"
ATTACH = re.compile(
    r"""ATTACH\s+(?:DATABASE\s+)?(?P<soft>IF\s+NOT\s+EXISTS\s+)?'md:(?P<path>(?:[^']|'')*)'"""
    r"""(?:\s+AS\s+(?P<alias>"(?:[^"]|"")+"|\w+))?\s*(?P<options>\([^)]*\))?\s*;?\s*\Z""",
    re.IGNORECASE,
)
TYPE = re.compile(r"\(\s*TYPE\s+'?(?:motherduck|md)'?\s*\)", re.IGNORECASE)
# DuckDB looks for a data frame of that name in the calling frame only, and that is the double's own now.
SCAN = "SET GLOBAL python_scan_all_frames = true"

# The connections of a process share one instance, and what one of them attaches or lets go the others have or lack.
alone = RLock()
# Connections to the account -> the database that they were opened with, "" for none; connections -> their token.
homes: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
tokens: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def server() -> Server:
    """The account that the environment names."""
    return Server(Path(os.environ[VARIABLE]))


def connecting(duckdb: Any, execute: Any) -> Callable[..., Any]:
    """Return `duckdb.connect` with the account in it."""
    original = duckdb.connect_to_a_file

    @wraps(original)
    def connect(database: Any = ":memory:", read_only: bool = False, config: Any = None) -> Any:
        with alone:
            settings = dict(config or {})
            if str(database).startswith(MD):
                return to_the_account(str(database), settings)
            given = settings.pop(TOKEN, "")
            made = original(database, read_only=read_only, config=settings)
            with suppress(duckdb.InvalidInputException):  # the configuration may be locked
                execute(made, SCAN)
            if given:
                tokens[made] = given
            return made

    def to_the_account(address: str, settings: dict[str, Any]) -> Any:
        name, asked = _parts(address)
        mode = asked.get("attach_mode") or settings.get("attach_mode") or "workspace"
        if mode not in ("workspace", "single") or (mode == "single" and not name):
            raise duckdb.InvalidInputException(f"Invalid Input Error: attach_mode '{mode}' does not fit 'md:{name}'")
        _authenticate(duckdb, asked.get(TOKEN) or settings.get(TOKEN, ""))
        faults.lose(duckdb, server(), "before", "connect")
        # DuckDB shares a named instance in memory between the connections of a process, and ends it with the last one.
        connection = original(INSTANCE)
        try:
            execute(connection, SCAN)
            _open(Session(duckdb, connection, execute, server()), name, single=mode == "single")
        except BaseException:
            connection.close()
            raise
        homes[connection] = name
        return connection

    return connect


def _open(session: Session, name: str, *, single: bool) -> None:
    for one in [] if single else session.server.databases():
        _attach(session, one, there=False)
    if name:
        _attach(session, name)
        session.try_for_writing(name)
        session.ask(f"USE {quoted(name)}")


def _parts(address: str) -> tuple[str, dict[str, str]]:
    name, _, query = address.removeprefix(MD).partition("?")
    return name, {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}


def _authenticate(duckdb: Any, token: str) -> None:
    token = token or os.environ.get(TOKEN, "") or os.environ.get(TOKEN.upper(), "")
    if token != server().read().token:
        message = "Invalid Input Error: Your request is not authenticated. Please check your MotherDuck token."
        raise duckdb.InvalidInputException(message)


def _attach(session: Session, name: str, *, there: bool = True) -> None:
    if name in session.attached():
        return
    found = session.server.read().database(name)
    if found is not None:
        session.attach(found)
    elif there:
        raise session.duckdb.CatalogException(f"Catalog Error: no database/share named '{name}' found")


def attach(session: Session, found: re.Match[str]) -> None:
    """Carry out an ATTACH of the account or of one of its databases."""
    duckdb = session.duckdb
    name, asked = _parts(found["path"].replace("''", "'"))
    _authenticate(duckdb, asked.get(TOKEN) or tokens.get(session.connection, ""))
    faults.lose(duckdb, session.server, "before", "ATTACH")
    alias = found["alias"] or name
    if alias.startswith('"'):
        alias = alias[1:-1].replace('""', '"')
    if alias != name:
        raise duckdb.BinderException("Binder Error: Database aliases are not yet supported by MotherDuck")
    options = found["options"]
    if options and not TYPE.fullmatch(options):
        raise duckdb.BinderException(f"Binder Error: {options[1:-1]} is not supported for a MotherDuck database")
    if name and name in session.attached() and not found["soft"]:
        message = f'Binder Error: Failed to attach database: database with name "{name}" already exists'
        raise duckdb.BinderException(message)
    for one in [name] if name else session.server.databases():
        _attach(session, one, there=bool(name))
    homes.setdefault(session.connection, "")
