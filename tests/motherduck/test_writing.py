"""What is written through the double is written once, or not at all; every client of a process sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server
from tests.motherduck.clients import well


@pytest.fixture
def account(tmp_path: Path) -> Server:
    """An account with the databases `a` and `b`, which have an empty table `t`."""
    made = service.create(tmp_path / "account")
    for name in ("a", "b"):
        made.add_database(name)
        well(made, f"c.execute('CREATE TABLE {name}.t (i INT)')")
    return made


def test_statements_in_one_text_run_once_each(account: Server) -> None:
    well(
        account,
        """
        c.execute("INSERT INTO a.t VALUES (1); INSERT INTO b.t VALUES (2)")
        assert rows(c, "SELECT i FROM a.t") == [1]
        assert rows(c, "SELECT i FROM b.t") == [2]
        c.execute("INSERT INTO a.t VALUES (3); INSERT INTO a.t VALUES (?);", [4])
        assert rows(c, "SELECT ';'; SELECT i FROM a.t ORDER BY i") == [1, 3, 4]
        """,
    )


def test_a_transaction_in_one_text(account: Server) -> None:
    well(
        account,
        """
        c.execute("BEGIN; INSERT INTO a.t VALUES (1); COMMIT")
        c.execute("BEGIN; INSERT INTO a.t VALUES (2); ROLLBACK")
        assert rows(c, "SELECT i FROM a.t") == [1]
        c.execute("BEGIN"); c.execute("COMMIT")
        """,
    )


def test_one_transaction_writes_to_one_database_and_loses_nothing(account: Server) -> None:
    well(
        account,
        """
        c.execute("BEGIN")
        c.execute("INSERT INTO a.t VALUES (1)")
        assert "already modified" in refused(c, "INSERT INTO b.t VALUES (2)", duckdb.TransactionException)
        c.execute("COMMIT")  # DuckDB takes it, and keeps nothing of a transaction that has failed
        assert rows(c, "SELECT i FROM a.t UNION ALL SELECT i FROM b.t") == []
        c.execute("BEGIN")
        c.execute("WITH x AS (SELECT 1) SELECT * FROM x, a.t")
        c.execute("INSERT INTO b.t VALUES (3)")
        c.execute("COMMIT")
        assert rows(c, "SELECT i FROM b.t") == [3]
        """,
    )


def test_a_transaction_that_cannot_be_committed_is_over(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE TABLE a.u (i INT PRIMARY KEY)")
        d = c.cursor()
        c.begin(); c.execute("INSERT INTO a.u VALUES (1)")
        d.begin(); d.execute("INSERT INTO a.u VALUES (1)")
        c.commit()
        refused(d, "COMMIT", duckdb.TransactionException)
        d.execute("INSERT INTO b.t VALUES (5)")
        assert rows(c, "SELECT i FROM b.t") == [5], "not in a transaction that nobody has begun"
        """,
    )


def test_the_information_schema_can_be_read_in_a_transaction_that_writes(account: Server) -> None:
    well(
        account,
        """
        c.execute("BEGIN")
        assert rows(c, "SELECT name FROM md_information_schema.databases ORDER BY name") == ["a", "b"]
        c.execute("INSERT INTO a.t VALUES (1)")
        assert rows(c, "SELECT count(*) FROM MD_INFORMATION_SCHEMA.DATABASES") == [2]
        c.execute("COMMIT")
        assert rows(c, "SELECT i FROM a.t") == [1]
        """,
    )


def test_every_connection_of_a_process_has_its_own_current_database(account: Server) -> None:
    well(
        account,
        """
        a, b = duckdb.connect("md:a"), duckdb.connect("md:b?attach_mode=single")
        assert [one(x, "SELECT current_database()") for x in (a, a.cursor(), b, b.cursor())] == ["a", "a", "b", "b"]
        b.execute("INSERT INTO a.t VALUES (1)")
        c.cursor().execute("INSERT INTO b.t VALUES (2)")
        assert rows(a.cursor(), "SELECT i FROM t") == [1]
        assert rows(b.cursor(), "SELECT i FROM t") == [2]
        """,
    )


def test_parameters_frames_and_relations(account: Server) -> None:
    well(
        account,
        """
        c.executemany("INSERT INTO a.t VALUES (?)", [[1], [2]])
        c.execute("INSERT INTO a.t VALUES ($x)", {"x": 3})
        assert c.sql("SELECT sum(i) FROM a.t").fetchall() == [(6,)]
        assert c.query("SELECT max(i) FROM a.t").fetchall() == [(3,)]
        import pyarrow
        frame = pyarrow.table({"i": [7, 8]})
        c.execute("INSERT INTO b.t SELECT i FROM frame")
        assert rows(c, "SELECT i FROM b.t ORDER BY i") == [7, 8]
        """,
    )


