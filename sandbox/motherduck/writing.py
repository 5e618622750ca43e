"""Runs a statement, and takes the database that it writes to for writing first, in a transaction as well."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from sandbox.motherduck import grammar, transactions
from sandbox.motherduck.connecting import server
from sandbox.motherduck.sessions import Session


def split(duckdb: Any, connection: Any, query: str) -> list[str]:
    """The statements of a text one by one: what was run before one that fails must not be run again with it."""
    if ";" not in query.rstrip().rstrip(";"):
        return [query]
    try:
        found = [one.query for one in connection.extract_statements(query)]
    except duckdb.ParserException:
        return [query]  # one of MotherDuck's own, or nothing that anybody understands
    if len(found) > 1 and any(grammar.concerns(one) for one in found):
        raise duckdb.ParserException("Parser Error: a statement of MotherDuck's stands alone")
    return found or [query]


def written(duckdb: Any, execute: Any, connection: Any, action: Callable[[], Any]) -> Any:
    """Run a statement; a database that it writes to is taken for writing first."""
    while True:
        try:
            return action()
        except duckdb.InvalidInputException as error:
            session = Session(duckdb, connection, execute, server())
            name = session.needed_for_writing(error)
            if name is None:
                raise
            if transactions.has_written(connection):
                message = (
                    f'TransactionContext Error: Attempting to write to database "{name}" in a transaction that has '
                    "already modified another one - a single transaction can only write to a single attached database."
                )
                raise duckdb.TransactionException(message) from None
            with _interrupted(execute, connection):
                if not session.take_for_writing(name):
                    raise


@contextmanager
def _interrupted(execute: Any, connection: Any) -> Generator[None]:
    """Outside of the transaction, which has failed but not written, and is begun again."""
    if transactions.is_open(connection):
        execute(connection, "ROLLBACK")
    try:
        yield
    finally:
        if transactions.is_open(connection):
            execute(connection, "BEGIN TRANSACTION")
