"""What pruning the snapshots would do: a value that can be shown, and carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ops_tasks.operation.journal import Record, history
from ops_tasks.scenarios.memory import with_losses
from ops_tasks.stack import Stack
from ops_tasks.systems import retention, snapshots
from ops_tasks.systems.retention import Decision, Policy


@dataclass(frozen=True)
class Prune:
    """Every snapshot with the reasons that keep it, the leftovers, and the bytes that both would free."""

    decisions: tuple[Decision, ...]
    leftovers: tuple[Path, ...]
    bytes: int

    @property
    def going(self) -> tuple[str, ...]:
        """Names of the snapshots that nothing keeps."""
        return tuple(decision.name for decision in self.decisions if not decision.reasons)


@dataclass(frozen=True)
class UsedUp:
    """A snapshot whose files were moved back; `operation` is None where no journal knows whose it was."""

    name: str
    operation: str | None
    bytes: int


def needed(stack: Stack) -> dict[str, str]:
    """Snapshot -> which operation still needs it: the last one that succeeded, to be undone, and every stopped one.

    A stopped one may go on: it needs the snapshots that it brings something back from as well, and what was set aside
    of it stays too.
    """
    found: dict[str, str] = {}
    records = history(stack.home)
    for record in [record for record in records if record.status == "succeeded"][-1:]:
        for name in _own(record):
            found[name] = f"operation {record.operation} (its undo)"
    taken = [snapshot.name for snapshot in snapshots.every(stack) if snapshot.forensic]
    for record in (record for record in records if record.status == "stopped"):
        aside = (name for name in taken if record.operation in name)
        for name in (*_own(record), *_mentioned(record.planned.get("arguments")), *aside):
            found[name] = f"operation {record.operation} (stopped)"
    return found


def used_up(stack: Stack) -> list[UsedUp]:
    """Every used-up snapshot that is still there, by whom it was used up, and the bytes that are left of it."""
    owners = {name: record.operation for record in history(stack.home) for name in _own(record)}
    return [UsedUp(path.name, owners.get(path.name), retention.size_of(path)) for path in retention.used_up(stack)]


def plan_prune(stack: Stack, policy: Policy) -> Prune:
    """Decide; reads only. Snapshots of the other backend are left alone: what they keep is out of reach.

    One of which MotherDuck has lost something counts as damaged. Raises `StepFailed` where that cannot be asked.
    """
    taken = {one.name: one for one in snapshots.every(stack) if one.backend == stack.backend}
    wanted = needed(stack)
    judged = with_losses(stack, list(taken.values()))
    decisions = retention.choose(judged, policy, datetime.now(UTC), retention.pins(stack), wanted)
    left = [path for path in retention.leftovers(stack) if path.name not in wanted]
    going = [taken[one.name].folder for one in decisions if not one.reasons]
    freed = sum(retention.size_of(folder) for folder in (*going, *left))
    return Prune(tuple(decisions), tuple(left), freed)


def prune(stack: Stack, planned: Prune) -> None:
    """Remove what nothing keeps, one after the other; what an earlier removal has left goes first, it has the names."""
    for folder in (*planned.leftovers, *(snapshots.folder_of(stack, name) for name in planned.going)):
        _remove(stack, folder)


def _remove(stack: Stack, folder: Path) -> None:
    """Its name goes first, then what is kept elsewhere, then the files: after a kill it is no snapshot any more.

    What has no manifest is given up while its name still tells what it was to be.
    """
    if not snapshots.is_described(folder):
        snapshots.give_up(stack, folder)
    going = retention.set_apart(folder)
    snapshots.give_up(stack, going)
    retention.remove(going)


def _own(record: Record) -> list[str]:
    name = record.planned.get("arguments", {}).get("snapshot")
    return [str(name)] if name else []


def _mentioned(value: object) -> Iterator[str]:
    """Every snapshot that an operation's arguments name, however deep."""
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if key == "snapshot" and isinstance(inner, str):
                yield inner
            else:
                yield from _mentioned(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in cast("Sequence[object]", value):
            yield from _mentioned(inner)
