"""What runs by itself: the table of watches, and the snapshots that are taken and forgotten with nobody there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops_tasks.errors import UsageError
from ops_tasks.operation import lock
from ops_tasks.scenarios import pruning
from ops_tasks.scenarios.memory import with_losses
from ops_tasks.scenarios.pruning import Prune
from ops_tasks.sections import WatchKeepSection
from ops_tasks.stack import Stack
from ops_tasks.systems import retention, snapshots
from ops_tasks.systems.retention import Policy
from ops_tasks.systems.snapshots import Snapshot

WHY = "taken by watch.snapshot"
OWN = re.compile(r"watch_\d{8}_\d{6}")
# Half-made, half-removed and used-up ones: a killed run leaves them.
LEFT = re.compile(rf"\.?{OWN.pattern}(\.making)?(\.removing)?")


@dataclass(frozen=True)
class Watch:
    """One thing that runs by itself: its task, how often unless somebody says otherwise, and what it is."""

    name: str
    task: str
    every: str
    description: str


WATCHES = (
    Watch("snapshot", "watch.snapshot", "1h", "Snapshot"),
    Watch("heartbeat", "watch.heartbeat", "1m", "Heartbeat of the scheduler"),
    Watch("disk", "watch.disk", "1h", "Room on the disk"),
)


def of(stack: Stack) -> list[Watch]:
    """The watches that a stack can have: without Dagster there is no heartbeat."""
    return [watch for watch in WATCHES if watch.name != "heartbeat" or stack.config.dagster is not None]


def minutes(text: str) -> timedelta:
    """What `--min-minutes` says. Not a duration as elsewhere: there (`durations.parse`) m is a month."""
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise UsageError(f"--min-minutes: {text!r} is no number of minutes", "for example 50")
    return timedelta(minutes=int(text))


def name_at(stack: Stack, now: datetime) -> str:
    """The name of a snapshot that is taken now: `watch_` and the UTC second, the next one that nobody has."""
    while snapshots.folder_of(stack, name := f"watch_{now.astimezone(UTC):%Y%m%d_%H%M%S}").exists():
        now += timedelta(seconds=1)
    return name


def fresh(stack: Stack, age: timedelta, now: datetime) -> Snapshot | None:
    """The newest verified snapshot of the stack's catalogs that is younger than `age`; one of the future is none."""
    found = reversed(snapshots.trusted(stack))
    return next((one for one in found if timedelta(0) <= now - one.created_at < age), None)


def refuse_busy(stack: Stack) -> None:
    """Raise `Busy` while an operation runs or a process writes into a database; only looks, and holds nothing.

    Whoever begins a moment later is met by the snapshot itself.
    """
    lock.refuse_running(stack.home)
    snapshots.refuse_writers(stack)


def take(stack: Stack, name: str, say: Callable[[str], None], held: tuple[int, ...]) -> Snapshot:
    """Take and verify it; raises what `snapshots.create` raises."""
    return snapshots.create(stack, name, why=WHY, say=say, held=held)


def plan_forget(stack: Stack, keep: WatchKeepSection, coming: str = "") -> Prune:
    """Which of its own snapshots the policy lets go, as they are, or with one more of the name `coming`; reads only.

    Its own are those of its name and of the stack's backend. The newest verified one of them always stays, and so does
    what is pinned, or what an operation needs. What MotherDuck has lost something of counts as damaged.
    """
    now = datetime.now(UTC)
    taken = [one for one in snapshots.every(stack) if OWN.fullmatch(one.name) and one.backend == stack.backend]
    own = with_losses(stack, taken)
    folders = {one.name: one.folder for one in own}
    if coming:
        folder, need = snapshots.folder_of(stack, coming), snapshots.set_bytes(stack)
        own.append(Snapshot(coming, folder, now, need, WHY, now, {}))
    wanted = pruning.needed(stack)
    decisions = retention.choose(own, Policy(**dict(keep)), now, retention.pins(stack), wanted)
    left = [path for path in retention.leftovers(stack) if LEFT.fullmatch(path.name) and path.name not in wanted]
    going = [folders[one.name] for one in decisions if not one.reasons]
    return Prune(tuple(decisions), tuple(left), sum(retention.size_of(folder) for folder in (*going, *left)))


def forget(stack: Stack, keep: WatchKeepSection) -> Prune:
    """Remove what `plan_forget` lets go, and tell what that was."""
    planned = plan_forget(stack, keep)
    pruning.prune(stack, planned)
    return planned
