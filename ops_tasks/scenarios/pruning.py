"""What pruning the snapshots would do: a value that can be shown, and carried out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops_tasks.operation.journal import history
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


def needed(stack: Stack) -> dict[str, str]:
    """Snapshot -> which operation still needs it: every stopped one, and the last one that succeeded."""
    found: dict[str, str] = {}
    records = history(stack.home)
    done = [record for record in records if record.status == "succeeded"]
    for record in (*done[-1:], *(record for record in records if record.status == "stopped")):
        name = record.planned.get("arguments", {}).get("snapshot")
        if name:
            way = "its undo" if record.status == "succeeded" else "stopped"
            found[str(name)] = f"operation {record.operation} ({way})"
    return found


def plan_prune(stack: Stack, policy: Policy) -> Prune:
    """Decide; reads only."""
    taken = snapshots.every(stack)
    wanted = needed(stack)
    decisions = retention.choose(taken, policy, datetime.now(UTC), retention.pins(stack), wanted)
    going = [one.folder for one in taken if not next(d for d in decisions if d.name == one.name).reasons]
    left = [path for path in retention.leftovers(stack) if path.name not in wanted]
    freed = sum(retention.size_of(folder) for folder in (*going, *left))
    return Prune(tuple(decisions), tuple(left), freed)


def prune(stack: Stack, planned: Prune) -> None:
    """Remove what nothing keeps, one after the other."""
    for name in planned.going:
        retention.remove(snapshots.folder_of(stack, name))
    for folder in planned.leftovers:
        retention.remove(folder)
