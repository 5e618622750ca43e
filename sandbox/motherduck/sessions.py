"""A client's connection to the account: which databases it has, and how it waits for those who write to them.

A database is attached read-only first, so that many processes can look; the first statement that writes takes it for
this process alone, until its connection is closed.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.motherduck.catalog import Database
from sandbox.motherduck.server import Server

WAIT = "MOTHERDUCK_DOUBLE_WAIT"
PAUSE = 0.02
READ_ONLY = re.compile(r'on database "((?:[^"]|"")+)" which is attached in read-only mode')


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Session:
    """One connection (or cursor) of a process, and the original `execute` of DuckDB to talk to it."""

    duckdb: Any
    connection: Any
    run: Any
    server: Server

    def ask(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement on this connection and return its rows."""
        done = (
            self.run(self.connection, statement, list(parameters))
            if parameters
            else self.run(self.connection, statement)
        )
        return done.fetchall()

    def attached(self) -> dict[str, bool]:
        """The account's databases that this connection has -> whether it has them read-only."""
        inside = f"{self.server.folder / 'databases'}/"
        rows = self.ask("SELECT database_name, path, readonly FROM duckdb_databases() WHERE path IS NOT NULL")
        return {name: readonly for name, path, readonly in rows if str(path).startswith(inside)}

    def attach(self, database: Database, *, read_only: bool = True, wait: float | None = None) -> None:
        """Attach a database under its own name, waiting for whoever writes to it (for writing: whoever looks at it)."""
        file = text(str(self.server.data_file(database.uuid)))
        option = " (READ_ONLY)" if read_only else ""
        self._waiting(f"ATTACH {file} AS {quoted(database.name)}{option}", database.name, wait)

    def _waiting(self, statement: str, name: str, wait: float | None) -> None:
        until = time.monotonic() + (float(os.environ.get(WAIT, "60")) if wait is None else wait)
        while True:
            try:
                self.run(self.connection, statement)
            except self.duckdb.IOException as error:
                if "Could not set lock" not in str(error):
                    raise
                if time.monotonic() > until:
                    message = f"TransactionContext Error: another client is writing to {name}"
                    raise self.duckdb.TransactionException(message) from None
                time.sleep(PAUSE)
            except self.duckdb.BinderException as error:
                if "Unique file handle conflict" not in str(error):
                    raise
                message = f"Not implemented Error: {name} is open in another DuckDB instance of this process"
                raise self.duckdb.NotImplementedException(message) from None
            else:
                return

    @contextmanager
    def let_go(self, name: str) -> Generator[None]:
        """Let go of a database for a while, whatever is current; it is attached again, read-only, if it is there."""
        had = name in self.attached()
        with self._elsewhere(name):
            if had:
                self.run(self.connection, f"DETACH {quoted(name)}")
            try:
                yield
            finally:
                found = self.server.read().database(name)
                if had and found is not None:
                    self.attach(found)

    @contextmanager
    def _elsewhere(self, name: str) -> Generator[None]:
        """The current database cannot be detached."""
        current, schema = self.ask("SELECT current_database(), current_schema()")[0]
        if current != name:
            yield
            return
        self.run(self.connection, "USE memory")
        yield
        if name in self.attached():
            self.run(self.connection, f"USE {quoted(name)}.{quoted(schema)}")

    def needed_for_writing(self, error: Exception) -> str | None:
        """The database of the account that a statement has failed for, because somebody has it read-only."""
        found = READ_ONLY.search(str(error))
        name = found.group(1).replace('""', '"') if found else None
        return name if name in self.server.databases() else None

    def take_for_writing(self, name: str) -> bool:
        """Take a database for this process alone, until its connections end; False if it is not here read-only."""
        if not self.attached().get(name, False):
            return False
        self._take(name)
        return True

    def try_for_writing(self, name: str) -> None:
        """Take a database for writing if nobody else has it: a connection to one database is there to write to it."""
        if self.attached().get(name, False) and self.ask("SELECT current_database()")[0][0] != name:
            with suppress(self.duckdb.TransactionException):
                self._take(name, wait=0)

    def _take(self, name: str, wait: float | None = None) -> None:
        database = self.server.read().database(name)
        if database is None:  # another process has dropped it
            raise self.duckdb.CatalogException(f"Catalog Error: no database/share named '{name}' found")
        with self.server.locked() as catalog:
            self.server.capture(catalog, catalog.database(name) or database)
        with self._elsewhere(name):
            self.run(self.connection, f"DETACH {quoted(name)}")
            try:
                self.attach(database, read_only=False, wait=wait)
            except self.duckdb.Error:
                self.attach(database)
                raise

    @contextmanager
    def quiet(self, name: str) -> Generator[None]:
        """Nobody writes to a database during the block: others are waited for, the own log is written away."""
        readonly = self.attached().get(name)
        if readonly is None:
            with self._looking(name):
                yield
            return
        if not readonly:
            self.run(self.connection, f"CHECKPOINT {quoted(name)}")
        yield

    @contextmanager
    def _looking(self, name: str) -> Generator[None]:
        found = self.server.read().database(name)
        if found is None:
            yield
            return
        other = self.duckdb.connect_to_a_file(":memory:")
        try:
            Session(self.duckdb, other, self.run, self.server).attach(found)
            yield
        finally:
            other.close()

    def file_of(self, name: str) -> Path:
        """Where a database is kept."""
        return self.server.file_of(name)
