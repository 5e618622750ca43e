"""The connection to MotherDuck is lost at one statement after the other: tried again, or put back, never in between."""

from __future__ import annotations

import pytest

from sandbox import breaks
from sandbox.motherduck.server import Server
from tests.conftest import Sandbox
from tests.pit.test_incidents import kept, leftovers
from tests.pit.test_plans import OURS, names, server

FOR_GOOD = 1000


def counted(there: Server) -> int:
    """How many commands were sent since the last call; begins to count anew."""
    seen = there.find_connection()
    there.lose_connection(FOR_GOOD)
    return seen


def restored(sandbox: Sandbox) -> int:
    """Restore, and roll back again when that has succeeded; returns the exit code."""
    ran = sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    if ran.code == 0:
        assert sandbox.differences() == []
        server(sandbox).find_connection()
        undone = sandbox.invoke("ops.rollback", ran.document["operation"], "--yes")
        assert undone.code == 0, undone.err
    return ran.code


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_snapshot_while_the_line_is_bad(remote_sandbox: Sandbox, when: str) -> None:
    there = server(remote_sandbox)
    counted(there)
    kept(remote_sandbox, "whole")
    statements = counted(there)
    assert statements >= 2 * len(OURS)
    for number in (1, len(OURS), statements // 2, statements):
        there.lose_connection(number, when)
        taken = remote_sandbox.invoke("snapshot.create", f"--name=taken_{number}")
        assert taken.code == 0, (number, taken.err)
        there.find_connection()
        assert remote_sandbox.invoke("snapshot.verify", f"--name=taken_{number}").code == 0
    assert leftovers(remote_sandbox.folder) == []


def test_no_line_at_all(remote_sandbox: Sandbox) -> None:
    before, there = remote_sandbox.hashes(), server(remote_sandbox)
    there.lose_connection(1, times=FOR_GOOD)
    taken = remote_sandbox.invoke("snapshot.create", "--name=never")
    assert taken.code == 5, taken.err
    assert "cannot be reached" in taken.document["findings"][0]["reason"]
    there.find_connection()
    assert remote_sandbox.hashes() == before
    assert names(remote_sandbox) == set()
    assert set(there.databases()) == OURS


@pytest.mark.rehearsal
@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_once_at_every_statement_of_a_restore(remote_sandbox: Sandbox, when: str) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    broken, there = remote_sandbox.hashes(), server(remote_sandbox)
    counted(there)
    assert remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--plan").code == 0
    planned = counted(there)
    ran = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    statements = counted(there)
    assert remote_sandbox.invoke("ops.rollback", ran.document["operation"], "--yes").code == 0
    assert statements > planned
    for number in range(planned + 1, statements + 1, 3):
        there.lose_connection(number, when)
        assert restored(remote_sandbox) in (0, 4), number
        there.find_connection()
        assert remote_sandbox.hashes() == broken, number
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
@pytest.mark.parametrize("part", [1 / 4, 2 / 4, 3 / 4])
def test_lost_for_good_in_the_middle_of_a_restore(remote_sandbox: Sandbox, part: float) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    broken, there = remote_sandbox.hashes(), server(remote_sandbox)
    counted(there)
    ran = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    statements = counted(there)
    assert remote_sandbox.invoke("ops.rollback", ran.document["operation"], "--yes").code == 0
    there.lose_connection(max(1, round(statements * part)), times=FOR_GOOD)
    ended = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    assert ended.code in (4, 5), ended.err
    there.find_connection()
    if ended.code == 4:
        assert remote_sandbox.hashes() == broken
        return
    operation = remote_sandbox.last_operation()
    if operation["status"] == "stopped":
        undone = remote_sandbox.invoke("ops.rollback", operation["operation"], "--yes")
        assert undone.code == 0, undone.err
    assert remote_sandbox.hashes() == broken
