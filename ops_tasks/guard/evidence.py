"""May this stack be restated now? Asked of its snapshots, its files, and the operation that may be running."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops_tasks.durations import told
from ops_tasks.errors import Refused
from ops_tasks.operation import lock
from ops_tasks.operation.journal import Journal, Record, history, new_id, operations, unfinished
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.secrets import redact
from ops_tasks.systems.snapshots import Snapshot

OVERRIDE = "OPS_RESTATE_OVERRIDE"
THROW_AWAY = ".ops-throw-away-copy"
TASK = "guard.override"
# What another process writes while its clock and the snapshot's differ a little is not taken for the future.
SKEW = timedelta(minutes=5)


class Unprotected(Refused):
    """There is nothing to go back to: the one refusal that taking a snapshot mends."""


@dataclass(frozen=True)
class Permit:
    """Why a restatement may go ahead: the `snapshot` that undoes it, or the reason that overrides the guard."""

    words: str
    snapshot: str | None = None
    override: str = ""


def permit(stack: Stack, max_age: timedelta | None = None, *, now: datetime | None = None) -> Permit:
    """Return the permit to restate, or raise `Refused` with the reason and the command that mends it.

    Permitted is the operation that holds the stack's lock and has taken its snapshot; a throw-away copy of a stack; and
    whoever has a verified snapshot younger than `max_age` (default: the stack's own) and as new as the data. Raises
    `Busy` or `Refused` while another operation runs or waits for a decision. With `OPS_RESTATE_OVERRIDE="reason"` set,
    a refusal becomes a permit, and the reason is written into the journal.
    """
    if (stack.root.parent / THROW_AWAY).is_file():
        return Permit("a throw-away copy of a stack")
    if own := _own_operation(stack):
        return _of_operation(stack, own)
    try:
        lock.refuse_running(stack.home)
        _refuse_unfinished(stack)
        found = standing(stack, max_age or stack.config.guard.max_age, now or datetime.now(UTC))
    except Refused as refused:
        reason = os.environ.get(OVERRIDE, "").strip()
        if not reason:
            raise
        _note(stack, reason, refused)
        return Permit(f"the guard is overridden: {reason} (it says: {refused.reason})", override=reason)
    age = told((now or datetime.now(UTC)) - found.created_at)
    return Permit(f"snapshot {found.name} is verified, {age} old and as new as the data", found.name)


def standing(stack: Stack, max_age: timedelta, now: datetime) -> Snapshot:
    """The newest verified snapshot, younger than `max_age` and as new as the data; `Unprotected` if there is none."""
    way = f"invoke snapshot.create --name=pre_restate_{now:%Y%m%d_%H%M%S}"
    taken = (one for one in snapshots.every(stack) if one.backend == stack.backend and not one.forensic)
    found = [one for one in taken if one.created_at <= now + SKEW]
    whole = [one for one in found if one.verified_at and not one.problems]
    if not whole:
        raise Unprotected(_none(stack, found), way)
    newest = whole[-1]
    age = now - newest.created_at
    if age > max_age:
        raise Unprotected(
            f"the newest verified snapshot, {newest.name}, is {told(age)} old; {told(max_age)} is the limit", way
        )
    if gone := _incomplete(newest):
        raise Unprotected(f"snapshot {newest.name} is damaged: {gone} is missing or has another size", way)
    if changed := snapshots.changed_since(stack, newest):
        files = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        raise Unprotected(f"{files} changed after the newest verified snapshot, {newest.name}", way)
    return newest


def _none(stack: Stack, found: list[Snapshot]) -> str:
    if damaged := [one for one in found if one.problems]:
        return f"there is no verified snapshot: {damaged[-1].name} is damaged"
    if found:
        return f"there is no verified snapshot: {found[-1].name} was never verified"
    return f"there is no snapshot of {stack.root}"


def _incomplete(taken: Snapshot) -> str:
    """The first file of a snapshot that is gone, or has another size than its manifest says."""
    for entry in taken.manifest["files"]:
        file = taken.folder / "files" / entry["path"]
        if not file.is_file() or file.stat().st_size != entry["size"]:
            return str(entry["path"])
    return ""


def _own_operation(stack: Stack) -> Record | None:
    """The running operation that this process belongs to: its owner holds the lock and is an ancestor, or this one."""
    owner = lock.holder(stack.home)
    if owner.get("pid") not in _ancestors():
        return None
    return next((one for one in history(stack.home) if one.operation == owner.get("operation")), None)


def _of_operation(stack: Stack, record: Record) -> Permit:
    name = str(record.planned.get("arguments", {}).get("snapshot", ""))
    if name and (snapshots.folder_of(stack, name) / snapshots.MANIFEST).is_file():
        return Permit(f"operation {record.operation} has taken {name}", name)
    raise Refused(f"operation {record.operation} has taken no snapshot yet", "its plan takes one first")


def _ancestors() -> set[int]:
    import psutil

    me = psutil.Process()
    return {me.pid, *(one.pid for one in me.parents())}


def _refuse_unfinished(stack: Stack) -> None:
    for record in unfinished(stack.home):
        way = f"invoke ops.retry {record.operation}, or invoke ops.rollback {record.operation}"
        raise Refused(f"operation {record.operation} is stopped and not put back", way)


def _note(stack: Stack, reason: str, refused: Refused) -> None:
    """Write the override into a journal of its own: `ops.history` lists it."""
    operation = new_id()
    journal = Journal(operations(stack.home) / operation, redact)
    title = f"restatement without a snapshot: {reason}"
    journal.append("planned", task=TASK, title=title, arguments={"reason": reason, "refused": refused.reason})
    journal.append("noted", pid=os.getpid())
    journal.close()
