"""The statements that MotherDuck adds to DuckDB, and no others: whatever else looks like one is a parser error.

Source: the pages CREATE SNAPSHOT, ALTER SNAPSHOT, CREATE DATABASE, ALTER DATABASE, ALTER DATABASE SET SNAPSHOT, COPY
FROM DATABASE (OVERWRITE), DROP DATABASE and UNDROP DATABASE of https://motherduck.com/docs/sql-reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<ident>"(?:[^"]|"")*")"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_$]*)|(?P<number>\d+)|(?P<sign>[().,;=])|(?P<other>.)""",
    re.DOTALL,
)
LEADING = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
OURS = re.compile(
    r"(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:TRANSIENT\s+)?(?:SNAPSHOT|DATABASE)|ALTER\s+(?:SNAPSHOT|DATABASE)|"
    r"DROP\s+(?:DATABASE|SNAPSHOT)|UNDROP|COPY\s+FROM\s+DATABASE)\b",
    re.IGNORECASE,
)
SELECTORS = ("SNAPSHOT_TIME", "SNAPSHOT_NAME", "SNAPSHOT_ID")


class ParserError(Exception):
    """The statement is not in the documented grammar."""


@dataclass(frozen=True)
class Selector:
    """Which snapshot: `kind` is one of SELECTORS; `database` where the statement names another one."""

    kind: str
    value: str
    database: str | None = None


@dataclass(frozen=True)
class CreateSnapshot:
    """CREATE SNAPSHOT [name] OF database."""

    name: str | None
    database: str


@dataclass(frozen=True)
class AlterSnapshot:
    """ALTER SNAPSHOT snapshot SET snapshot_name = name: an empty name gives it up. Only a 'string' may be an id."""

    snapshot: str
    database: str | None
    name: str
    string: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class CreateDatabase:
    """CREATE [OR REPLACE] [TRANSIENT] DATABASE [IF NOT EXISTS] name [FROM source [(selector)]]."""

    name: str
    source: str | None
    selector: Selector | None
    replace: bool
    if_not_exists: bool
    transient: bool


@dataclass(frozen=True)
class SetSnapshot:
    """ALTER DATABASE database SET SNAPSHOT TO (selector)."""

    database: str
    selector: Selector


@dataclass(frozen=True)
class SetRetention:
    """ALTER DATABASE database SET SNAPSHOT_RETENTION_DAYS = days."""

    database: str
    days: int


@dataclass(frozen=True)
class Overwrite:
    """COPY FROM DATABASE source (OVERWRITE [, selector]) [TO target]."""

    source: str
    selector: Selector | None
    target: str | None


@dataclass(frozen=True)
class DropDatabase:
    """DROP DATABASE [IF EXISTS] database."""

    database: str
    if_exists: bool


@dataclass(frozen=True)
class Undrop:
    """UNDROP DATABASE database."""

    database: str


Command = (
    CreateSnapshot | AlterSnapshot | CreateDatabase | SetSnapshot | SetRetention | Overwrite | DropDatabase | Undrop
)


def concerns(text: str) -> bool:
    """Whether a statement is for MotherDuck to parse. A plain COPY FROM DATABASE is DuckDB's own."""
    begin = LEADING.match(text)
    start = begin.end() if begin else 0
    found = OURS.match(text, start)
    if found is None:
        return False
    return not found.group().upper().startswith("COPY") or re.search(r"\bOVERWRITE\b", text, re.IGNORECASE) is not None


