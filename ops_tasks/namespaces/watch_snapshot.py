"""`watch.snapshot`: a snapshot by itself, and those that are let go for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.errors import OpsError, Refused
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import refuse_unfinished
from ops_tasks.namespaces.watch_disk import PROM
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape, size
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.pruning import Prune
    from ops_tasks.scenarios.verdict import Verdict
    from ops_tasks.stack import Stack

SNAPSHOT = "watch.snapshot"


@ops_task(
    "snapshot",
    public=SNAPSHOT,
    help={
        "min_minutes": "Do nothing while there is a verified snapshot younger than this.",
        "prom": PROM,
        "yes": "Taken, as everywhere; there is no question.",
    },
)
def snapshot(
    _context: Context,
    min_minutes: str = "",
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    prom: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Take a verified snapshot, then remove those of its own that ops.watch.keep lets go: for a timer or for cron.

    Its own are named watch_ and the time. Never removed: the newest verified one, pinned ones, and what an operation
    needs. When none can be taken, none is removed. Exit 1 when one is taken and the old ones cannot be removed.

    Example: invoke watch.snapshot --min-minutes=50
    """
    from ops_tasks.scenarios import watching

    age = watching.minutes(min_minutes) if min_minutes else None
    return snapshot_unless_young(find(stack), terminal, age, prom=prom, plan=plan)


def snapshot_unless_young(
    found: Stack, terminal: Terminal, age: timedelta | None, *, prom: str = "", plan: bool = False
) -> Document:
    """Take a snapshot and forget old ones, as a watch; with `plan` show what that would do.

    While there is a verified one younger than `age` that is all there is to do: the run is a good one, and pings.
    """
    from ops_tasks.durations import told
    from ops_tasks.namespaces.watched import watched
    from ops_tasks.scenarios import watching
    from ops_tasks.scenarios.verdict import Verdict

    now = datetime.now(UTC)
    if age and (young := watching.fresh(found, age, now)):
        said = f"{young.name} is {told(now - young.created_at)} old: nothing to do"
        idle = Verdict("snapshot", (said,), more={"name": None, "fresh": young.name}, idle=True)
        return watched(found, "snapshot", terminal, lambda _stack, _say: idle, prom=prom, plan=plan)
    if plan:
        return _plan(found, now, terminal)
    return watched(found, "snapshot", terminal, _judge, prom=prom, ready=partial(watching.refuse_busy, found))


def _judge(found: Stack, say: Callable[[str], None]) -> Verdict:
    from ops_tasks.operation import lock
    from ops_tasks.scenarios import watching
    from ops_tasks.scenarios.verdict import Finding, Verdict

    # Who has a database open is asked by the copying: readers, a dashboard for one, may stay.
    lock.refuse_running(found.home)
    refuse_unfinished(found)
    with lock.held(found.home, SNAPSHOT, "-") as descriptor:
        refuse_unfinished(found)
        name = watching.name_at(found, datetime.now(UTC))
        taken = watching.take(found, name, say, (descriptor,))
        said = [f"{name}: {size(taken.bytes)}, verified"]
        more: dict[str, Any] = {"name": name, "fresh": None, "bytes": taken.bytes}
        try:
            gone = watching.forget(found, found.config.watch.keep)
        except (OpsError, OSError) as error:
            why = error.reason if isinstance(error, OpsError) else str(error)
            reason = f"{name} is taken, but the old ones could not be removed: {why}"
            kept = Finding("snapshots", reason, "invoke snapshot.list", "kept")
            return Verdict("snapshot", tuple(said), (kept,), more=more)
    if gone.going or gone.leftovers:
        said.append(f"removed {_words(gone)}: {size(gone.bytes)} freed")
    return Verdict("snapshot", tuple(said), more=more | _told(gone))


def _plan(stack: Stack, now: datetime, terminal: Terminal) -> Document:
    from ops_tasks.operation import lock
    from ops_tasks.report.snapshots import decisions
    from ops_tasks.scenarios import watching
    from ops_tasks.systems import snapshots

    lock.refuse_running(stack.home)
    refuse_unfinished(stack)
    name = watching.name_at(stack, now)
    need, free = snapshots.set_bytes(stack), snapshots.free_bytes(stack)
    terminal.show(f"{escape(name)}: {size(need)} ({size(free)} free); then:")
    if need > free:
        raise Refused(f"a snapshot needs {size(need)} and {size(free)} are free", "free some space")
    held = snapshots.holders(stack)
    for one in held:
        what = f"PID {one['pid']} has {Path(one['file']).name} open: if it writes, there will be none"
        terminal.show(f"[yellow]![/yellow] {escape(what)}")
    gone = watching.plan_forget(stack, stack.config.watch.keep, coming=name)
    terminal.show(decisions([vars(one) | {"created_at": one.created_at.isoformat()} for one in gone.decisions]))
    more = {"name": name, "fresh": None, "bytes": need, "free_bytes": free, "open": held} | _told(gone)
    return Document(SNAPSHOT, "ok", more=more)


def _told(gone: Prune) -> dict[str, Any]:
    return {
        "keep": {one.name: list(one.reasons) for one in gone.decisions if one.reasons},
        "remove": list(gone.going),
        "leftovers": [folder.name for folder in gone.leftovers],
        "freed_bytes": gone.bytes,
    }


def _words(gone: Prune) -> str:
    return ", ".join([*gone.going, *(folder.name for folder in gone.leftovers)])
