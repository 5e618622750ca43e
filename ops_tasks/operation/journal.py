"""The journal: one folder per operation, one line per event, on disk before anything else happens."""

from __future__ import annotations

import json
import os
import secrets
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops_tasks import whole_files
from ops_tasks.errors import UsageError, nearest

EVENTS = "journal.jsonl"
RESERVE = "reserve"
TRACE = "trace.log"
BEAT, BEAT_SECONDS = "alive", 1.0
RESERVED_BYTES = 64 * 1024
ROLLBACK = "rollback_started"
# `noted` is the end of what was no operation, only worth remembering.
ENDS = {"succeeded", "refused", "put_back", "rolled_back", "noted"}


@dataclass(frozen=True)
class Event:
    """One line of a journal."""

    at: str
    event: str
    step: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """An operation as its journal tells it. `status` is one of ENDS, or `stopped` while there is no end."""

    operation: str
    folder: Path
    events: tuple[Event, ...]

    @property
    def planned(self) -> Mapping[str, Any]:
        """Task, title and arguments of the plan."""
        return self.events[0].data if self.events else {}

    @property
    def status(self) -> str:
        """How it ended; a stopped one has no end."""
        told = [event.event for event in self.events if event.event in ENDS | {ROLLBACK}]
        return told[-1] if told and told[-1] != ROLLBACK else "stopped"

    @property
    def rollback_begun(self) -> bool:
        """Whether the way forward is gone: a rollback has begun and not ended."""
        return self.status == "stopped" and any(event.event == ROLLBACK for event in self.events)

    @property
    def results(self) -> dict[str, Mapping[str, Any]]:
        """Results of the steps that are done."""
        return {event.step: event.data for event in self.events if event.event == "done" and event.step}

    @property
    def begun(self) -> frozenset[str]:
        """The steps that were begun, done or not: each may have done what it does."""
        return frozenset(event.step for event in self.events if event.event == "started" and event.step)

    @property
    def began(self) -> datetime:
        """When the operation began."""
        return datetime.fromisoformat(self.events[0].at)

    @property
    def ended(self) -> datetime:
        """When its last word was written."""
        return datetime.fromisoformat(self.events[-1].at)

    @property
    def last_step(self) -> str | None:
        """The step that was begun last."""
        steps = [event.step for event in self.events if event.event == "started"]
        return steps[-1] if steps else None

    @property
    def stopped_at(self) -> str:
        """Where a stopped operation stands, in words: at a step, or in its rollback."""
        return "in its rollback" if self.rollback_begun else f"at step {self.last_step or 'the start'!r}"

    @property
    def last_at(self) -> datetime:
        """When the operation was last alive, by its journal and by its heartbeat."""
        written = datetime.fromisoformat(self.events[-1].at)
        beat = self.folder / BEAT
        if not beat.exists():
            return written
        return max(written, datetime.fromtimestamp(beat.stat().st_mtime, UTC))


class Journal:
    """Appends events to one operation's journal, each one flushed to the disk before the caller goes on."""

    def __init__(self, folder: Path, redact: Callable[[str], str] = str) -> None:
        """Open the journal of an operation, making its folder and a small reserve against a full disk."""
        self.folder = folder
        self._redact = redact
        self._torn = _torn(folder / EVENTS)
        folder.mkdir(parents=True, exist_ok=True)
        reserve = folder / RESERVE
        if not reserve.exists():
            reserve.write_bytes(os.urandom(RESERVED_BYTES))
        whole_files.flush(folder)

    def append(self, event: str, step: str | None = None, /, **data: Any) -> None:
        """Write one event. On a full disk the reserve is given up, so that the end can still be told."""
        line = {"at": datetime.now(UTC).isoformat(), "event": event, "step": step, "data": data}
        text = self._redact(json.dumps(line, default=str)) + "\n"
        try:
            self._write("\n" + text if self._torn else text)
        except OSError:
            self._torn = True
            (self.folder / RESERVE).unlink(missing_ok=True)
            self._write("\n" + text)
        self._torn = False

    def trace(self, error: BaseException) -> None:
        """Write an error's stack trace beside the journal; on a full disk its line in the journal has to do."""
        text = self._redact("".join(traceback.format_exception(error)))
        with suppress(OSError), (self.folder / TRACE).open("a", encoding="utf-8") as file:
            file.write(text)

    @contextmanager
    def beating(self) -> Generator[None]:
        """Show that the operation is alive, for as long as the block runs: a step may take long and write no line."""
        beat, over = self.folder / BEAT, threading.Event()
        with suppress(OSError):  # a full disk: the journal's lines have to do
            beat.touch()

        def show() -> None:
            while not over.wait(BEAT_SECONDS):
                with suppress(OSError):
                    os.utime(beat)

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _write(self, text: str) -> None:
        with (self.folder / EVENTS).open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Give the reserve back."""
        (self.folder / RESERVE).unlink(missing_ok=True)


def new_id() -> str:
    """A short name for a new operation: six hexadecimal digits."""
    return secrets.token_hex(3)


def operations(home: Path) -> Path:
    """The folder of all journals."""
    return home / "operations"


def read(home: Path, operation: str) -> Record:
    """Return one operation; an unknown id is a usage error that names the nearest."""
    known = [record.operation for record in history(home)]
    if operation not in known:
        raise UsageError(f"unknown operation {operation!r}", nearest(operation, known))
    return _read(operations(home) / operation)


def history(home: Path) -> list[Record]:
    """Every operation of the stack, oldest first."""
    folder = operations(home)
    if not folder.is_dir():
        return []
    records = [_read(path) for path in folder.iterdir() if (path / EVENTS).is_file()]
    return sorted((record for record in records if record.events), key=lambda record: record.events[0].at)


def unfinished(home: Path) -> list[Record]:
    """Operations that were neither finished nor put back."""
    return [record for record in history(home) if record.status == "stopped"]


def _read(folder: Path) -> Record:
    return Record(folder.name, folder, tuple(_events(folder / EVENTS)))


def _events(file: Path) -> Iterator[Event]:
    """Every whole line; a line torn by a crash is the last thing that did not happen, and one of others is no event."""
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue
        match told:
            case {"at": str(at), "event": str(event), "step": str() | None as step, "data": dict()}:
                yield Event(at, event, step, told["data"])
            case _:
                continue


def _torn(file: Path) -> bool:
    """Whether a crash has left a line without its end: the next one must not be lost in it."""
    return file.is_file() and not file.read_bytes().endswith(b"\n")
