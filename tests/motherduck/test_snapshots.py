"""Snapshots as they come and go: whose name means which, what a clock does to them, and who waits for whom."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server
from tests.motherduck.clients import hear, say, start, well


@pytest.fixture
def account(tmp_path: Path) -> Server:
    """An account with the databases `a` and `b`; `a.t` has one row."""
    made = service.create(tmp_path / "account")
    for name in ("a", "b"):
        made.add_database(name)
    well(made, "c.execute('CREATE TABLE a.t AS SELECT 1 AS i')")
    return made


def test_each_writing_process_leaves_one_snapshot(account: Server) -> None:
    before = len(account.snapshots("a"))
    well(account, "c.execute('INSERT INTO a.t VALUES (2)'); c.execute('INSERT INTO a.t VALUES (3)')")
    assert len(account.snapshots("a")) == before + 1
    well(account, "c.execute('SELECT * FROM a.t')")
    kept = account.snapshots("a")
    assert len(kept) == before + 1
    assert [one.superseded is None for one in kept] == [False] * before + [True]
    assert [one.created for one in kept] == sorted(one.created for one in kept)


def test_the_views_are_as_documented(account: Server) -> None:
    out = well(
        account,
        """
        c.execute("CREATE SNAPSHOT 'kept' OF a")
        for view in ("databases", "database_snapshots"):
            for name, kind, *_ in c.execute(f"DESCRIBE md_information_schema.{view}").fetchall():
                print(view, name, kind)
        print(c.execute("FROM MD_INFORMATION_SCHEMA.DATABASES WHERE name = 'a'").fetchone())
        print(rows(c, "SELECT snapshot_name FROM md_information_schema.database_snapshots WHERE snapshot_name <> ''"))
        """,
    ).splitlines()
    assert out[:-2] == [
        "databases NAME VARCHAR",
        "databases UUID VARCHAR",
        "databases CREATED_TS TIMESTAMP",
        "databases TRANSIENT VARCHAR",
        "databases HISTORICAL_SNAPSHOT_RETENTION INTERVAL",
        "databases TYPE VARCHAR",
        "database_snapshots DATABASE_NAME VARCHAR",
        "database_snapshots DATABASE_ID UUID",
        "database_snapshots SNAPSHOT_ID UUID",
        "database_snapshots SNAPSHOT_NAME VARCHAR",
        "database_snapshots CREATED_TS TIMESTAMP",
        "database_snapshots ACTIVE_BYTES UBIGINT",
        "database_snapshots BYTES_WRITTEN UBIGINT",
        "database_snapshots BYTES_DELETED UBIGINT",
        "database_snapshots USER_NAME VARCHAR",
        "database_snapshots USER_ID UUID",
    ]
    assert "'NO', datetime.timedelta(days=7), 'default'" in out[-2]
    assert out[-1] == "['kept']"


def test_a_snapshot_s_name_is_looked_for_in_the_current_database(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE SNAPSHOT first OF a")
        assert "No snapshot" in refused(c, "ALTER SNAPSHOT first SET snapshot_name = 'x'")
        assert "No snapshot" in refused(c, "ALTER SNAPSHOT 'first' SET snapshot_name = 'x'")
        assert "No snapshot" in refused(c, "ALTER SNAPSHOT b.first SET snapshot_name = 'x'")
        refused(c, "ALTER SNAPSHOT 'a'.first SET snapshot_name = 'x'", duckdb.ParserException)
        refused(c, "ALTER SNAPSHOT 'a.first' SET snapshot_name = 'x'", duckdb.CatalogException)
        c.execute("ALTER SNAPSHOT a.first SET snapshot_name = 'second'")
        c.execute("USE a")
        c.execute("ALTER SNAPSHOT second SET snapshot_name = 'third'")
        number = one(c, "SELECT snapshot_id::VARCHAR FROM md_information_schema.database_snapshots "
                        "WHERE snapshot_name = 'third'")
        refused(c, f'ALTER SNAPSHOT "{number}" SET snapshot_name = \\'x\\'', duckdb.CatalogException)
        c.execute(f"ALTER SNAPSHOT '{number}' SET snapshot_name = 'it''s'")
        c.execute('ALTER SNAPSHOT "it\\'s" SET snapshot_name = \\'\\'')
        """,
    )
    assert not [one for one in account.snapshots("a") if one.name]


