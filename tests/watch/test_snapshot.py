"""`watch.snapshot` from the command line, on small databases: what it takes, and what it removes again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ops_tasks.operation import lock
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.scenarios.watching import OWN
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from tests.systems.conftest import Writing, small_stack
from tests.watch.conftest import Invoke, keep

Aged = Callable[..., str]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real snapshot, whose copies are as good under any other name."""
    return snapshots.create(small_stack(tmp_path_factory.mktemp("taken") / "stack"), "taken", why="a test").folder


@pytest.fixture
def aged(small: Stack, taken: Path) -> Aged:
    """`aged(hours)` is one of watch.snapshot's own; `aged(hours, name)` one of another name."""

    def make(hours: float, name: str = "") -> str:
        then = datetime.now(UTC) - timedelta(hours=hours)
        name = name or f"watch_{then:%Y%m%d_%H%M%S}"
        file = shutil.copytree(taken, snapshots.folder_of(small, name)) / "manifest.json"
        manifest = json.loads(file.read_text(encoding="utf-8")) | {"created_at": then.isoformat()}
        file.write_text(json.dumps(manifest), encoding="utf-8")
        return name

    return make


def names(stack: Stack) -> list[str]:
    return [one.name for one in snapshots.every(stack)]


def everything(stack: Stack) -> dict[str, str]:
    files = [path for path in sorted(stack.root.rglob("*")) if path.is_file()]
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in files}


def broken(stack: Stack) -> None:
    with stack.databases["raw"].open("r+b") as file:
        file.seek(3 * 4096 + 100)
        file.write(b"\xff" * 16)


def test_it_is_taken_named_verified_and_says_why(small: Stack, invoke: Invoke) -> None:
    told = invoke(small, "watch.snapshot")
    assert told.code == 0, told.err
    (one,) = snapshots.every(small)
    assert OWN.fullmatch(one.name)
    assert (one.name, one.why) == (told.document["name"], "taken by watch.snapshot")
    assert one.verified_at is not None
    assert abs(datetime.strptime(one.name, "watch_%Y%m%d_%H%M%S").replace(tzinfo=UTC) - one.created_at) < timedelta(
        minutes=1
    )
    assert invoke(small, "snapshot.verify", "--all").code == 0


def test_two_within_a_second_have_two_names(small: Stack, invoke: Invoke) -> None:
    keep(small, "last: 5")
    assert [invoke(small, "watch.snapshot").code for _ in range(3)] == [0, 0, 0]
    assert len(set(names(small))) == 3


def test_only_its_own_are_removed_and_not_those_that_are_needed(small: Stack, invoke: Invoke, aged: Aged) -> None:
    old, pinned, needed = aged(50), aged(49), aged(48)
    for name in ("by_hand", "watch_by_hand", "pre_watch_20260101_000000"):
        aged(60, name)
    assert invoke(small, "snapshot.keep", pinned, "--why=audit").code == 0
    journal = Journal(operations(small.home) / "abc123")
    journal.append("planned", task="ops.restore", title="x", arguments={"snapshot": needed})
    journal.append("succeeded")

    told = invoke(small, "watch.snapshot")

    assert told.code == 0, told.err
    assert told.document["remove"] == [old]
    stays = {pinned, needed, "by_hand", "watch_by_hand", "pre_watch_20260101_000000", told.document["name"]}
    assert set(names(small)) == stays
    assert told.document["keep"][pinned] == ["kept"]
    assert told.document["keep"][needed] == ["operation abc123 (its undo)"]


def test_without_a_word_it_keeps_hours_days_and_weeks(small: Stack, invoke: Invoke, aged: Aged) -> None:
    small.file.write_text(small.file.read_text(encoding="utf-8").split("  watch:")[0], encoding="utf-8")
    for hours in range(1, 60):
        aged(hours)
    for weeks in range(1, 9):
        aged(weeks * 7 * 24 + 0.01)
    told = invoke(small, "watch.snapshot")
    assert told.code == 0, told.err
    reasons = [reason for one in told.document["keep"].values() for reason in one]
    counts = {word: reasons.count(word) for word in ("last", "hourly", "daily", "weekly", "monthly")}
    assert counts == {"last": 3, "hourly": 24, "daily": 7, "weekly": 4, "monthly": 0}
    assert len(names(small)) == len(told.document["keep"]) < 40


def test_a_damaged_one_takes_no_whole_ones_hour(small: Stack, invoke: Invoke, aged: Aged) -> None:
    keep(small, "last: 0, hourly: 2, daily: 0, weekly: 0")
    damaged, whole = aged(2), aged(5)
    (snapshots.folder_of(small, damaged) / "damaged.json").write_text('{"problems": ["rot"]}', encoding="utf-8")
    told = invoke(small, "watch.snapshot")
    assert told.document["remove"] == [damaged]
    assert whole in names(small)


@pytest.mark.parametrize(("age", "skips"), [("50", True), ("31", True), ("30", False), ("29", False), ("1440", True)])
def test_a_young_one_is_enough(small: Stack, invoke: Invoke, aged: Aged, age: str, skips: bool) -> None:
    young = aged(0.5, "by_hand")
    told = invoke(small, "watch.snapshot", f"--min-minutes={age}")
    assert told.code == 0, told.err
    assert (told.document["fresh"] == young) == skips
    assert len(names(small)) == 2 - skips
    assert ("by_hand is 30 minutes old: nothing to do" in told.err) == skips