def parse(text: str) -> Command:
    """Return the command; raises `ParserError`, in DuckDB's words, for what the documentation does not have."""
    return _Reader(text).command()


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = [(m.lastgroup or "", m.group()) for m in TOKEN.finditer(text) if m.lastgroup != "space"]
        while self.tokens and self.tokens[-1] == ("sign", ";"):
            self.tokens.pop()
        self.at = 0

    def command(self) -> Command:
        made = self._command()
        if self.at < len(self.tokens):
            raise self._error()
        return made

    def _command(self) -> Command:
        if self._takes("CREATE", "SNAPSHOT"):
            name = None if self._takes("OF") else self._name(string=True)
            if name is not None:
                self._expect("OF")
            return CreateSnapshot(name, self._name())
        if self._takes("ALTER", "SNAPSHOT"):
            return self._alter_snapshot()
        if self._takes("ALTER", "DATABASE"):
            return self._alter_database()
        if self._takes("COPY", "FROM", "DATABASE"):
            return self._overwrite()
        if self._takes("DROP", "DATABASE"):
            if_exists = self._takes("IF", "EXISTS")
            return DropDatabase(self._name(), if_exists)
        if self._takes("UNDROP", "DATABASE"):
            return Undrop(self._name())
        if self._takes("CREATE"):
            return self._create_database()
        raise self._error()

    def _create_database(self) -> CreateDatabase:
        replace = self._takes("OR", "REPLACE")
        transient = self._takes("TRANSIENT")
        self._expect("DATABASE")
        if_not_exists = self._takes("IF", "NOT", "EXISTS")
        name = self._name()
        source = self._name() if self._takes("FROM") else None
        selector = None
        if source is not None and self._sign("("):
            selector = self._selector()
            self._need(")")
        return CreateDatabase(name, source, selector, replace, if_not_exists, transient)

    def _alter_snapshot(self) -> AlterSnapshot:
        string = self.tokens[self.at : self.at + 1] != [] and self.tokens[self.at][0] == "string"
        snapshot, database = self._name(string=True), None
        if not string and self._sign("."):
            snapshot, database = self._name(), snapshot
        self._expect("SET")
        self._expect("SNAPSHOT_NAME")
        self._need("=")
        return AlterSnapshot(snapshot, database, self._string(), string)

    def _alter_database(self) -> SetSnapshot | SetRetention:
        database = self._name()
        self._expect("SET")
        if self._takes("SNAPSHOT", "TO"):
            self._need("(")
            selector = self._selector(database=True)
            self._need(")")
            return SetSnapshot(database, selector)
        self._expect("SNAPSHOT_RETENTION_DAYS")
        self._need("=")
        kind, text = self._next()
        if kind != "number":
            raise self._error(-1)
        return SetRetention(database, int(text))

    def _overwrite(self) -> Overwrite:
        source = self._name()
        self._need("(")
        self._expect("OVERWRITE")
        selector = self._selector() if self._sign(",") else None
        self._need(")")
        return Overwrite(source, selector, self._name() if self._takes("TO") else None)

    def _selector(self, *, database: bool = False) -> Selector:
        kind, text = self._next()
        if kind != "word" or text.upper() not in SELECTORS:
            raise self._error(-1)
        value, other = self._string(), None
        if database and self._sign(","):
            self._expect("DATABASE_NAME")
            other = self._string()
            if text.upper() == "SNAPSHOT_NAME":
                raise ParserError("DATABASE_NAME cannot be used together with SNAPSHOT_NAME")
        return Selector(text.upper(), value, other)

    def _name(self, *, string: bool = False) -> str:
        kind, text = self._next()
        if kind == "ident":
            return text[1:-1].replace('""', '"')
        if kind == "string" and string:
            return text[1:-1].replace("''", "'")
        if kind != "word":
            raise self._error(-1)
        return text

    def _string(self) -> str:
        kind, text = self._next()
        if kind != "string":
            raise self._error(-1)
        return text[1:-1].replace("''", "'")

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise self._error()
        self.at += 1
        return self.tokens[self.at - 1]

    def _takes(self, *words: str) -> bool:
        found = self.tokens[self.at : self.at + len(words)]
        if not _are(found, words):
            return False
        self.at += len(words)
        return True

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._error()

    def _sign(self, sign: str) -> bool:
        if self.tokens[self.at : self.at + 1] != [("sign", sign)]:
            return False
        self.at += 1
        return True

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._error()

    def _error(self, back: int = 0) -> ParserError:
        at = self.at + back
        if at >= len(self.tokens):
            return ParserError("syntax error at end of input")
        return ParserError(f'syntax error at or near "{self.tokens[at][1]}"')


def _are(found: Sequence[tuple[str, str]], words: Sequence[str]) -> bool:
    return len(found) == len(words) and all(
        kind == "word" and text.upper() == word for (kind, text), word in zip(found, words, strict=True)
    )
