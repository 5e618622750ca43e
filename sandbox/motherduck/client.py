"""Puts the double into a process: `duckdb.connect`, and every method of a connection that runs SQL."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from sandbox.motherduck import grammar, information
from sandbox.motherduck.commands import carry_out
from sandbox.motherduck.server import TOKEN, VARIABLE, Server
from sandbox.motherduck.sessions import Session, quoted

MD = "md:"
INSTANCE = ":memory:motherduck_double"
ATTACH = re.compile(
    r"""ATTACH\s+(?:DATABASE\s+)?(?P<soft>IF\s+NOT\s+EXISTS\s+)?'md:(?P<path>(?:[^']|'')*)'"""
    r"""(?:\s+AS\s+(?P<alias>"(?:[^"]|"")+"|\w+))?\s*(?P<options>\([^)]*\))?\s*;?\s*\Z""",
    re.IGNORECASE,
)
SET_TOKEN = re.compile(
    r"SET\s+(?:GLOBAL\s+|SESSION\s+)?motherduck_token\s*(?:=|TO)\s*'(?P<token>[^']*)'", re.IGNORECASE
)
EXTENSION = re.compile(r"(?:LOAD|INSTALL|FORCE\s+INSTALL)\s+'?motherduck'?\s*;?\s*\Z", re.IGNORECASE)
BEGIN = re.compile(r"(?:BEGIN|START)\b", re.IGNORECASE)
END = re.compile(r"(?:COMMIT|ROLLBACK|ABORT|END)\b", re.IGNORECASE)
# DuckDB looks for a data frame of that name in the calling frame only, and that is the double's own now.
SCAN = "SET GLOBAL python_scan_all_frames = true"
NOTHING = "SELECT 1 WHERE false"

# The connections of a process share one instance, and what one of them attaches or lets go the others have or lack.
_alone = RLock()
_transactions: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
_tokens: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def install(duckdb: Any) -> None:
    """Patch the module; `duckdb.connect_to_a_file` is its own `connect` from then on."""
    kind = duckdb.DuckDBPyConnection
    execute = kind.execute
    duckdb.connect_to_a_file = duckdb.connect
    duckdb.connect = _connect(duckdb, execute)
    for name in ("execute", "executemany", "sql", "query", "from_query"):
        if hasattr(kind, name):
            setattr(kind, name, _running(duckdb, execute, getattr(kind, name)))
    for name, begun in (("begin", True), ("commit", False), ("rollback", False)):
        setattr(kind, name, _marking(getattr(kind, name), begun))


def server() -> Server:
    """The account that the environment names."""
    return Server(Path(os.environ[VARIABLE]))


def _connect(duckdb: Any, execute: Any) -> Callable[..., Any]:
    original = duckdb.connect_to_a_file

    @wraps(original)
    def connect(database: Any = ":memory:", read_only: bool = False, config: Any = None) -> Any:
        with _alone:
            return connected(database, read_only, config)

    def connected(database: Any, read_only: bool, config: Any) -> Any:
        settings = dict(config or {})
        address = str(database)
        if not address.startswith(MD):
            given = settings.pop(TOKEN, "")
            made = original(database, read_only=read_only, config=settings)
            execute(made, SCAN)
            if given:
                _tokens[made] = given
            return made
        name, _, query = address.removeprefix(MD).partition("?")
        asked = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
        token = asked.get(TOKEN) or settings.get(TOKEN, "")
        _authenticate(duckdb, token)
        _lose(duckdb, "before", "connect")
        # DuckDB shares a named instance in memory between the connections of a process, and ends it with the last one.
        connection = original(INSTANCE)
        execute(connection, SCAN)
        session = Session(duckdb, connection, execute, server())
        single = (asked.get("attach_mode") or settings.get("attach_mode", "")) == "single"
        if single and not name:
            raise duckdb.InvalidInputException("Invalid Input Error: attach_mode=single needs a database")
        for one in [name] if single else session.server.databases():
            _attach(session, one)
        if name:
            _attach(session, name)
            session.try_for_writing(name)
            execute(connection, f"USE {quoted(name)}")
        return connection

    return connect


def _authenticate(duckdb: Any, token: str) -> None:
    token = token or os.environ.get(TOKEN, "") or os.environ.get(TOKEN.upper(), "")
    if token != server().read().token:
        message = "Invalid Input Error: Your request is not authenticated. Please check your MotherDuck token."
        raise duckdb.InvalidInputException(message)


def _attach(session: Session, name: str) -> None:
    if name in session.attached():
        return
    found = session.server.read().database(name)
    if found is None:
        raise session.duckdb.CatalogException(f"Catalog Error: no database/share named '{name}' found")
    session.attach(found)


