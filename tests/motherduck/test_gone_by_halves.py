"""A prune, a verification or a snapshot that ends in the middle: what MotherDuck keeps is nobody else's, and known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.errors import OpsError
from ops_tasks.scenarios import watching
from ops_tasks.scenarios.pruning import Prune, plan_prune, prune
from ops_tasks.sections import WatchKeepSection
from ops_tasks.stack import Stack, find
from ops_tasks.systems import retention, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.retention import Policy
from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server
from tests.motherduck.clients import well
from tests.systems.conftest import small_stack

CATALOGS = ["databox", "raw"]
FOR_GOOD = 1000
Opened = Callable[[str], Server]

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """The small stack on MotherDuck; its account comes with `opened`."""
    made = small_stack(tmp_path / "stack")
    text = made.file.read_text(encoding="utf-8").replace("ops:\n", "ops:\n  backend: motherduck\n", 1)
    made.file.write_text(text, encoding="utf-8")
    return find(made.root)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """`opened(plan)`: the stack's catalogs at the double of the service, on that plan."""

    def account(plan: str) -> Server:
        made = service.create(tmp_path / "account", plan=plan)
        for name in CATALOGS:
            made.add_database(name)
        for name, value in service.environment(made.folder).items():
            monkeypatch.setenv(name, value)
        return made

    return account


def held(account: Server) -> set[str]:
    """What snapshots keep there: named ones, and clones."""
    named = {one.name for one in account.read().snapshots if one.name}
    return named | set(account.databases()) - set(CATALOGS)


def gone(stack: Stack, keep: int) -> Prune:
    """Prune down to the newest ones."""
    planned = plan_prune(stack, Policy(last=keep))
    prune(stack, planned)
    return planned


def names(stack: Stack) -> list[str]:
    return [one.name for one in snapshots.every(stack)]


def folders(stack: Stack) -> list[str]:
    return sorted(path.name for path in (stack.home / "snapshots").iterdir())


def take(stack: Stack, *taken: str) -> None:
    for name in taken:
        snapshots.create(stack, name, why="a test")


