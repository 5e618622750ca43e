"""The double as its clients see it: each test is a process, or several, with the account in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import duckdb

def refused(connection, statement, kind=duckdb.Error):
    try:
        connection.execute(statement)
    except kind as error:
        return str(error)
    raise AssertionError(f"taken: {statement}")

def one(connection, statement):
    return connection.execute(statement).fetchall()[0][0]

c = duckdb.connect("md:")
"""


def client(account: Server, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a client."""
    command = [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(script)]
    variables = os.environ | service.environment(account.folder) | env
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False)


def well(account: Server, script: str, **env: str) -> str:
    """The same; it has to end well."""
    done = client(account, script, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(folder: Path, plan: str = "business") -> Server:
    """An account with two databases."""
    account = service.create(folder / "account", plan=plan)
    account.add_database("databox")
    account.add_database("raw")
    well(account, "c.execute('CREATE TABLE databox.t AS SELECT range AS i FROM range(10)')")
    return account


@pytest.fixture
def account(tmp_path: Path) -> Server:
    return made(tmp_path)


def test_there_and_back(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE SNAPSHOT 'good' OF databox")
        c.execute("DELETE FROM databox.t WHERE i > 3")
        c.execute("CREATE SNAPSHOT 'bad' OF databox")
        c.execute("ALTER DATABASE databox SET SNAPSHOT TO (SNAPSHOT_NAME 'good')")
        assert one(c, "SELECT count(*) FROM databox.t") == 10
        c.execute("ALTER DATABASE databox SET SNAPSHOT TO (SNAPSHOT_NAME 'bad')")
        assert one(c, "SELECT count(*) FROM databox.t") == 4
        """,
    )


def test_a_clone_s_view_reads_the_original(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE VIEW databox.v AS SELECT * FROM databox.t")
        c.execute("CREATE DATABASE clone FROM databox")
        c.execute("DELETE FROM databox.t WHERE i > 3")
        assert one(c, "SELECT count(*) FROM clone.t") == 10
        assert one(c, "SELECT count(*) FROM clone.v") == 4
        """,
    )


def test_names_outlive_their_database_and_are_unique(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE SNAPSHOT 'kept' OF databox")
        assert "exists already" in refused(c, "CREATE SNAPSHOT 'kept' OF raw")
        c.execute("DROP DATABASE databox")
        c.execute("CREATE DATABASE again FROM databox (SNAPSHOT_NAME 'kept')")
        assert one(c, "SELECT count(*) FROM again.t") == 10
        c.execute("UNDROP DATABASE databox")
        c.execute("ATTACH IF NOT EXISTS 'md:databox'")
        assert one(c, "SELECT count(*) FROM databox.t") == 10
        """,
    )


@pytest.mark.parametrize("plan", ["lite", "free"])
def test_plans_without_names(tmp_path: Path, plan: str) -> None:
    account = made(tmp_path, plan)
    well(
        account,
        """
        assert "plan" in refused(c, "CREATE SNAPSHOT 'named' OF databox")
        assert "plan" in refused(c, "ALTER DATABASE databox SET SNAPSHOT_RETENTION_DAYS = 3")
        c.execute("CREATE SNAPSHOT OF databox")
        c.execute("CREATE DATABASE kept FROM databox")
        c.execute("DELETE FROM databox.t")
        c.execute("COPY FROM DATABASE kept (OVERWRITE) TO databox")
        assert one(c, "SELECT count(*) FROM databox.t") == 10
        """,
    )


@pytest.mark.parametrize(("plan", "days"), [("business", 7), ("lite", 1)])
def test_retention_and_its_edge(tmp_path: Path, plan: str, days: int) -> None:
    account = made(tmp_path, plan)
    old = account.snapshots("databox")[-1].id
    well(account, "c.execute('DELETE FROM databox.t')")
    account.capture_all()
    account.move_clock(timedelta(days=days) - timedelta(minutes=5))
    assert old in {one.id for one in account.snapshots("databox")}
    account.move_clock(timedelta(minutes=10))
    assert old not in {one.id for one in account.snapshots("databox")}
    told = client(account, f"c.execute(\"ALTER DATABASE databox SET SNAPSHOT TO (SNAPSHOT_ID '{old}')\")")
    assert "No snapshot" in told.stderr


def test_created_on_the_free_plan_keeps_nothing_after_an_upgrade(tmp_path: Path) -> None:
    account = made(tmp_path, "free")
    account.set_plan("business")
    well(account, "c.execute('DELETE FROM databox.t')")
    assert len(account.snapshots("databox")) == 1
    well(account, "c.execute('ALTER DATABASE databox SET SNAPSHOT_RETENTION_DAYS = 7')")
    well(account, "c.execute('INSERT INTO databox.t VALUES (1)')")
    assert len(account.snapshots("databox")) == 2


