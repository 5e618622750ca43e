"""Messages to people: when something changes, and once a day while it lasts; never twice for the same."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest

from ops_tasks.errors import Refused
from ops_tasks.namespaces.watched import watched
from ops_tasks.operation import lock
from ops_tasks.report.terminal import Terminal
from ops_tasks.scenarios import disk
from ops_tasks.scenarios.verdict import Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems.notify import REPEAT, Before, change, due, remember, remembered
from tests.conftest import finish
from tests.watch.conftest import OPS
from tests.watch.receiver import Receiver, listening

in_this_process = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it


@pytest.mark.parametrize(
    ("before", "about", "later", "expected"),
    [
        pytest.param(Before(), [], 0.0, None, id="well from the start"),
        pytest.param(Before(), ["a"], 0.0, "found", id="it begins, nothing known"),
        pytest.param(Before(well=True), ["a"], 0.0, "found", id="it begins"),
        pytest.param(Before(False, ("a",), 100.0), ["a"], 200.0, None, id="it lasts"),
        pytest.param(Before(False, ("a",), 100.0), ["a"], 100.0 + REPEAT, "found", id="a day later"),
        pytest.param(Before(False, ("a",), 100.0), ["b"], 200.0, "found", id="something else"),
        pytest.param(Before(False, ("a",), 100.0), [], 200.0, "recovered", id="it ends"),
        pytest.param(Before(well=True), [], 0.0, None, id="well as before"),
        pytest.param(Before(False, ("a",), 900.0), ["a"], 200.0, "found", id="the clock was set back"),
    ],
)
def test_when_something_is_told(before: Before, about: list[str], later: float, expected: str | None) -> None:
    assert due(before, about, later) == expected


@pytest.mark.parametrize("text", ["", "{", "[]", '{"well": true}', '{"well": false, "about": 3, "told": "x"}'])
def test_a_note_that_is_broken_is_nothing_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    assert remembered(tmp_path / "x.json") == Before()


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    remember(tmp_path / "w" / "x.json", ["a", "b"], 5.0)
    assert remembered(tmp_path / "w" / "x.json") == Before(False, ("a", "b"), 5.0)


def test_people_hear_of_the_begin_and_of_the_end(small: Stack) -> None:
    good = small.file.read_text(encoding="utf-8")
    bad = f"{good}    disk: {{inodes: 1000000000000}}\n"
    command = [*OPS, "watch.disk", f"--stack={small.root}", "--json"]
    with listening() as receiver:
        env = {"OPS_NOTIFY": receiver.url.replace("http://", "json://") + "/chat"}
        for text, code, told in ((good, 0, 0), (bad, 1, 1), (bad, 1, 1), (good, 0, 2), (good, 0, 2)):
            small.file.write_text(text, encoding="utf-8")
            assert finish(command, env=env).code == code
            assert len(receiver.heard) == told
    assert "inodes left" in receiver.heard[0].body
    assert "recovered" in receiver.heard[1].body


def json_of(receiver: Receiver) -> str:
    return receiver.url.replace("http://", "json://") + "/chat"


@in_this_process
def test_what_nobody_has_taken_is_sent_again_at_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "disk.json"
    with listening() as receiver:
        monkeypatch.setenv("OPS_NOTIFY", json_of(receiver))

        def run(about: list[str], answer: int) -> tuple[int, str | None]:
            receiver.answers, before = [answer], len(receiver.heard)
            failed = change(file, "watch.disk", about, "text")
            return len(receiver.heard) - before, failed

        why = "address 1 of OPS_NOTIFY did not take it; the next run tries again"
        assert run(["full"], 500) == (1, why)
        assert run(["full"], 200) == (1, None)
        assert run(["full"], 200) == (0, None)
        assert run([], 500) == (1, why)
        assert run([], 500) == (1, why)
        assert run([], 200) == (1, None)
        assert run([], 200) == (0, None)
    assert [json.loads(ping.body)["title"].split(": ")[1] for ping in receiver.heard] == [
        *["findings"] * 2,
        *["recovered"] * 3,
    ]


@in_this_process
def test_an_address_that_fails_keeps_no_other_from_hearing_and_floods_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "disk.json"
    with listening() as well, listening() as ill:
        ill.answers = [500]
        monkeypatch.setenv("OPS_NOTIFY", f"{json_of(well)} {json_of(ill)} nonsense://x")
        told = [change(file, "watch.disk", ["full"], "text") for _ in range(3)]
        assert (len(well.heard), len(ill.heard)) == (1, 3)
        assert told[-1] is not None
        assert "address 3 of OPS_NOTIFY is none that apprise knows" in told[-1]
        assert "address 2 of OPS_NOTIFY did not take it" in told[-1]
        ill.answers = [200]
        monkeypatch.setenv("OPS_NOTIFY", f"{json_of(well)} {json_of(ill)}")
        for _ in range(2):
            assert change(file, "watch.disk", ["full"], "text") is None
    assert "findings" in ill.heard[-1].body
    assert len(ill.heard) == 4
    assert remembered(file).missed == ()


def test_an_address_that_apprise_does_not_know_is_told_without_it(small: Stack) -> None:
    text = small.file.read_text(encoding="utf-8")
    small.file.write_text(f"{text}    disk: {{inodes: 1000000000000}}\n", encoding="utf-8")
    done = finish([*OPS, "watch.disk", f"--stack={small.root}"], env={"OPS_NOTIFY": "nonsense://s3cret-word"})
    assert done.code == 1
    assert "address 1 of OPS_NOTIFY is none that apprise knows" in done.err
    assert "s3cret-word" not in done.out + done.err


@in_this_process
def test_another_kind_of_finding_is_told_and_another_number_is_not(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(free: int, left: float) -> int:
        def places(_: Stack) -> list[disk.Place]:
            return [disk.Place("/", ("snapshots",), 10**9, free, None)]

        def days(*_: object) -> float:
            return left

        before = len(receiver.heard)
        monkeypatch.setattr(disk, "places", places)
        monkeypatch.setattr(disk, "days_to_full", days)
        watched(small, "disk", Terminal(json=True), partial(disk.judge, note=False))
        return len(receiver.heard) - before

    with listening() as receiver:
        monkeypatch.setenv("OPS_NOTIFY", json_of(receiver))
        assert [run(10**6, 6.9), run(10**5, 6.1), run(0, 0.0), run(0, 0.0), run(10**5, 6.1)] == [1, 0, 1, 0, 1]
    assert "full (snapshots)" in receiver.heard[1].body


@in_this_process
def test_a_watch_that_cannot_run_is_told_once_whatever_its_numbers(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = [
        "a snapshot needs 3,400 bytes and 20 are free",
        "a snapshot needs 3,500 bytes and 9 are free",
        "no Python",
    ]

    def dies(*_: object) -> Verdict:
        raise Refused(reasons[0])

    with listening() as receiver:
        monkeypatch.setenv("OPS_NOTIFY", json_of(receiver))
        while reasons:
            with pytest.raises(Refused):
                watched(small, "disk", Terminal(json=True), dies)
            del reasons[0]
    assert [json.loads(ping.body)["message"][:10] for ping in receiver.heard] == ["a snapshot", "no Python"]


def test_a_snapshot_that_cannot_be_taken_is_told_and_its_recovery(small: Stack, tmp_path: Path) -> None:
    raw, good = small.databases["raw"], small.databases["raw"].read_bytes()
    command = [*OPS, "watch.snapshot", f"--stack={small.root}", f"--prom={tmp_path}/{{watch}}.prom", "--json"]
    with listening() as receiver:
        env = {"OPS_NOTIFY": json_of(receiver)}

        def run(*words: str) -> tuple[int, int, str]:
            before = len(receiver.heard)
            code = finish([*command, *words], env=env).code
            healthy = re.search(r"ops_watch_healthy\{.* (\S+)", (tmp_path / "snapshot.prom").read_text())
            assert healthy is not None
            return code, len(receiver.heard) - before, healthy[1]

        assert run() == (0, 0, "1.0")
        raw.write_bytes(good[: 3 * 4096 + 100] + b"\xff" * 16 + good[3 * 4096 + 116 :])
        assert run() == (3, 1, "0.0")
        assert run() == (3, 0, "0.0")
        with lock.held(small.home, "ops.backfill", "abc123"):
            assert run() == (6, 0, "0.0")
        assert run("--min-minutes=50") == (0, 0, "1.0"), "nothing was tried, so nothing has recovered"
        raw.write_bytes(good)
        assert run() == (0, 1, "1.0")
        assert run() == (0, 0, "1.0")
    assert "watch.snapshot of stack" in receiver.heard[0].body
    assert "recovered" in receiver.heard[1].body


def test_old_snapshots_that_cannot_be_removed_are_told_once(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [*OPS, "watch.snapshot", f"--stack={small.root}", "--json"]
    first = json.loads(finish(command).out)["name"]
    (small.home / "snapshots" / f".{first}.removing").write_text("a file in its way", encoding="utf-8")
    with listening() as receiver:
        env = {"OPS_NOTIFY": json_of(receiver)}
        assert [finish(command, env=env).code for _ in range(2)] == [1, 1]
        assert finish([*command, "--min-minutes=50"], env=env).code == 0
    (heard,) = receiver.heard
    assert "the old ones could not be removed" in heard.body
