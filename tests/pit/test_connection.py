"""The connection to MotherDuck is lost at one statement after the other: tried again, or put back, never in between."""

from __future__ import annotations

import os
import sys

import pytest

from ops_tasks.stack import find
from sandbox import breaks, stacks
from sandbox.motherduck.server import Server
from tests.conftest import Sandbox, finish
from tests.pit.test_incidents import kept, leftovers
from tests.pit.test_plans import OURS, names, server

FOR_GOOD, STRIDE = 1000, 4
BELOW = """
import sys
from pathlib import Path
from ops_tasks.stack import find
from ops_tasks.systems import snapshots
stack, name = find(sys.argv[1]), sys.argv[2]
snapshots.create(stack, name, why="a test")
with snapshots.crew_of(stack, None) as hands:
    put = {"databox": snapshots.get(stack, name).manifest["points"]["databox"]}
    assert hands.call("motherduck", "put", points=put) == ["databox"]
snapshots.restore(stack, name, Path(stack.home) / "aside", consume=False)
snapshots.give_up(stack, snapshots.folder_of(stack, name))
"""


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


@pytest.mark.rehearsal
def test_a_snapshot_while_the_line_is_bad(remote_sandbox: Sandbox) -> None:
    there = server(remote_sandbox)
    counted(there)
    kept(remote_sandbox, "whole")
    statements = counted(there)
    assert statements >= 2 * len(OURS)
    for number, when in ((1, "before"), (len(OURS), "after"), (statements, "before")):
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
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("when", "first"), [("before", 1), ("after", 3)])
def test_lost_once_at_a_statement_of_a_snapshot_and_its_way_back(
    remote_sandbox: Sandbox, when: str, first: int
) -> None:
    """What every operation is made of, below the command line; `OPS_EVERY_STATEMENT=1` leaves no statement out."""
    stride = 1 if os.environ.get("OPS_EVERY_STATEMENT") else STRIDE
    there, stack = server(remote_sandbox), find(remote_sandbox.folder)
    before = remote_sandbox.hashes()
    program = [sys.executable, "-c", BELOW, str(stack.file.parent)]
    counted(there)
    assert finish([*program, "whole"], env=stacks.environment(stack.root)).code == 0
    statements = counted(there)
    assert statements > 4 * len(OURS)
    for number in range(1 if stride == 1 else first, statements + 1, stride):
        there.lose_connection(number, when)
        done = finish([*program, f"taken_{number}"], env=stacks.environment(stack.root))
        assert done.code == 0, (number, done.err)
        there.find_connection()
    assert remote_sandbox.hashes() == before
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_lost_once_in_a_restore(remote_sandbox: Sandbox, part: float) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    broken, there = remote_sandbox.hashes(), server(remote_sandbox)
    counted(there)
    ran = remote_sandbox.invoke("ops.restore", "--snapshot=nightly", "--yes")
    statements = counted(there)
    assert remote_sandbox.invoke("ops.rollback", ran.document["operation"], "--yes").code == 0
    there.lose_connection(round(statements * part), "after")
    assert restored(remote_sandbox) in (0, 4)
    there.find_connection()
    assert remote_sandbox.hashes() == broken
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
@pytest.mark.parametrize("part", [0.5, 0.75])
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
