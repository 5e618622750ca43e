"""Others write to MotherDuck while an operation asks, fails, or is repeated: nothing of theirs is ever lost unasked."""

from __future__ import annotations

import signal

import pytest

from sandbox import breaks
from tests.conftest import Sandbox, contents
from tests.faults.both_ways import journal_has, kill_when, wait_for_workers
from tests.motherduck.clients import well
from tests.pit.test_incidents import kept, leftovers, now
from tests.pit.test_plans import OURS, server
from tests.pit.test_questions import answered

FOR_GOOD = 1000
PLACES = ("databox", "raw_ebird")


def write(sandbox: Sandbox, *catalogs: str, table: str = "theirs") -> None:
    """Somebody else makes a table in catalogs of the account."""
    for catalog in catalogs:
        well(server(sandbox), f'c.execute("CREATE TABLE {catalog}.main.{table} AS SELECT 1 AS x")')


def holds(sandbox: Sandbox, database: str, table: str = "theirs") -> bool:
    """Whether a database of the account, a clone perhaps, has such a table."""
    look = f"SELECT count(*) FROM duckdb_tables() WHERE database_name = '{database}' AND table_name = '{table}'"
    return well(server(sandbox), f'print(one(c, "{look}"))').strip() == "1"


def others(sandbox: Sandbox) -> set[str]:
    """Databases of the account besides the stack's own."""
    return set(server(sandbox).databases()) - OURS


@pytest.mark.rehearsal
@pytest.mark.parametrize(("answer", "code"), [("n\n", 3), ("y\n", 4)], ids=["no", "yes"])
def test_what_is_written_while_the_cut_is_asked_for_stays(remote_sandbox: Sandbox, answer: str, code: int) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    before = contents(remote_sandbox.folder)
    ended, seen = answered(remote_sandbox, "y\n", answer, meanwhile=lambda: write(remote_sandbox, *PLACES))
    assert ended == code, seen
    after = contents(remote_sandbox.folder)
    assert set(after) - set(before) == {f"md:{catalog}/main.theirs" for catalog in PLACES}
    assert before.items() <= after.items()
    assert "every catalog holds what it held" not in seen
    assert "md:databox, md:raw_ebird as somebody else has written it meanwhile" in " ".join(seen.split())
    assert others(remote_sandbox) == set()


@pytest.mark.rehearsal
def test_what_is_written_after_the_cut_is_kept_when_everything_is_put_back(remote_sandbox: Sandbox) -> None:
    """What the operation itself has brought needs no clone; what somebody has added to it does."""
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    before = remote_sandbox.hashes()

    def written() -> bool:
        if not journal_has(remote_sandbox, "drift"):
            return False
        write(remote_sandbox, "raw_usgs")
        return True

    code, told = kill_when(remote_sandbox, ("ops.restore", "--snapshot=nightly", "--yes"), written, signal.SIGTERM)
    assert (code, told["status"]) == (4, "put_back")
    assert remote_sandbox.hashes() == before
    aside = f"raw_usgs__aside_{told['operation']}"
    assert others(remote_sandbox) == {aside}
    assert holds(remote_sandbox, aside)


@pytest.mark.rehearsal
def test_a_rollback_that_is_repeated_keeps_what_came_in_between(remote_sandbox: Sandbox) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    before, there = remote_sandbox.hashes(), server(remote_sandbox)
    restored = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    operation = restored.document["operation"]
    there.lose_connection(1, times=FOR_GOOD, matching="SET SNAPSHOT")
    failed = remote_sandbox.invoke("ops.rollback", operation, "--yes")
    assert failed.code == 5, failed.err
    there.find_connection()
    write(remote_sandbox, *PLACES)
    undone = remote_sandbox.invoke("ops.rollback", operation, "--yes", json_output=False)
    assert undone.code == 0, undone.err
    assert remote_sandbox.hashes() == before
    for catalog in PLACES:
        names = [name for name in others(remote_sandbox) if name.startswith(f"{catalog}__aside_{operation}")]
        found = [name for name in names if holds(remote_sandbox, name)]
        assert len(found) == 1, names
        assert f"md:{found[0]}" in undone.out


@pytest.mark.rehearsal
def test_killed_in_the_cut_of_a_moment_in_place(remote_sandbox: Sandbox) -> None:
    moment = now()
    breaks.apply("mass-delete", remote_sandbox.folder)
    breaks.apply("wrong-restate", remote_sandbox.folder)
    write(remote_sandbox, "raw_usgs")
    before, there = remote_sandbox.hashes(), server(remote_sandbox)

    def half_cut() -> bool:
        return sum("SET SNAPSHOT" in line for line in there.statements()) >= 2

    kill_when(remote_sandbox, ("ops.restore", f"--at={moment}", "--in-place", "--yes"), half_cut)
    wait_for_workers(remote_sandbox.folder)
    operation = remote_sandbox.last_operation()
    assert (operation["status"], operation["step"]) == ("stopped", "cut")
    retried = remote_sandbox.invoke("ops.retry", operation["operation"], "--yes")
    assert retried.code == 0, retried.err
    assert remote_sandbox.differences() == []
    assert leftovers(remote_sandbox.folder) == []
    undone = remote_sandbox.invoke("ops.rollback", operation["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert remote_sandbox.hashes() == before
