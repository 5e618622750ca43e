"""What the double takes, and that it takes nothing else."""

from __future__ import annotations

import pytest

from sandbox.motherduck import grammar
from sandbox.motherduck.grammar import (
    AlterSnapshot,
    CreateDatabase,
    CreateSnapshot,
    DropDatabase,
    Overwrite,
    ParserError,
    Selector,
    SetRetention,
    SetSnapshot,
    Undrop,
)

TIME, NAME, ID = (Selector(f"SNAPSHOT_{kind}", "x") for kind in ("TIME", "NAME", "ID"))


def made(name: str = "b", source: str | None = None, selector: Selector | None = None, **flags: bool) -> CreateDatabase:
    known = {"replace": False, "if_not_exists": False, "transient": False}
    return CreateDatabase(name, source, selector, **(known | flags))


@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("CREATE SNAPSHOT OF a", CreateSnapshot(None, "a")),
        ("CREATE SNAPSHOT 's' OF a;", CreateSnapshot("s", "a")),
        ('create snapshot "a s" of "A b"', CreateSnapshot("a s", "A b")),
        ("CREATE SNAPSHOT s OF a", CreateSnapshot("s", "a")),
        ("CREATE SNAPSHOT 'it''s' OF \"q\"\"q\"", CreateSnapshot("it's", 'q"q')),
        ("-- why\nCREATE SNAPSHOT /* here */ OF a ; ;", CreateSnapshot(None, "a")),
        ("ALTER SNAPSHOT s SET snapshot_name = ''", AlterSnapshot("s", None, "")),
        ("ALTER SNAPSHOT 'x' SET SNAPSHOT_NAME='n'", AlterSnapshot("x", None, "n")),
        ("ALTER SNAPSHOT a.s SET snapshot_name = 'n'", AlterSnapshot("s", "a", "n")),
        ("CREATE DATABASE b", made()),
        ("CREATE TRANSIENT DATABASE b", made(transient=True)),
        ("CREATE DATABASE IF NOT EXISTS b FROM a", made("b", "a", if_not_exists=True)),
        ("CREATE OR REPLACE DATABASE b FROM a", made("b", "a", replace=True)),
        ("CREATE DATABASE b FROM a (SNAPSHOT_TIME 'x')", made("b", "a", TIME)),
        ("CREATE DATABASE b FROM a (SNAPSHOT_NAME 'x')", made("b", "a", NAME)),
        ("CREATE DATABASE b FROM a (snapshot_id 'x')", made("b", "a", ID)),
        ("ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_ID 'x')", SetSnapshot("a", ID)),
        (
            "ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_TIME 'x', DATABASE_NAME 'b')",
            SetSnapshot("a", Selector("SNAPSHOT_TIME", "x", "b")),
        ),
        ("ALTER DATABASE a SET SNAPSHOT_RETENTION_DAYS = 4", SetRetention("a", 4)),
        ("COPY FROM DATABASE a (OVERWRITE) TO b", Overwrite("a", None, "b")),
        ("COPY FROM DATABASE a (OVERWRITE)", Overwrite("a", None, None)),
        ("COPY FROM DATABASE a (OVERWRITE, SNAPSHOT_NAME 'x') TO b", Overwrite("a", NAME, "b")),
        ("DROP DATABASE a", DropDatabase("a", if_exists=False)),
        ("DROP DATABASE IF EXISTS a", DropDatabase("a", if_exists=True)),
        ("UNDROP DATABASE a", Undrop("a")),
    ],
)
def test_documented(statement: str, command: grammar.Command) -> None:
    assert grammar.concerns(statement)
    assert grammar.parse(statement) == command


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER DATABASE a RENAME TO b",
        "ALTER DATABASE a SET ALIAS TO b",
        "ALTER DATABASE a SET SNAPSHOT TO SNAPSHOT_ID 'x'",
        "ALTER DATABASE a SET SNAPSHOT TO ()",
        "ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_ID 'x', SNAPSHOT_NAME 'y')",
        "ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_NAME 'x', DATABASE_NAME 'b')",
        "ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_ID x)",
        "ALTER DATABASE a SET SNAPSHOT_RETENTION_DAYS = 'x'",
        "ALTER DATABASE IF EXISTS a SET SNAPSHOT_RETENTION_DAYS = 4",
        "ALTER SNAPSHOT s RENAME TO t",
        "ALTER SNAPSHOT s SET name = 't'",
        "ALTER SNAPSHOT s SET snapshot_name = t",
        "DROP SNAPSHOT s",
        "DROP DATABASE a CASCADE",
        "UNDROP TABLE t",
        "UNDROP DATABASE 'a'",
        "CREATE SNAPSHOT s",
        "CREATE SNAPSHOT s ON a",
        "CREATE SNAPSHOT OF a, b",
        "CREATE OR REPLACE SNAPSHOT s OF a",
        "CREATE DATABASE b FROM a SNAPSHOT_TIME 'x'",
        "CREATE DATABASE b FROM a (SNAPSHOT_TIME 'x', SNAPSHOT_NAME 'y')",
        "CREATE DATABASE b FROM a (AT 'x')",
        "CREATE DATABASE 'b'",
        "COPY FROM DATABASE a (OVERWRITE, SCHEMA) TO b",
        "COPY FROM DATABASE a TO b (OVERWRITE)",
        "CREATE DATABASE b; DROP DATABASE b",
    ],
)
def test_everything_else_is_a_parser_error(statement: str) -> None:
    assert grammar.concerns(statement)
    with pytest.raises(ParserError, match=r"syntax error|cannot be used together"):
        grammar.parse(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM databases",
        "CREATE TABLE snapshot (x INT)",
        "CREATE SCHEMA database",
        "ALTER TABLE a RENAME TO b",
        "COPY FROM DATABASE a TO b",
        "COPY t TO 'x.csv'",
        "DROP TABLE database",
        "-- CREATE SNAPSHOT OF a\nSELECT 1",
    ],
)
def test_the_rest_is_duckdb_s(statement: str) -> None:
    assert not grammar.concerns(statement)
