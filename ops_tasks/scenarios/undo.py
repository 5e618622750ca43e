"""Undo is one thing for every scenario: the operation's own snapshot is put back as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ops_tasks.errors import Refused, StepFailed, Stopped
from ops_tasks.operation.journal import Journal, Record, new_id
from ops_tasks.operation.plan import Run
from ops_tasks.operation.runner import deaf
from ops_tasks.scenarios.registry import refuse_beside, undo_outside
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.contents import stamps_as_recorded
from ops_tasks.systems.secrets import redact

SLACK = timedelta(seconds=5)


@dataclass(frozen=True)
class Undo:
    """What a rollback would do. `snapshot` is None when nothing had been changed yet; `later` are files that somebody
    else has changed since; `quarantine` is where what is there now goes."""

    operation: str
    title: str
    snapshot: str | None
    created_at: str
    bytes: int
    later: tuple[str, ...]
    quarantine: Path


def plan_undo(stack: Stack, record: Record) -> Undo:
    """Work out the rollback of a succeeded or stopped operation; reads only.

    Raises `Refused` for an operation that has been put back already, and for one whose snapshot is gone or damaged.
    """
    if record.status == "noted":
        raise Refused(f"{record.operation} is a note, no operation of its own", "snapshot.list shows what there is")
    if record.status in ("put_back", "rolled_back", "refused"):
        raise Refused(f"operation {record.operation} changed nothing that is still there ({record.status})", "")
    refuse_beside(stack, record)
    name: str = record.planned["arguments"]["snapshot"]
    quarantine = stack.home / "quarantine" / record.operation
    title = str(record.planned["title"])
    if not (snapshots.folder_of(stack, name) / snapshots.MANIFEST).is_file():
        if "snapshot" in record.results:
            raise Refused(f"snapshot {name} is gone", "snapshot.list shows the others")
        return Undo(record.operation, title, None, "", 0, (), quarantine)
    taken = snapshots.published(stack, name)
    return Undo(
        record.operation,
        title,
        name,
        taken.created_at.isoformat(timespec="seconds"),
        taken.bytes,
        tuple(later_changes(stack, record)),
        quarantine,
    )


def later_changes(stack: Stack, record: Record) -> list[str]:
    """Files of the state set that were changed after the operation's last word.

    A finished operation wrote down every file's hash. A stopped one is judged by the times at which files were written
    or put in place (an old copy moved in keeps its own age): later than its last sign of life, and than what its dying
    children may still have written. So a change within `SLACK` of the kill is taken for the operation's own, a file
    that was deleted is not seen, and a stack that was copied as a whole looks changed.
    """
    sealed = record.results.get("seal", {}).get("stamps")
    if sealed is not None and record.status == "succeeded":
        now = stamps_as_recorded(snapshots.stamps(stack), sealed)
        return sorted(path for path in {*sealed, *now} if sealed.get(path) != now.get(path))
    if record.rollback_begun:  # its own files are half back: there is no way but on
        return []
    return backends.of(stack).written_after(record.last_at + SLACK)


def keep_later(stack: Stack, record: Record, say: Callable[[str], None], held: tuple[int, ...]) -> str:
    """Snapshot the set as it is found, damage included, before a retry goes over what others wrote; returns its name.

    Were the retry to fail, the operation's own snapshot would be put back, and what others wrote be lost.
    """
    name = f"pre_retry_{record.operation}_{new_id()}"
    why = f"changes by others, found before operation {record.operation} was retried"
    return snapshots.create(stack, name, why=why, say=say, held=held, links=()).name


def undo(
    stack: Stack, record: Record, planned: Undo, say: Callable[[str], None], held: tuple[int, ...]
) -> dict[str, Any]:
    """Put the snapshot back and check it; what is there now stays in the quarantine.

    Raises `Refused` for a damaged snapshot before the journal is touched. Polite signals are ignored meanwhile. The
    journal says first that a rollback has begun: killed in the middle, the operation is stopped, and the same rollback
    can be run again.
    """
    if planned.snapshot is not None and not snapshots.is_used_up(stack, planned.snapshot):
        problems = snapshots.verify(stack, planned.snapshot, say, to_put_back=True)
        if problems:
            raise Refused(f"snapshot {planned.snapshot} is damaged: {problems[0]}", "snapshot.list shows the others")
    with deaf():
        journal = Journal(record.folder, redact)
        journal.append("rollback_started")
        undo_outside(stack, record, Run(record.operation, record.folder, record.results, say, held))
        evidence: dict[str, Any] = {"nothing_changed": True}
        if planned.snapshot is not None:
            try:
                evidence = snapshots.restore(
                    stack,
                    planned.snapshot,
                    planned.quarantine,
                    consume=False,
                    say=say,
                    log=record.folder / "systems.log",
                    held=held,
                )
            except StepFailed as error:
                again = f"{error.way_out}; then invoke ops.rollback {record.operation}".removeprefix("; then ")
                raise Stopped(f"the snapshot could not be put back: {error.reason}", again) from error
        journal.append("rolled_back", **evidence)
        journal.close()
    return evidence
