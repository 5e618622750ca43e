"""Which connections are inside a transaction that they have begun, and whether it has written anything yet.

A database can be taken for writing in the middle of a transaction only as long as nothing would be lost: the
transaction is rolled back and begun again.
"""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

BEGIN = re.compile(r"(?:BEGIN|START)\b", re.IGNORECASE)
END = re.compile(r"(?:COMMIT|ROLLBACK|ABORT|END)\b", re.IGNORECASE)
WRITES = re.compile(
    r"(?:INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|MERGE|TRUNCATE|IMPORT|COMMENT)\b|COPY\b(?=[^(]*\bFROM\b)|"
    r"WITH\b(?=.*\b(?:INSERT|UPDATE|DELETE|MERGE)\b)",
    re.IGNORECASE | re.DOTALL,
)

_written: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def is_open(connection: Any) -> bool:
    """Whether a connection has begun a transaction and not ended it."""
    return connection in _written


def has_written(connection: Any) -> bool:
    """Whether the open transaction of a connection may have written, be it to a table of its own."""
    return _written.get(connection, False)


def begun(connection: Any) -> None:
    """A transaction of this connection is open from now on."""
    _written[connection] = False


def ended(connection: Any) -> None:
    """It is not any more: one whose end has failed is over as well."""
    _written.pop(connection, None)


def note(connection: Any, statement: str) -> None:
    """A statement, without the comments before it, has been run."""
    if BEGIN.match(statement):
        begun(connection)
    elif connection in _written and WRITES.match(statement):
        _written[connection] = True