def test_a_selector_means_a_snapshot_of_the_source(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE SNAPSHOT kept OF a")
        number = one(c, "SELECT snapshot_id::VARCHAR FROM md_information_schema.database_snapshots "
                        "WHERE snapshot_name = 'kept'")
        for selector in ("SNAPSHOT_NAME 'kept'", f"SNAPSHOT_ID '{number}'"):
            assert "No snapshot" in refused(c, f"CREATE DATABASE x FROM b ({selector})")
            assert "No snapshot" in refused(c, f"COPY FROM DATABASE b (OVERWRITE, {selector}) TO a")
            c.execute(f"ALTER DATABASE b SET SNAPSHOT TO ({selector})")
            assert rows(c, "SELECT i FROM b.t") == [1]
        put = f"ALTER DATABASE b SET SNAPSHOT TO (SNAPSHOT_ID '{number}', DATABASE_NAME '%s')"
        assert "No snapshot" in refused(c, put % "b")
        c.execute(put % "a")
        for moment in ("yesterday", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+02:00", "2026-W01-1", "20260101"):
            refused(c, f"CREATE DATABASE x FROM a (SNAPSHOT_TIME '{moment}')", duckdb.ConversionException)
        """,
    )
    assert account.databases() == ["a", "b"]


def test_an_unnamed_snapshot_goes_when_its_time_is_over(account: Server) -> None:
    well(account, "c.execute('CREATE SNAPSHOT kept OF a'); c.execute('DELETE FROM a.t')")
    kept = next(one.id for one in account.snapshots("a") if one.name)
    account.move_clock(timedelta(days=30))
    assert kept in {one.id for one in account.snapshots("a")}
    assert account.snapshot_file(kept).is_file()
    well(account, f"c.execute(\"ALTER SNAPSHOT '{kept}' SET snapshot_name = ''\")")
    assert [one.superseded for one in account.snapshots("a")] == [None]
    assert not account.snapshot_file(kept).exists()


@pytest.mark.parametrize(("days", "taken"), [("0", True), ("90", True), ("91", False)])
def test_days_of_retention(account: Server, days: str, taken: bool) -> None:
    statement = f"ALTER DATABASE a SET SNAPSHOT_RETENTION_DAYS = {days}"
    well(account, f"c.execute({statement!r})" if taken else f"assert 'between 0 and 90' in refused(c, {statement!r})")
    kept = {one.name: one.retention for one in account.read().databases}
    assert kept == {"a": int(days) if taken else 7, "b": 7}
    well(account, "c.execute('CREATE DATABASE clone FROM a')")
    assert {one.name: one.retention for one in account.read().databases}["clone"] == kept["a"]


@pytest.mark.parametrize("late", [False, True])
def test_undrop_and_its_edge(account: Server, late: bool) -> None:
    before = [one.id for one in account.snapshots("a")]
    well(account, "c.execute('DROP DATABASE a')")
    account.move_clock(timedelta(days=7) + timedelta(minutes=5 if late else -5))
    if late:
        well(account, "assert 'within its retention' in refused(c, 'UNDROP DATABASE a')")
        return
    well(
        account,
        """
        c.execute("UNDROP DATABASE a")
        refused(c, "SELECT i FROM a.t", duckdb.Error)
        c.execute("ATTACH 'md:a'")
        assert rows(c, "SELECT i FROM a.t") == [1]
        """,
    )
    account.move_clock(timedelta(days=30))
    assert [one.id for one in account.snapshots("a")] == before[-1:], "the active one is that of before"


@pytest.mark.parametrize("plan", ["free", "lite"])
def test_undrop_by_plan(tmp_path: Path, plan: str) -> None:
    made = service.create(tmp_path / "account", plan=plan)
    made.add_database("a")
    well(made, "c.execute('DROP DATABASE a')")
    undrop = "UNDROP DATABASE a"
    well(made, f"c.execute({undrop!r})" if plan == "lite" else f"refused(c, {undrop!r}, duckdb.CatalogException)")
    assert made.databases() == (["a"] if plan == "lite" else [])


def test_undrop_needs_a_free_name(account: Server) -> None:
    well(
        account,
        """
        assert "already exists" in refused(c, "UNDROP DATABASE a")
        c.execute("DROP DATABASE a"); c.execute("CREATE DATABASE a")
        assert "already exists" in refused(c, "UNDROP DATABASE a")
        assert "already exists" in refused(c, "CREATE DATABASE a FROM b")
        c.execute("CREATE DATABASE IF NOT EXISTS a FROM b")
        c.execute("DROP DATABASE IF EXISTS nowhere")
        """,
    )


def test_what_is_replaced_is_a_snapshot_first(account: Server) -> None:
    well(
        account,
        """
        c.execute("CREATE SNAPSHOT first OF a")
        c.execute("USE a")
        c.execute("INSERT INTO t VALUES (2)")
        c.execute("ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_NAME 'first')")
        assert rows(c, "SELECT i FROM t") == [1]
        ids = rows(c, "SELECT snapshot_id::VARCHAR FROM md_information_schema.database_snapshots "
                      "WHERE database_name = 'a' ORDER BY created_ts")
        c.execute(f"ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_ID '{ids[-2]}')")
        assert rows(c, "SELECT i FROM t ORDER BY i") == [1, 2]
        c.execute("CREATE OR REPLACE DATABASE b FROM a (SNAPSHOT_NAME 'first')")
        assert rows(c, "SELECT i FROM b.t") == [1]
        c.execute("CREATE OR REPLACE DATABASE b FROM b")
        c.execute("COPY FROM DATABASE a (OVERWRITE) TO b")
        assert rows(c, "SELECT i FROM b.t ORDER BY i") == [1, 2]
        c.execute("CREATE DATABASE plain")
        c.execute("COPY FROM DATABASE a TO plain")
        assert rows(c, "SELECT i FROM plain.t ORDER BY i") == [1, 2]
        """,
    )


def test_no_snapshot_of_an_open_transaction(account: Server) -> None:
    well(
        account,
        """
        c.execute("BEGIN"); c.execute("INSERT INTO a.t VALUES (2)")
        refused(c, "CREATE SNAPSHOT half OF a", duckdb.TransactionException)
        c.execute("ROLLBACK")
        d = c.cursor()
        d.execute("BEGIN"); d.execute("INSERT INTO a.t VALUES (2)")
        c.execute("CREATE SNAPSHOT whole OF a")
        d.execute("COMMIT")
        c.execute("CREATE DATABASE clone FROM a (SNAPSHOT_NAME 'whole')")
        assert rows(c, "SELECT i FROM clone.t") == [1], "what another connection has not committed is not in it"
        assert rows(c, "SELECT i FROM a.t ORDER BY i") == [1, 2]
        """,
    )
    assert [one.name for one in account.snapshots("a") if one.name] == ["whole"]


WRITER = """
c.execute("INSERT INTO a.t VALUES (2)")
print("writes", flush=True)
input()
c.execute("INSERT INTO a.t VALUES (3)")
"""


def test_a_snapshot_waits_for_a_writer_in_another_process(account: Server) -> None:
    with start(account, WRITER) as writer:
        assert hear(writer) == "writes"
        taker = """
            c = duckdb.connect("md:b?attach_mode=single")
            print("connected", flush=True)
            c.execute("CREATE SNAPSHOT after OF a")
            c.execute("CREATE DATABASE clone FROM a (SNAPSHOT_NAME 'after')")
            print(len(rows(c, "SELECT i FROM clone.t")), flush=True)
        """
        with start(account, taker, prelude=False) as snapshot:
            assert hear(snapshot) == "connected"
            time.sleep(0.5)
            assert snapshot.poll() is None, "it waits"
            say(writer)
            assert writer.wait(30) == 0
            assert hear(snapshot) == "3", "what was written until the end is in it"
            assert snapshot.wait(30) == 0


def test_a_snapshot_does_not_wait_forever(account: Server) -> None:
    seen = account.snapshots("a")
    with start(account, WRITER) as writer:
        assert hear(writer) == "writes"
        well(
            account,
            """
            c = duckdb.connect("md:b?attach_mode=single")
            assert "another client is writing" in refused(c, "CREATE SNAPSHOT never OF a", duckdb.TransactionException)
            """,
            prelude=False,
            MOTHERDUCK_DOUBLE_WAIT="0.3",
        )
        account.move_clock(timedelta(hours=1))
        assert account.snapshots("a") == seen, "half of what is being written is no snapshot"
        say(writer)
        assert writer.wait(30) == 0
    assert len(account.snapshots("a")) == len(seen) + 1


def test_the_clock(account: Server) -> None:
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    account.set_now(then)
    well(account, "c.execute('CREATE DATABASE late'); c.execute('CREATE TABLE late.t (i INT)')")
    made = [datetime.fromisoformat(one.created) for one in account.snapshots("late")]
    assert len(made) == 2
    assert all(then <= one < then + timedelta(minutes=5) for one in made)
    account.set_now(None)
    assert account.read().offset == 0


def test_many_processes_at_once_lose_no_row(account: Server) -> None:
    script = (
        "c.close(); c = duckdb.connect('md:a?attach_mode=single'); c.execute('INSERT INTO t VALUES (9)'); c.close()"
    )
    running = [start(account, script) for _ in range(6)]
    assert [process.wait(90) for process in running] == [0] * 6
    for process in running:
        process.communicate()
    well(account, "assert rows(c, 'SELECT count(*) FROM a.t WHERE i = 9') == [6]")


def test_the_line_is_lost_at_one_statement_across_processes(account: Server) -> None:
    account.lose_connection(2, "after", matching="^INSERT", scope="all")
    well(account, "c.execute('INSERT INTO a.t VALUES (2)')")
    well(account, "assert 'was lost' in refused(c, 'INSERT INTO a.t VALUES (3)', duckdb.IOException)")
    well(account, "c.execute('INSERT INTO a.t VALUES (4)')")
    assert account.find_connection() == 3
    assert account.find_connection() == 0
    well(account, "assert rows(c, 'SELECT i FROM a.t ORDER BY i') == [1, 2, 3, 4]")
    account.lose_connection(1, times=2, matching="connect")
    lost = "\ntry:\n    duckdb.connect('md:')\nexcept duckdb.IOException:\n    print('lost')\n"
    assert [well(account, lost, prelude=False).strip() for _ in range(3)] == ["lost", "lost", ""]


def test_a_replaced_database_is_seen_by_whoever_attaches_it_again(account: Server) -> None:
    with start(account, "print(len(rows(c, 'SELECT i FROM a.t')), flush=True); input()") as reader:
        assert hear(reader) == "1"
        well(account, "c.execute('CREATE DATABASE two'); c.execute('CREATE TABLE two.t AS SELECT 1 AS i, 2 AS j')")
        well(account, "c.execute('COPY FROM DATABASE two (OVERWRITE) TO a')", MOTHERDUCK_DOUBLE_WAIT="5")
        well(account, "assert rows(c, 'SELECT j FROM a.t') == [2]")
        say(reader)
        assert reader.wait(30) == 0
