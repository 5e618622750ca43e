"""The journal: what is on disk is what has happened."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from ops_tasks.errors import UsageError
from ops_tasks.operation import journal as journals
from ops_tasks.operation.journal import (
    EVENTS,
    RESERVE,
    RESERVED_BYTES,
    Journal,
    history,
    new_id,
    operations,
    read,
    unfinished,
)


def write(home: Path, operation: str, *events: str) -> Journal:
    """A journal of bare events; `done:x` is of step x."""
    journal = Journal(operations(home) / operation)
    for event in events:
        name, _, step = event.partition(":")
        journal.append(name, step or None)
    return journal


@pytest.mark.parametrize(
    ("events", "status", "begun"),
    [
        (["planned"], "stopped", False),
        (["planned", "started:a"], "stopped", False),
        (["planned", "started:a", "done:a"], "stopped", False),
        (["planned", "started:a", "done:a", "succeeded"], "succeeded", False),
        (["planned", "started:a", "failed:a", "put_back"], "put_back", False),
        (["planned", "started:a", "failed:a", "refused"], "refused", False),
        (["planned", "started:a", "failed:a"], "stopped", False),
        (["planned", "started:a", "retried", "started:a", "done:a", "succeeded"], "succeeded", False),
        (["planned", "started:a", "rollback_started"], "stopped", True),
        (["planned", "started:a", "rollback_started", "rolled_back"], "rolled_back", False),
        (["planned", "done:a", "succeeded", "rollback_started"], "stopped", True),
        (["planned", "done:a", "succeeded", "rollback_started", "rolled_back"], "rolled_back", False),
        (["planned", "done:a", "succeeded", "rollback_started", "rollback_started"], "stopped", True),
    ],
)
def test_status(tmp_path: Path, events: list[str], status: str, begun: bool) -> None:
    write(tmp_path, "abc123", *events)
    record = read(tmp_path, "abc123")
    assert (record.status, record.rollback_begun) == (status, begun)
    assert [found.operation for found in unfinished(tmp_path)] == (["abc123"] if status == "stopped" else [])


@pytest.mark.parametrize(
    "odd",
    ["null", "12", '"text"', "[]", "{}", '{"at": "now"}', '{"at": 1, "event": "failed", "step": null, "data": {}}'],
)
def test_a_line_that_is_no_event_hides_nothing(odd: str, tmp_path: Path) -> None:
    journal = write(tmp_path, "abc123", "planned", "started:a")
    with (journal.folder / EVENTS).open("a", encoding="utf-8") as file:
        file.write(f"{odd}\n")
    journal.append("done", "a")
    assert [event.event for event in read(tmp_path, "abc123").events] == ["planned", "started", "done"]
    assert [found.operation for found in unfinished(tmp_path)] == ["abc123"]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    journal = Journal(operations(tmp_path) / "abc123")
    journal.append(
        "planned", task="ops.backfill", title="Load «ebird»\u2028again", arguments={"n": 1, "path": Path("x")}
    )
    journal.append("started", "load ebird", title="Load")
    journal.append("done", "load ebird", rows={"obs": 3}, event="of the data's own", step=7)
    record = read(tmp_path, "abc123")
    assert record.planned == {
        "task": "ops.backfill",
        "title": "Load «ebird»\u2028again",
        "arguments": {"n": 1, "path": "x"},
    }
    assert record.results == {"load ebird": {"rows": {"obs": 3}, "event": "of the data's own", "step": 7}}
    assert record.last_step == "load ebird"
    assert record.last_at.tzinfo is not None


def test_every_event_is_on_disk_before_the_caller_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    journal = write(tmp_path, "abc123", "planned")
    monkeypatch.setattr(os, "fsync", fsync)
    journal.append("started", "a")
    assert synced == [(journal.folder / EVENTS).stat().st_size]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_did_not_happen(tmp_path: Path, cut: int) -> None:
    file = write(tmp_path, "abc123", "planned", "started:a", "succeeded").folder / EVENTS
    file.write_bytes(file.read_bytes()[:-cut])
    record = read(tmp_path, "abc123")
    assert [event.event for event in record.events] == ["planned", "started"] + (["succeeded"] if cut == 1 else [])


@pytest.mark.parametrize(
    "rest", [b'{"at": "2026-', b"\0\0\0\0", b"\xff\xfe\xc3"], ids=["half a line", "zeros", "garbage"]
)
def test_nothing_is_lost_behind_a_torn_line(tmp_path: Path, rest: bytes) -> None:
    """A rollback that began after a crash must not look as if it had not."""
    file = write(tmp_path, "abc123", "planned", "started:a").folder / EVENTS
    with file.open("ab") as torn:
        torn.write(rest)
    assert len(read(tmp_path, "abc123").events) == 2
    write(tmp_path, "abc123", "rollback_started")
    assert read(tmp_path, "abc123").rollback_begun
    write(tmp_path, "abc123", "rolled_back")
    assert read(tmp_path, "abc123").status == "rolled_back"


def test_a_full_disk_gives_the_reserve_for_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = write(tmp_path, "abc123", "planned")
    assert (journal.folder / RESERVE).stat().st_size == RESERVED_BYTES
    real = Journal._write  # pyright: ignore[reportPrivateUsage]

    def write_half(self: Journal, text: str) -> None:
        if (self.folder / RESERVE).exists():
            real(self, text[: len(text) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, text)

    monkeypatch.setattr(Journal, "_write", write_half)
    journal.append("failed", "a", reason="No space left on device")
    journal.append("put_back")
    record = read(tmp_path, "abc123")
    assert [event.event for event in record.events] == ["planned", "failed", "put_back"]
    assert record.status == "put_back"


def test_a_disk_that_stays_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = write(tmp_path, "abc123", "planned")

    def no_room(self: Journal, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "_write", no_room)
        with pytest.raises(OSError, match="No space"):
            journal.append("done", "a")
    journal.append("failed", "a")
    assert [event.event for event in read(tmp_path, "abc123").events] == ["planned", "failed"]


def test_the_reserve_is_given_back(tmp_path: Path) -> None:
    journal = write(tmp_path, "abc123", "planned")
    journal.close()
    journal.close()
    assert not (journal.folder / RESERVE).exists()


def test_secrets_are_redacted_before_they_are_written(tmp_path: Path) -> None:
    journal = Journal(operations(tmp_path) / "abc123", lambda text: text.replace("hunter22", "***"))
    journal.append("failed", "a", reason="token=hunter22")
    assert "hunter22" not in (journal.folder / EVENTS).read_text()


def test_an_unknown_operation_is_named_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "abc123", "planned")
    with pytest.raises(UsageError, match=r"unknown operation 'abc124'.*did you mean 'abc123'"):
        read(tmp_path, "abc124")
    with pytest.raises(UsageError, match=r"unknown operation '\.\./abc123'"):
        read(tmp_path, "../abc123")


def test_history_is_in_order_and_only_of_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert history(tmp_path) == []
    for name in ("ffffff", "000000", "aaaaaa"):
        write(tmp_path, name, "planned", "succeeded")
    (operations(tmp_path) / "nothing").mkdir()
    (operations(tmp_path) / "empty").mkdir()
    (operations(tmp_path) / "empty" / EVENTS).touch()
    (operations(tmp_path) / "stray.txt").touch()
    assert [record.operation for record in history(tmp_path)] == ["ffffff", "000000", "aaaaaa"]


def test_ids_are_short_and_differ() -> None:
    ids = {new_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(found) == 6 and int(found, 16) >= 0 for found in ids)


def test_lines_are_json_lines(tmp_path: Path) -> None:
    file = write(tmp_path, "abc123", "planned", "started:a").folder / journals.EVENTS
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["at", "data", "event", "step"]] * 2


def test_a_beating_operation_was_alive_later_than_its_last_line(tmp_path: Path) -> None:
    journal = Journal(operations(tmp_path) / "abc123")
    journal.append("planned", task="t", title="x", arguments={})
    beat = journal.folder / "alive"
    with journal.beating():
        assert beat.exists()
        os.utime(beat, (4_000_000_000, 4_000_000_000))
    assert read(tmp_path, "abc123").last_at.timestamp() == 4_000_000_000


def test_an_operation_beats_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops_tasks.operation.journal.BEAT_SECONDS", 0.01)
    journal = Journal(tmp_path / "abc123")
    beat = journal.folder / "alive"
    with journal.beating():
        os.utime(beat, (1, 1))
        until = time.monotonic() + 10
        while beat.stat().st_mtime == 1 and time.monotonic() < until:
            time.sleep(0.005)
    assert beat.stat().st_mtime > 1