def test_a_time_picks_the_newest_at_or_before(account: Server) -> None:
    first = account.snapshots("databox")[-1].created[:26]
    well(
        account,
        f"""
        c.execute("DELETE FROM databox.t")
        c.execute("CREATE DATABASE then_ FROM databox (SNAPSHOT_TIME '{first}')")
        assert one(c, "SELECT count(*) FROM then_.t") == 10
        assert "at or before" in refused(c, "CREATE DATABASE x FROM databox (SNAPSHOT_TIME '2001-01-01 00:00:00')")
        zoned = "CREATE DATABASE x FROM databox (SNAPSHOT_TIME '2026-01-01T00:00:00+02:00')"
        refused(c, zoned, duckdb.ConversionException)
        """,
    )


def test_what_is_not_documented_is_refused(account: Server) -> None:
    well(
        account,
        """
        refused(c, "ALTER DATABASE databox RENAME TO other", duckdb.ParserException)
        refused(c, "DROP SNAPSHOT x", duckdb.ParserException)
        refused(c, "SELECT created_at FROM md_information_schema.database_snapshots", duckdb.BinderException)
        assert "alias" in refused(c, "ATTACH 'md:databox' AS other")
        assert "READ_ONLY" in refused(c, "ATTACH 'md:databox' (READ_ONLY)")
        assert "no database" in refused(c, "ATTACH 'md:nowhere'")
        c.execute("USE databox")
        assert "current database" in refused(c, "DROP DATABASE databox")
        """,
    )


@pytest.mark.parametrize("token", ["", "md_wrong_token_1f2e3d"])
def test_a_token_that_is_wrong_is_not_repeated(account: Server, token: str) -> None:
    done = client(account, "", motherduck_token=token)
    assert done.returncode == 1
    assert "not authenticated" in done.stderr
    assert not token or token not in done.stderr
    right = account.read().token
    well(account, f"duckdb.connect('md:databox?motherduck_token={right}').close()")
    assert right not in (account.folder / "statements.log").read_text() if account.statements() else True


def test_ddl_and_rows_in_one_transaction(account: Server) -> None:
    well(
        account,
        """
        c.execute("BEGIN")
        c.execute("CREATE TABLE raw.x (a INT)")
        c.executemany("INSERT INTO raw.x VALUES (?)", [[1], [2]])
        c.execute("COMMIT")
        c.begin(); c.execute("DELETE FROM raw.x WHERE a = ?", [1]); c.rollback()
        assert one(c.cursor(), "SELECT sum(a) FROM raw.x") == 3
        c.execute("BEGIN"); c.execute("INSERT INTO raw.x VALUES (3)")
        assert "transaction" in refused(c, "CREATE DATABASE y FROM raw")
        c.execute("ROLLBACK")
        """,
    )


def test_two_processes_read_and_a_writer_is_told_apart(account: Server) -> None:
    reader = [sys.executable, "-c", PRELUDE + "one(c, 'SELECT 1 FROM databox.t'); print('reads', flush=True); input()"]
    env = os.environ | service.environment(account.folder)
    with subprocess.Popen(
        reader, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reads\n"
        well(account, "assert one(c, 'SELECT count(*) FROM databox.t') == 10")
        late = client(account, "c.execute('DELETE FROM databox.t')", MOTHERDUCK_DOUBLE_WAIT="0.3")
        assert "another client" in late.stderr
        process.communicate("end\n", timeout=30)
    well(account, "c.execute('DELETE FROM databox.t')", MOTHERDUCK_DOUBLE_WAIT="5")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_connection(account: Server, when: str) -> None:
    account.lose_connection(2, when, matching="CREATE DATABASE")
    well(
        account,
        f"""
        c.execute("CREATE DATABASE a1")
        assert "lost" in refused(c, "CREATE DATABASE a2", duckdb.IOException)
        c.execute("CREATE DATABASE a3")
        there = {{name for (name,) in c.execute("SELECT name FROM md_information_schema.databases").fetchall()}}
        assert ("a2" in there) is {when == "after"}
        """,
    )


def test_ducklake_has_none_of_it(account: Server) -> None:
    account.add_database("lake", kind="ducklake")
    well(
        account,
        """
        assert one(c, "SELECT type FROM md_information_schema.databases WHERE name = 'lake'") == "ducklake"
        for statement in ("CREATE SNAPSHOT OF lake", "CREATE DATABASE x FROM lake"):
            assert "DuckLake" in refused(c, statement)
        """,
    )


def test_a_copied_account_is_the_same(account: Server, tmp_path: Path) -> None:
    account.capture_all()
    subprocess.run(["cp", "-a", str(account.folder), str(tmp_path / "copy")], check=True)
    copy = Server(tmp_path / "copy")
    copy.capture_all()
    assert copy.read() == account.read()
