"""Others write to MotherDuck while an operation asks, fails, or is repeated: nothing of theirs is ever lost unasked."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ops_tasks.stack import find
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.backends import Kept
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.motherduck import MotherDuck
from sandbox import breaks, stacks
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


@pytest.mark.rehearsal
def test_what_is_written_between_the_last_look_and_the_cut_is_kept_and_told(
    remote_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    for name, value in stacks.environment(remote_sandbox.folder).items():
        monkeypatch.setenv(name, value)
    stack = find(str(remote_sandbox.folder))
    kept(remote_sandbox, "present")
    looked = MotherDuck._refuse_changed  # pyright: ignore[reportPrivateUsage]

    def looked_and_written(backend: MotherDuck, names: list[str], hands: Crew, over: Kept) -> None:
        looked(backend, names, hands, over)
        write(remote_sandbox, "raw_ebird")

    monkeypatch.setattr(MotherDuck, "_refuse_changed", looked_and_written)
    said: list[str] = []
    with Crew(stack.root) as hands:
        nightly, present = (snapshots.get(stack, name).kept for name in ("nightly", "present"))
        quarantine = tmp_path / "0a1b2c" / "aside"
        done = backends.of(stack).restore(
            nightly, quarantine, hands, said.append, consume=False, only=None, over=present
        )
    assert done["overwritten"] == ["md:raw_ebird__aside_0a1b2c"]
    assert any("somebody has written to raw_ebird in the moment of the cut" in line for line in said)
    assert holds(remote_sandbox, "raw_ebird__aside_0a1b2c")
    assert {name for name in others(remote_sandbox) if "aside" in name} == {"raw_ebird__aside_0a1b2c"}
    assert not holds(remote_sandbox, "raw_ebird")


@pytest.mark.rehearsal
@pytest.mark.parametrize("more", [True, False], ids=["the stack has one more", "the snapshot has one more"])
def test_a_database_that_only_one_of_them_knows_is_not_left_at_another_age(remote_sandbox: Sandbox, more: bool) -> None:
    well(server(remote_sandbox), 'c.execute("CREATE DATABASE raw_new")')
    file = remote_sandbox.folder / "invoke.yaml"
    few = file.read_text(encoding="utf-8")
    many = few.replace(
        "    raw_usgs: data/raw_usgs.duckdb\n", "    raw_usgs: data/raw_usgs.duckdb\n    raw_new: new.db\n"
    )
    assert many != few
    file.write_text(few if more else many, encoding="utf-8")
    kept(remote_sandbox)
    file.write_text(many if more else few, encoding="utf-8")
    refused = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--plan")
    assert refused.code == 3, refused.err
    reasons = [found["reason"] for found in refused.document["findings"]]
    told = "is not in nightly: its age would differ" if more else "of nightly is no database of the stack any more"
    assert any(reason.startswith("md:raw_new") and told in reason for reason in reasons), reasons