def test_a_plain_connection_is_as_ever(account: Server, tmp_path: Path) -> None:
    file = tmp_path / "plain.duckdb"
    well(
        account,
        f"""
        d = duckdb.connect({str(file)!r})
        d.execute("CREATE TABLE x AS SELECT 1 AS i; INSERT INTO x VALUES (2)")
        d.close()
        d = duckdb.connect({str(file)!r}, read_only=True)
        assert "read-only mode" in refused(d, "INSERT INTO x VALUES (3)", duckdb.InvalidInputException)
        refused(d, "CREATE SNAPSHOT OF x", duckdb.ParserException)
        refused(d, "SELECT * FROM md_information_schema.databases", duckdb.Error)
        d.close()
        locked = duckdb.connect(config={{"lock_configuration": True}})
        assert one(locked, "SELECT 1") == 1
        """,
    )


def test_an_account_without_databases(tmp_path: Path) -> None:
    made = service.create(tmp_path / "account")
    well(
        made,
        """
        c.execute("CREATE DATABASE first")
        c.execute("CREATE TABLE first.t AS SELECT 1 AS i")
        assert rows(c, "SELECT name FROM md_information_schema.databases") == ["first"]
        """,
    )
    assert made.databases() == ["first"]


def test_statements_of_motherduck_stand_alone(account: Server) -> None:
    well(
        account,
        """
        for text in (
            "SELECT 1; CREATE SNAPSHOT OF a",
            "CREATE SNAPSHOT OF a; SELECT 1",
            "DROP DATABASE a; DROP DATABASE b",
            "CREATE DATABASE x; CREATE TABLE x.t (i INT)",
        ):
            refused(c, text, duckdb.ParserException)
        """,
    )
    assert account.databases() == ["a", "b"]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ATTACH 'md:b' AS other", "aliases"),
        ("ATTACH 'md:b' (READ_ONLY)", "not supported"),
        ("ATTACH 'md:b' (TYPE sqlite)", "not supported"),
        ("ATTACH 'md:b' (TYPE motherduck, READ_ONLY)", "not supported"),
        ("ATTACH 'md:a'", "already exists"),
        ("ATTACH 'md:nowhere'", "no database/share"),
    ],
)
def test_attach_refuses(account: Server, statement: str, said: str) -> None:
    script = f"d = duckdb.connect(); d.execute(\"ATTACH 'md:a'\"); assert {said!r} in refused(d, {statement!r})"
    well(account, script, prelude=False)


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH 'md:'",
        "ATTACH IF NOT EXISTS 'md:'",
        "ATTACH 'md:b'",
        "attach if not exists 'md:b' as b (TYPE motherduck);",
        "ATTACH 'md:b' AS \"b\" (type MotherDuck)",
    ],
)
def test_attach_takes(account: Server, statement: str) -> None:
    well(
        account,
        f"""
        d = duckdb.connect()
        d.execute("INSTALL motherduck"); d.execute("LOAD motherduck;")
        d.execute({statement!r})
        d.execute("INSERT INTO b.t VALUES (1)")
        assert rows(d, "SELECT i FROM b.t") == [1]
        d.execute("DETACH b")
        refused(d, "SELECT i FROM b.t", duckdb.Error)
        """,
        prelude=False,
    )


def test_ways_to_give_a_token(account: Server) -> None:
    token = account.read().token
    well(
        account,
        f"""
        import os
        del os.environ["motherduck_token"]
        for bad in ("md:a", "md:", "md:a?motherduck_token=md_wrong_77"):
            try:
                duckdb.connect(bad)
            except duckdb.InvalidInputException as error:
                assert "not authenticated" in str(error) and "77" not in str(error)
            else:
                raise AssertionError(bad)
        duckdb.connect("md:a?motherduck_token={token}").close()
        duckdb.connect("md:a", config={{"motherduck_token": {token!r}, "custom_user_agent": "x"}}).close()
        d = duckdb.connect()
        assert "not authenticated" in refused(d, "ATTACH 'md:a'")
        d.execute("SET motherduck_token = '{token}'")
        d.execute("ATTACH 'md:a'")
        d.close()
        os.environ["MOTHERDUCK_TOKEN"] = {token!r}
        duckdb.connect("md:a?attach_mode=single").close()
        """,
        prelude=False,
    )


def test_a_second_instance_in_a_process_may_only_read(account: Server) -> None:
    """DuckDB refuses to open a file twice for writing; the service itself would not mind."""
    well(
        account,
        """
        d = duckdb.connect()
        d.execute("ATTACH 'md:a'")
        assert rows(d, "SELECT i FROM a.t") == rows(c, "SELECT i FROM a.t")
        assert "another DuckDB instance" in refused(d, "INSERT INTO a.t VALUES (1)", duckdb.NotImplementedException)
        assert rows(d, "SELECT i FROM a.t") == []
        d.close()
        c.execute("INSERT INTO a.t VALUES (2)")
        assert rows(c, "SELECT i FROM a.t") == [2]
        """,
    )
