"""A bad write on either backend: recovered to the truth, rolled back to the present that was kept, recovered again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import account, breaks
from tests.conftest import Sandbox
from tests.faults.both_ways import check_both, check_every, kill_when

INCIDENTS = ["mass-delete", "wrong-restate", "dropped-table", "dropped-schema"]
LEFT = ("__past_", "__check_", "__look_", "__loaded_")


def now() -> str:
    """This instant, as a person writes it."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"


def leftovers(folder: Path) -> list[str]:
    """Databases at MotherDuck that an operation has made for its own use."""
    found = account.of(folder)
    return [] if found is None else [name for name in account.opened(found).databases() if any(w in name for w in LEFT)]


def kept(sandbox: Sandbox, name: str = "nightly") -> None:
    """A stack with a snapshot."""
    taken = sandbox.invoke("snapshot.create", f"--name={name}")
    assert taken.code == 0, taken.err


def what_is_lost(sandbox: Sandbox) -> dict[str, Any]:
    """What the last restore found to differ."""
    file = max(sandbox.folder.glob(".ops/operations/*/difference.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(file.read_text(encoding="utf-8"))


def there_and_back(sandbox: Sandbox, broken: dict[str, str], *words: str) -> None:
    """Restored to the truth, rolled back to what was broken, restored again."""
    restored = sandbox.invoke("ops.restore", *words, "--yes")
    assert restored.code == 0, restored.err
    assert sandbox.differences() == []
    undone = sandbox.invoke("ops.rollback", restored.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert sandbox.hashes() == broken
    again = sandbox.invoke("ops.restore", *words, "--yes")
    assert again.code == 0, again.err
    assert sandbox.differences() == []
    assert leftovers(sandbox.folder) == []


@pytest.mark.rehearsal
@pytest.mark.parametrize("incident", INCIDENTS)
def test_from_a_snapshot_and_back_and_again(both: Sandbox, incident: str) -> None:
    kept(both)
    breaks.apply(incident, both.folder)
    broken = both.hashes()
    assert both.differences()
    there_and_back(both, broken, "--snapshot=nightly")


@pytest.mark.parametrize("both", ["local", pytest.param("motherduck", marks=pytest.mark.rehearsal)], indirect=True)
def test_a_mass_delete_and_what_the_cut_changes(both: Sandbox) -> None:
    kept(both)
    moment = now()
    broken = breaks.apply("mass-delete", both.folder)
    restored = both.invoke("ops.restore", f"--at={moment}", "--yes")
    assert restored.code == 0, restored.err
    assert both.differences() == []
    assert leftovers(both.folder) == []
    raw = what_is_lost(both)["raw_ebird.main.observations"]
    assert raw["added"] and not raw["removed"] and not raw["changed"]
    assert set(raw["days"]) == {str(day) for day in broken.days}
    assert raw["after"] == raw["before"] + raw["added"]


@pytest.mark.rehearsal
def test_in_place(both: Sandbox) -> None:
    kept(both)
    breaks.apply("mass-delete", both.folder)
    there_and_back(both, both.hashes(), "--snapshot=nightly", "--in-place")


@pytest.mark.rehearsal
@pytest.mark.parametrize("incident", INCIDENTS)
def test_what_motherduck_remembers_by_itself(remote_sandbox: Sandbox, incident: str) -> None:
    moment = now()
    breaks.apply(incident, remote_sandbox.folder)
    there_and_back(remote_sandbox, remote_sandbox.hashes(), f"--at={moment}")


@pytest.mark.rehearsal
def test_killed_at_every_step_on_motherduck(remote_sandbox: Sandbox) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    steps = ["snapshot", "clone", "examine", "contracts of the past", "differ", "cut"]
    later = [("done", "cut"), ("started", "rows"), ("started", "drift"), ("done", "seal")]
    moments = [*(("started", step) for step in steps), *later]
    words = ("ops.restore", "--snapshot=nightly", "--yes")
    check_every(remote_sandbox, remote_sandbox.hashes(), words, moments)
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
def test_killed_while_the_present_is_kept(remote_sandbox: Sandbox) -> None:
    kept(remote_sandbox)
    breaks.apply("mass-delete", remote_sandbox.folder)
    before, there = remote_sandbox.hashes(), account.opened(account.of(remote_sandbox.folder) or remote_sandbox.folder)

    def names_are_given() -> bool:
        return any("'pre_restore_" in line and '"raw_usgs"' in line for line in there.statements())

    kill_when(remote_sandbox, ("ops.restore", "--snapshot=nightly", "--yes"), names_are_given)
    assert remote_sandbox.last_operation()["step"] == "snapshot"
    check_both(remote_sandbox, before)
    assert leftovers(remote_sandbox.folder) == []


@pytest.mark.rehearsal
def test_killed_on_the_way_to_a_moment_without_a_snapshot(remote_sandbox: Sandbox) -> None:
    moment = now()
    breaks.apply("wrong-restate", remote_sandbox.folder)
    moments = [("started", step) for step in ("clone", "cut", "rewind", "mend")]
    words = ("ops.restore", f"--at={moment}", "--yes")
    check_every(remote_sandbox, remote_sandbox.hashes(), words, moments)


def remembered(folder: Path) -> list[str]:
    """Every database and snapshot at MotherDuck."""
    found = account.of(folder)
    if found is None:
        return []
    server = account.opened(found)
    server.capture_all()
    catalog = server.read()
    return sorted([one.name for one in catalog.databases] + [one.id for one in catalog.snapshots])


@pytest.mark.rehearsal
def test_a_plan_writes_nothing(both: Sandbox) -> None:
    kept(both)
    breaks.apply("dropped-view", both.folder)
    before = both.hashes()
    first = remembered(both.folder)
    for words in (["--snapshot=nightly"], [f"--at={now()}"], ["--snapshot=nightly", "--in-place"]):
        planned = both.invoke("ops.restore", *words, "--plan")
        assert planned.code == 0, planned.err
        assert "foreseen" in planned.document or "ebird.fct_daily_bird_observations" in planned.document["differs"]
    assert both.hashes() == before
    assert remembered(both.folder) == first