def test_one_that_is_damaged_or_of_the_future_is_not_enough(small: Stack, invoke: Invoke, aged: Aged) -> None:
    (snapshots.folder_of(small, aged(0.1, "damaged")) / "damaged.json").write_text('{"problems": ["rot"]}')
    aged(-5, "from_tomorrow")
    assert invoke(small, "watch.snapshot", "--min-minutes=60").document["fresh"] is None
    assert len(names(small)) == 3


@pytest.mark.parametrize("age", ["50m", "0", "-1", "1.5", "soon", "5_0", "٥٠", "9999999"])
def test_a_bad_age_is_one_line(small: Stack, invoke: Invoke, age: str) -> None:
    told = invoke(small, "watch.snapshot", f"--min-minutes={age}")
    assert told.code == 2
    assert told.err.splitlines()[0] == f"✗ --min-minutes: {age!r} is no number of minutes"
    assert names(small) == []


def test_busy_takes_nothing_and_removes_nothing(small: Stack, invoke: Invoke, aged: Aged, writing: Writing) -> None:
    before = [aged(50), aged(49)]
    with lock.held(small.home, "ops.backfill", "abc123"):
        told = invoke(small, "watch.snapshot")
    assert (told.code, told.document["status"]) == (6, "busy")
    assert f"ops.backfill abc123 is running (PID {os.getpid()})" in told.err
    with writing(small.databases["raw"], "INSERT INTO t VALUES (1, 2)") as process:
        told = invoke(small, "watch.snapshot")
    assert told.code == 6
    assert f"PID {process.pid}" in told.err
    assert names(small) == before


def test_a_reader_may_stay(small: Stack, invoke: Invoke) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(small.databases["raw"])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        planned = invoke(small, "watch.snapshot", "--plan")
        told = invoke(small, "watch.snapshot")
        reader.kill()
    assert f"PID {reader.pid} has raw.duckdb open" in planned.err
    assert (told.code, names(small)) == (0, [told.document["name"]])


def test_when_none_can_be_taken_none_is_removed(small: Stack, invoke: Invoke, aged: Aged) -> None:
    before = [aged(50), aged(49)]
    broken(small)
    told = invoke(small, "watch.snapshot")
    assert (told.code, told.document["status"]) == (3, "refused")
    assert names(small) == before
    assert [path.name for path in (small.home / "snapshots").iterdir() if path.name not in before] == []


def test_a_stopped_operation_is_left_to_a_person(small: Stack, invoke: Invoke, aged: Aged) -> None:
    before = [aged(50), aged(49)]
    journal = Journal(operations(small.home) / "abc123")
    journal.append("planned", task="ops.restore", title="x", arguments={"snapshot": before[0]})
    journal.append("failed")
    told = invoke(small, "watch.snapshot")
    assert told.code == 5
    assert "operation abc123 (x) stopped" in told.err
    assert names(small) == before


def test_what_cannot_be_removed_is_told_and_the_snapshot_stays(small: Stack, invoke: Invoke, aged: Aged) -> None:
    old = aged(50)
    (small.home / "snapshots" / f".{old}.removing").write_text("a file in its way", encoding="utf-8")
    told = invoke(small, "watch.snapshot")
    assert (told.code, told.document["status"]) == (1, "findings")
    new = told.document["name"]
    assert f"{new} is taken, but the old ones could not be removed" in told.document["findings"][0]["reason"]
    assert f"{new} is taken" in told.err
    assert names(small) == [old, new]


def test_what_a_killed_run_has_left_goes_after_a_day(small: Stack, invoke: Invoke) -> None:
    home = small.home / "snapshots"
    own, young, others = (
        home / f".{name}.making" for name in ("watch_20260101_000000", "watch_20260101_000001", "pre_x")
    )
    for folder in (own, young, others):
        (folder / "files").mkdir(parents=True)
    then = datetime.now(UTC).timestamp() - 2 * 86_400
    for folder in (own, others):
        os.utime(folder, (then, then))
    assert invoke(small, "watch.snapshot").document["leftovers"] == [own.name]
    assert (own.exists(), young.exists(), others.exists()) == (False, True, True)


def test_a_plan_shows_all_of_it_and_changes_nothing(small: Stack, invoke: Invoke, aged: Aged) -> None:
    old = aged(50)
    before = everything(small)
    told = invoke(small, "watch.snapshot", "--plan")
    assert told.code == 0, told.err
    assert told.document["remove"] == [old]
    assert "newest verified" in told.document["keep"][told.document["name"]]
    assert everything(small) == before


@pytest.mark.parametrize(
    ("policy", "said"),
    [("last: -1", "ops.watch.keep.last"), ("yearly: 1", "ops.watch.keep.yearly"), ("within: soon", "is no duration")],
)
def test_a_bad_policy_is_told_with_its_line(small: Stack, invoke: Invoke, policy: str, said: str) -> None:
    keep(small, policy)
    told = invoke(small, "watch.snapshot")
    assert told.code == 2
    line = next(i for i, text in enumerate(small.file.read_text().splitlines(), 1) if "keep:" in text)
    assert f"{small.file}:{line}:" in told.err
    assert said in told.err


def test_all_within_a_time_before_the_newest_stay(small: Stack, invoke: Invoke, aged: Aged) -> None:
    keep(small, "last: 0, hourly: 0, daily: 0, weekly: 0, within: 1d")
    gone, stays = aged(25), aged(23)
    assert invoke(small, "watch.snapshot").document["remove"] == [gone]
    assert stays in names(small)