def _running(duckdb: Any, execute: Any, original: Any) -> Any:
    @wraps(original)
    def run(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        with _alone:
            return running(self, query, *args, **kwargs)

    def running(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(query, str):
            return _written(duckdb, execute, self, lambda: original(self, query, *args, **kwargs))
        begin = grammar.LEADING.match(query)
        bare = query[begin.end() :] if begin else query
        session = Session(duckdb, self, execute, server())
        if (found := ATTACH.match(bare)) is not None:
            _attach_statement(session, found)
            return execute(self, NOTHING)
        if EXTENSION.match(bare):
            return execute(self, NOTHING)
        if (found := SET_TOKEN.match(bare)) is not None:
            _tokens[self] = found["token"]
            return execute(self, NOTHING)
        if grammar.concerns(bare) and (session.attached() or _is_ours(session)):
            _note(session.server, bare)
            _lose(duckdb, "before", bare)
            carry_out(session, bare)
            _lose(duckdb, "after", bare)
            return execute(self, NOTHING)
        if information.NAME in bare.lower():
            information.refresh(session)
        if BEGIN.match(bare) or END.match(bare):
            done = original(self, query, *args, **kwargs)
            _transactions[self] = BEGIN.match(bare) is not None
            return done
        everything = _faults(session.server).get("scope") == "all" and bool(session.attached())
        if everything:
            _lose(duckdb, "before", bare, every=True)
        done = _written(duckdb, execute, self, lambda: original(self, query, *args, **kwargs))
        if everything:
            _lose(duckdb, "after", bare, every=True)
        return done

    return run


def _written(duckdb: Any, execute: Any, connection: Any, action: Callable[[], Any]) -> Any:
    """Run a statement; a database that it writes to is taken for writing first."""
    while True:
        try:
            return action()
        except duckdb.InvalidInputException as error:
            begun = _transactions.get(connection, False)
            if "read-only mode" not in str(error):
                raise
            session = Session(duckdb, connection, execute, server())
            if begun or _in_transaction(duckdb, execute, connection):
                execute(connection, "ROLLBACK")
            if not session.take_for_writing(error):
                raise
            if begun:
                execute(connection, "BEGIN TRANSACTION")


def _in_transaction(duckdb: Any, execute: Any, connection: Any) -> bool:
    try:
        execute(connection, "BEGIN TRANSACTION")
    except duckdb.TransactionException:
        return True
    execute(connection, "ROLLBACK")
    return False


def _marking(original: Any, begun: bool) -> Any:
    @wraps(original)
    def mark(self: Any) -> Any:
        done = original(self)
        _transactions[self] = begun
        return done

    return mark


def _attach_statement(session: Session, found: re.Match[str]) -> None:
    duckdb = session.duckdb
    name, _, query = found["path"].replace("''", "'").partition("?")
    asked = {key: values[-1] for key, values in parse_qs(query).items()}
    _authenticate(duckdb, asked.get(TOKEN) or _tokens.get(session.connection, ""))
    _lose(duckdb, "before", "ATTACH")
    alias = (found["alias"] or name).strip('"').replace('""', '"')
    if alias != name:
        raise duckdb.BinderException("Binder Error: Database aliases are not yet supported by MotherDuck")
    if "READ_ONLY" in (found["options"] or "").upper():
        raise duckdb.BinderException("Binder Error: READ_ONLY is not supported for a MotherDuck database")
    if name and name in session.attached() and not found["soft"]:
        message = f'Binder Error: Failed to attach database: database with name "{name}" already exists'
        raise duckdb.BinderException(message)
    for one in [name] if name else session.server.databases():
        _attach(session, one)


def _is_ours(session: Session) -> bool:
    """Whether a connection without any database is one to the account."""
    rows = session.ask("SELECT 1 FROM duckdb_databases() WHERE database_name = ?", "motherduck_double")
    return bool(rows)


def _faults(account: Server) -> dict[str, Any]:
    try:
        return json.loads((account.folder / "faults.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _lose(duckdb: Any, when: str, statement: str, *, every: bool = False) -> None:
    """Count a statement, and lose the connection where that is asked for."""
    account = server()
    file = account.folder / "faults.json"
    if not file.is_file() or (not every and _faults(account).get("scope") == "all"):
        return
    with (account.folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = _faults(account)
        if not told or told["when"] != when or not re.search(told["matching"], statement, re.IGNORECASE):
            return
        told["seen"] += 1
        file.write_text(json.dumps(told), encoding="utf-8")
    if told["at"] <= told["seen"] < told["at"] + told["times"]:
        raise duckdb.IOException("IO Error: the connection to MotherDuck was lost")


def _note(account: Server, statement: str) -> None:
    with (account.folder / "statements.log").open("a", encoding="utf-8") as file:
        file.write(" ".join(statement.split()) + "\n")
