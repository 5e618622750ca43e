"""Puts the double into a process: `duckdb.connect`, and every method of a connection that runs SQL."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import wraps
from typing import Any

from sandbox.motherduck import connecting, faults, grammar, information, transactions
from sandbox.motherduck.commands import carry_out
from sandbox.motherduck.connecting import alone, homes, server, tokens
from sandbox.motherduck.sessions import Session, quoted
from sandbox.motherduck.writing import split, written

SET_TOKEN = re.compile(
    r"SET\s+(?:GLOBAL\s+|SESSION\s+)?motherduck_token\s*(?:=|TO)\s*'(?P<token>[^']*)'", re.IGNORECASE
)
EXTENSION = re.compile(r"(?:LOAD|INSTALL|FORCE\s+INSTALL)\s+'?motherduck'?\s*;?\s*\Z", re.IGNORECASE)
NOTHING = "SELECT 1 WHERE false"


def install(duckdb: Any) -> None:
    """Patch the module; `duckdb.connect_to_a_file` is its own `connect` from then on."""
    kind = duckdb.DuckDBPyConnection
    execute = kind.execute
    duckdb.connect_to_a_file = duckdb.connect
    duckdb.connect = connecting.connecting(duckdb, execute)
    for name in ("execute", "executemany", "sql", "query", "from_query"):
        if hasattr(kind, name):
            setattr(kind, name, _running(duckdb, execute, getattr(kind, name)))
    for name in ("begin", "commit", "rollback"):
        setattr(kind, name, _marking(getattr(kind, name), name))
    for name in ("cursor", "duplicate"):
        setattr(kind, name, _cursor(execute, getattr(kind, name)))


def _running(duckdb: Any, execute: Any, original: Any) -> Any:
    @wraps(original)
    def run(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        with alone:
            if not isinstance(query, str):
                return written(duckdb, execute, self, lambda: original(self, query, *args, **kwargs))
            *others, last = split(duckdb, self, query)
            for one in others:
                running(self, one, execute)
            return running(self, last, original, *args, **kwargs)

    def running(self: Any, query: str, original: Any, *args: Any, **kwargs: Any) -> Any:
        begin = grammar.LEADING.match(query)
        bare = query[begin.end() :] if begin else query
        session = Session(duckdb, self, execute, server())
        if (found := connecting.ATTACH.match(bare)) is not None:
            connecting.attach(session, found)
            return execute(self, NOTHING)
        if EXTENSION.match(bare):
            return execute(self, NOTHING)
        if (found := SET_TOKEN.match(bare)) is not None:
            tokens[self] = found["token"]
            return execute(self, NOTHING)
        if grammar.concerns(bare) and (self in homes or session.attached()):
            faults.note(session.server, bare)
            faults.lose(duckdb, session.server, "before", bare)
            carry_out(session, bare)
            faults.lose(duckdb, session.server, "after", bare)
            return execute(self, NOTHING)
        if information.NAME in bare.lower():
            information.refresh(session)
        if transactions.END.match(bare):
            try:
                return original(self, query, *args, **kwargs)
            finally:
                transactions.ended(self)
        everything = faults.counts_everything(session.server) and bool(session.attached())
        if everything:
            faults.lose(duckdb, session.server, "before", bare, every=True)
        done = written(duckdb, execute, self, lambda: original(self, query, *args, **kwargs))
        transactions.note(self, bare)
        if everything:
            faults.lose(duckdb, session.server, "after", bare, every=True)
        return done

    return run


def _marking(original: Any, name: str) -> Any:
    @wraps(original)
    def mark(self: Any) -> Any:
        try:
            done = original(self)
        finally:
            if name != "begin":
                transactions.ended(self)
        if name == "begin":
            transactions.begun(self)
        return done

    return mark


def _cursor(execute: Any, original: Any) -> Any:
    @wraps(original)
    def cursor(self: Any) -> Any:
        made = original(self)
        if (token := tokens.get(self)) is not None:
            tokens[made] = token
        if self in homes:
            homes[made] = homes[self]
        if home := homes.get(self):
            with alone, suppress(Exception):  # dropped or detached since: DuckDB's own cursor has no home then either
                execute(made, f"USE {quoted(home)}")
        return made

    return cursor