def test_a_prune_that_was_killed_takes_nothing_from_a_new_snapshot_of_that_name(
    stack: Stack, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = opened("lite")
    take(stack, "first", "second")

    def killed(_folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(retention.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            gone(stack, 1)
    assert folders(stack) == [".first.removing", "second"]
    take(stack, "first")
    kept = held(account)
    assert [folder.name for folder in gone(stack, 9).leftovers] == [".first.removing"]
    assert held(account) == kept
    assert snapshots.verify(stack, "first") == []
    assert folders(stack) == ["first", "second"]


@pytest.mark.parametrize("plan", ["lite", "business"])
def test_what_is_given_up_already_is_not_taken_from_a_new_snapshot_of_that_name(
    stack: Stack, opened: Opened, plan: str
) -> None:
    """Killed between giving it up and its manifest; on Business an unchanged catalog has the same snapshot again."""
    account = opened(plan)
    take(stack, "first")
    folder = snapshots.folder_of(stack, "first")
    snapshots.give_up(stack, folder)
    assert held(account) == set()
    folder.rename(folder.with_name(".first.removing"))
    take(stack, "first")
    kept = held(account)
    gone(stack, 9)
    assert held(account) == kept
    assert snapshots.verify(stack, "first") == []
    assert folders(stack) == ["first"]
    snapshots.give_up(stack, folder)
    assert held(account) == set(), "its own it does give up"


@pytest.mark.parametrize(("plan", "statement"), [("lite", 1), ("lite", 2), ("business", 2)])
def test_a_connection_lost_in_a_prune_leaves_no_half_snapshot_under_its_name(
    stack: Stack, opened: Opened, plan: str, statement: int
) -> None:
    account = opened(plan)
    take(stack, "first", "second")
    before = held(account)
    account.lose_connection(statement, times=FOR_GOOD, matching="^(DROP|ALTER)")
    with pytest.raises(OpsError, match="cannot be reached"):
        gone(stack, 1)
    account.find_connection()
    assert len(before - held(account)) == statement - 1
    assert names(stack) == ["second"]
    assert [folder.name for folder in gone(stack, 9).leftovers] == [".first.removing"]
    assert len(held(account)) == len(CATALOGS)
    assert snapshots.verify(stack, "second") == []


def test_a_half_made_snapshot_is_given_up_under_its_name_and_a_drill_is_no_snapshot(
    stack: Stack, opened: Opened
) -> None:
    account = opened("lite")
    take(stack, "drill-1", "gone")
    made = snapshots.folder_of(stack, "gone")
    (made / "manifest.json").unlink()
    half, drill = made.rename(made.with_name(".gone.making")), stack.home / "drill-1"
    drill.mkdir()
    for folder in (half, drill):
        os.utime(folder, (0, 0))
    assert [folder.name for folder in gone(stack, 9).leftovers] == [drill.name, half.name]
    assert held(account) == {f"{name}__drill-1" for name in CATALOGS}
    assert snapshots.verify(stack, "drill-1") == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP DATABASE raw__second", "md:raw: MotherDuck does not have it any more"),
        ("INSERT INTO raw__second.main.t VALUES (2)", "md:raw is not what was kept"),
    ],
)
def test_damage_at_motherduck_is_written_down_with_the_snapshot(
    stack: Stack, opened: Opened, statement: str, problem: str
) -> None:
    account = opened("lite")
    well(account, "c.execute('CREATE TABLE raw.main.t AS SELECT 1 AS i')")
    take(stack, "first", "second")
    well(account, f"c.execute({statement!r})")
    assert snapshots.verify(stack, "second", note=False) == ([problem] if "DROP" in statement else [])
    assert [one.name for one in snapshots.trusted(stack)] == ["first", "second"], "a plan writes nothing down"
    (snapshots.folder_of(stack, "second") / "files" / "data" / "dlt" / "ebird" / "state.json").unlink()
    assert snapshots.verify(stack, "second") == [problem, "data/dlt/ebird/state.json is missing"]
    assert [one.name for one in snapshots.trusted(stack)] == ["first"]
    assert snapshots.get(stack, "second").problems[0] == problem
    assert gone(stack, 1).going == ("second",)
    assert names(stack) == ["first"]


@pytest.mark.parametrize("by", ["a person", "a timer"])
def test_a_snapshot_that_motherduck_has_lost_takes_no_whole_one_s_place(stack: Stack, opened: Opened, by: str) -> None:
    account = opened("lite")
    first, second = ("watch_20260101_000000", "watch_20260101_000001") if by == "a timer" else ("first", "second")
    take(stack, first, second)
    well(account, f"c.execute('DROP DATABASE raw__{second}')")
    keep = WatchKeepSection(last=1, hourly=0, daily=0, weekly=0)
    planned = watching.plan_forget(stack, keep) if by == "a timer" else plan_prune(stack, Policy(last=1))
    assert planned.going == (second,)
    assert [(one.name, one.damaged) for one in planned.decisions] == [(second, True), (first, False)]
    assert snapshots.get(stack, second).problems == (), "a plan writes nothing down"


@pytest.mark.parametrize("then", ["tried again", "pruned"])
@pytest.mark.parametrize(("plan", "statement"), [("lite", 3), ("business", 2)])
def test_a_connection_lost_while_a_snapshot_is_taken_leaves_nothing_that_nobody_knows_of(
    stack: Stack, opened: Opened, plan: str, statement: int, then: str
) -> None:
    account = opened(plan)
    account.lose_connection(statement, times=FOR_GOOD, matching="^(CREATE|DROP|ALTER|USE)")
    with pytest.raises(OpsError, match="cannot be reached"):
        take(stack, "first")
    account.find_connection()
    assert len(held(account)) == 1, "of the first catalog"
    assert names(stack) == []
    half = stack.home / "snapshots" / ".first.making"
    assert [path for path in half.rglob("*") if path.is_file()] == [], "it takes no room"
    if then == "tried again":
        take(stack, "first")
        assert snapshots.verify(stack, "first") == []
        assert len(held(account)) == len(CATALOGS)
        assert folders(stack) == ["first"]
    else:
        os.utime(half, (0, 0))
        assert [folder.name for folder in gone(stack, 1).leftovers] == [half.name]
        assert held(account) == set()
        assert folders(stack) == []


def test_a_snapshot_that_has_its_name_keeps_what_it_has_at_motherduck(
    stack: Stack, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened("lite")
    call = Crew.call

    def interrupted(self: Crew, name: str, function: str, *args: Any, **arguments: Any) -> Any:
        answer = call(self, name, function, *args, **arguments)
        if function == "publish":
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Crew, "call", interrupted)
        with pytest.raises(KeyboardInterrupt):
            take(stack, "first")
    assert snapshots.verify(stack, "first") == []
    assert folders(stack) == ["first"]
