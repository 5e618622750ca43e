"""The `snapshot` namespace: named, verified copies of the whole state set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.errors import OpsError, Refused, UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import refuse_unless_free
from ops_tasks.operation import lock
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape, size
from ops_tasks.stack import find
from ops_tasks.systems import snapshots

if TYPE_CHECKING:
    from ops_tasks.scenarios.pruning import Prune
    from ops_tasks.stack import Stack
    from ops_tasks.systems.retention import Pin
    from ops_tasks.systems.snapshots import Snapshot


@ops_task(
    "create",
    public="snapshot.create",
    help={
        "name": "Its name: say why it exists (pre_mart_rewrite).",
        "why": "The reason, in words.",
        "yes": "Taken, as everywhere; there is no question, because nothing is overwritten.",
    },
)
def create(
    _context: Context,
    name: str,
    why: str = "",
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Copy the whole state set as of one moment (databases, WALs, SQLMesh state, dlt working state) and verify it.

    Example: invoke snapshot.create --name=pre_mart_rewrite --why="new species codes"
    """
    if not name:
        raise UsageError("no name given", "--name=NAME; say why it exists")
    found = find(stack)
    snapshots.check_name(name)
    refuse_unless_free(found)
    need, free = snapshots.set_bytes(found), snapshots.free_bytes(found)
    where = snapshots.folder_of(found, name).relative_to(found.root)
    terminal.show(f"{escape(name)}: {size(need)} into {where} ({size(free)} free)")
    more: dict[str, Any] = {"name": name, "bytes": need, "free_bytes": free}
    if need > free:
        raise Refused(f"a snapshot needs {size(need)} and {size(free)} are free", "free some space")
    if plan:
        return Document("snapshot.create", "ok", more=more)
    with lock.held(found.home, "snapshot.create", name) as descriptor:
        taken = snapshots.create(
            found,
            name,
            why=why or "by hand",
            say=lambda text: terminal.step("progress", text, None),
            held=(descriptor,),
        )
    files, points = len(taken.manifest["files"]), len(taken.manifest.get("points", {}))
    kept = f", {points} catalogs at MotherDuck" if points else ""
    terminal.show(f"[green]✓[/green] {escape(name)}: {files} files, {size(taken.bytes)}{kept}, verified")
    return Document("snapshot.create", "ok", more=more | {"bytes": taken.bytes, "files": files})


@ops_task("list", public="snapshot.list")
def show_list(_context: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """List the snapshots: when they were taken, how large they are, when they were verified last, what keeps them.

    On MotherDuck also what it remembers by itself, and when that expires. Exit 1 when a manifest cannot be read, or
    MotherDuck has lost what a snapshot says is kept there.

    Example: invoke snapshot.list
    """
    from ops_tasks.report.snapshots import listing, show_memory
    from ops_tasks.scenarios import pruning
    from ops_tasks.scenarios.memory import memory
    from ops_tasks.systems import retention

    found, now = find(stack), datetime.now(UTC)
    pins = retention.pins(found)
    rows = [_row(snapshot, pins.get(snapshot.name), now) for snapshot in snapshots.every(found)]
    gone = pruning.used_up(found)
    if rows:
        terminal.show(listing(rows, now))
    elif not gone:
        terminal.show("No snapshot yet: invoke snapshot.create --name=NAME")
    for one in gone:
        whom = f"operation {one.operation}" if one.operation else "a restore"
        terminal.show(f"[dim]{escape(one.name)}: used up by {whom}, {size(one.bytes)} left[/dim]")
    findings = _unreadable(found)
    more: dict[str, Any] = {"snapshots": rows, "used_up": [vars(one) for one in gone]}
    if found.remote:
        more["motherduck"] = remembered = memory(found)
        show_memory(terminal, remembered)
        findings += [{"reason": line, "way_out": "take a new one"} for line in remembered["lost"]]
    for finding in findings:
        terminal.show(f"[red]✗[/red] {escape(finding['reason'])}")
    return Document("snapshot.list", "findings" if findings else "ok", findings=findings, more=more)


def _unreadable(stack: Stack) -> list[dict[str, str]]:
    return [{"reason": line, "way_out": "move its folder away"} for line in snapshots.unreadable(stack)]


def _row(snapshot: Snapshot, pin: Pin | None, now: datetime) -> dict[str, Any]:
    kept = pin and {"until": pin.until and pin.until.isoformat(), "why": pin.why, "holds": pin.holds(now.date())}
    return {
        "name": snapshot.name,
        "created_at": snapshot.created_at.isoformat(),
        "bytes": snapshot.bytes,
        "verified_at": snapshot.verified_at.isoformat() if snapshot.verified_at else None,
        "problems": list(snapshot.problems),
        "why": snapshot.why,
        "forensic": snapshot.forensic,
        "kept": kept,
    }


@ops_task(
    "verify",
    public="snapshot.verify",
    help={"name": "The snapshot to read back.", "all": "Read every snapshot back."},
)
def verify(_context: Context, name: str = "", all: bool = False, stack: str = "", *, terminal: Terminal) -> Document:
    """Read a snapshot back: every file's presence, size and sha256, every database block's checksum.

    Exit 1 when one is damaged; it does not count as verified from then on.

    Example: invoke snapshot.verify --all
    """
    if bool(name) == all:
        raise UsageError("say which snapshot to verify", "--name=NAME, or --all")
    found = find(stack)
    names = [snapshot.name for snapshot in snapshots.every(found)] if all else [name]
    findings = _unreadable(found) if all else []
    for finding in findings:
        terminal.show(f"[red]✗[/red] {escape(finding['reason'])}")
    for one in names:
        problems = _problems(found, one, terminal)
        findings += [{"reason": f"{one}: {problem}", "way_out": "take a new one"} for problem in problems]
        if problems:
            others = f" (and {len(problems) - 1} more)" if problems[1:] else ""
            terminal.show(f"[red]✗[/red] {escape(f'{one}: {problems[0]}')}{others}")
        else:
            terminal.show(f"[green]✓[/green] {escape(one)} is whole")
    if not names and not findings:
        terminal.show("No snapshot yet: invoke snapshot.create --name=NAME")
    return Document("snapshot.verify", "findings" if findings else "ok", findings=findings, more={"names": names})


def _problems(stack: Stack, name: str, terminal: Terminal) -> list[str]:
    """What is wrong with a snapshot, also where it cannot even be looked at; an unknown name is a usage error."""
    try:
        return snapshots.verify(stack, name, lambda text: terminal.step("progress", text, None))
    except UsageError:
        raise
    except OpsError as error:
        return [error.reason]


@ops_task(
    "keep",
    public="snapshot.keep",
    positional=("name",),
    help={
        "name": "The snapshot to keep.",
        "until": "Last day on which it has to be there, YYYY-MM-DD (default: for ever).",
        "why": "The reason, in words.",
        "off": "Leave it to the policy of snapshot.prune again.",
    },
)
def keep(
    _context: Context,
    name: str,
    until: str = "",
    why: str = "",
    off: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Keep a snapshot, whatever the policy of snapshot.prune says.

    Example: invoke snapshot.keep pre_mart_rewrite --until=2027-01-31 --why="until the audit is over"
    """
    from ops_tasks.systems import retention

    if off and (until or why):
        raise UsageError("--off ends a pin", "leave --until and --why out")
    found = find(stack)
    day = retention.parse_until(until, datetime.now(UTC).date())
    with lock.held(found.home, "snapshot.keep", name):
        if off:
            retention.unpin(found, name)
        else:
            retention.pin(found, name, day, why or "by hand")
    terminal.show(f"{escape(name)}: {'left to the policy' if off else f'kept until {day}' if day else 'kept for ever'}")
    return Document("snapshot.keep", "ok", more={"name": name, "kept": not off, "until": day and day.isoformat()})


@ops_task(
    "prune",
    public="snapshot.prune",
    short=False,
    help={
        "keep_last": "Keep this many of the newest.",
        "keep_daily": "Keep the newest of each of the last N days that have one.",
        "keep_weekly": "Keep the newest of each of the last N weeks that have one.",
        "keep_monthly": "Keep the newest of each of the last N months that have one.",
        "keep_within": "Keep all that were taken within this time before the newest (7d, 1y5m7d2h).",
        "dry_run": "The same as --plan.",
    },
)
def prune(
    _context: Context,
    keep_last: str = "",
    keep_daily: str = "",
    keep_weekly: str = "",
    keep_monthly: str = "",
    keep_within: str = "",
    dry_run: bool = False,
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Remove the snapshots that no policy keeps, and what used-up and half-made ones have left.

    Never removed: the newest verified one, those that snapshot.keep keeps, those that a stopped operation or the undo
    of the last one needs. Copies of damaged sets stay for 30 days.

    Example: invoke snapshot.prune --keep-last=3 --keep-daily=7 --keep-weekly=4
    """
    from ops_tasks.namespaces.guards import agree
    from ops_tasks.scenarios.pruning import plan_prune
    from ops_tasks.scenarios.pruning import prune as carry_out
    from ops_tasks.systems.retention import Policy, parse_count, parse_within

    given = {"last": keep_last, "daily": keep_daily, "weekly": keep_weekly, "monthly": keep_monthly}
    counts = {word: parse_count(word, text) for word, text in given.items()}
    policy = Policy(**counts, within=parse_within(keep_within))
    if policy.empty:
        raise UsageError("no policy given", "for example --keep-last=3 --keep-daily=7 --keep-weekly=4")
    found = find(stack)
    lock.refuse_running(found.home)
    planned = plan_prune(found, policy)
    _show_prune(planned, found, terminal)
    more = {
        "keep": {one.name: list(one.reasons) for one in planned.decisions if one.reasons},
        "remove": list(planned.going),
        "leftovers": [folder.name for folder in planned.leftovers],
        "unreadable": snapshots.unreadable(found),
        "bytes": planned.bytes,
    }
    if plan or dry_run or not (planned.going or planned.leftovers):
        return Document("snapshot.prune", "ok", more=more)
    flags = [f" --keep-{word}={count}" for word, count in counts.items() if count]
    flags += [f" --keep-within={keep_within}"] if keep_within else []
    if not agree(terminal, "Remove them?", yes=yes, command=f"invoke snapshot.prune{''.join(flags)}"):
        raise Refused("not confirmed; nothing was changed")
    with lock.held(found.home, "snapshot.prune", "-"):
        now = plan_prune(found, policy)
        if (now.going, now.leftovers) != (planned.going, planned.leftovers):
            raise Refused("there are other snapshots now than those that were shown", "look again with --plan")
        carry_out(found, now)
    terminal.show(f"[green]✓[/green] removed, {size(planned.bytes)} freed")
    return Document("snapshot.prune", "ok", more=more)


def _show_prune(planned: Prune, stack: Stack, terminal: Terminal) -> None:
    from ops_tasks.report.snapshots import decisions

    if planned.decisions:
        terminal.show(decisions([vars(one) | {"created_at": one.created_at.isoformat()} for one in planned.decisions]))
    for folder in planned.leftovers:
        terminal.show(f"  - {escape(folder.name)} [dim](left over)[/dim]")
    for line in snapshots.unreadable(stack):
        terminal.show(f"[yellow]![/yellow] {escape(line)}; it is left alone")
    left = f" and {len(planned.leftovers)} left over" if planned.leftovers else ""
    terminal.show(f"{len(planned.going)} snapshots go{left}, {size(planned.bytes)} become free")


ns = Collection("snapshot", create, show_list, verify, keep, prune)
