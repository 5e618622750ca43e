"""`ops.restore`: the whole set at a moment, a part of a snapshot, or one database from a plain file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.deciding import Asked, command
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.recovery import HISTORY, RED, recovery
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.scenarios.moments import Past
    from ops_tasks.scenarios.recovery_facts import Facts
    from ops_tasks.stack import Stack
    from ops_tasks.systems.crew import Crew


@ops_task(
    "restore",
    public="ops.restore",
    help={
        "snapshot": "Name of the snapshot (snapshot.list shows them), or the name or id of one of MotherDuck's.",
        "at": "The newest state at or before 'YYYY-MM-DD HH:MM:SS', in UTC unless --tz or an offset says otherwise.",
        "tz": "Time zone of --at: Europe/Berlin.",
        "in_place": "Path B: bring it back at once, without laying a copy beside the present and judging that first.",
        "file": "Restore one database from a plain file, mending the state and all that hangs on it.",
        "catalog": "With --file: which database it is a backup of (default: the one of that name).",
        "only": "Restore a part: marts, raw or state; the rest is made to agree.",
        "allow_history_loss": HISTORY,
        "accept_red": RED,
    },
)
def restore(
    _context: Context,
    snapshot: str = "",
    at: str = "",
    tz: str = "",
    in_place: bool = False,
    file: str = "",
    catalog: str = "",
    only: str = "",
    plan: bool = False,
    plan_out: str = "",
    yes: bool = False,
    allow_history_loss: bool = False,
    accept_red: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Bring the whole set back to a moment: databases, SQLMesh's state, dlt's working state. What is there now is kept.

    Path A, the default: keep the present, lay the past beside it, verify the copy and its contracts, show what differs
    per table and day, and ask once more before the cut. ops.rollback returns to the present that was kept.

    Example: invoke ops.restore --at='2026-04-20 12:00' --tz=Europe/Berlin
    """
    from pathlib import Path

    from ops_tasks.scenarios import restore as scenario
    from ops_tasks.scenarios.recovery_facts import Options

    _check(snapshot, at, tz, file, catalog, only, in_place=in_place)
    options = Options(allow_history_loss, accept_red)

    seen: list[str] = []
    more: dict[str, Any] = {}

    def facts(found: Stack, crew: Crew) -> Facts:
        if file:
            return scenario.from_file(found, Path(file).expanduser().resolve(), catalog, options, crew)
        past = _found(found, snapshot, at, tz, crew, terminal)
        seen.append(f"the state of {past.created_at} is there as {past.label}")
        if only:
            return scenario.part_of(found, past, only, options, crew)
        if plan or plan_out:
            more.update(_foresee(found, past, crew, terminal))
        return scenario.to_past(found, past, options, crew, in_place=in_place)

    recover: Callable[[Stack, Facts, Crew], Plan] = partial(scenario.recover, agree=asking(terminal, yes=yes))
    told = command(
        scenario.TASK,
        snapshot=snapshot,
        at=at,
        tz=tz,
        in_place=in_place,
        file=file,
        catalog=catalog,
        only=only,
        allow_history_loss=allow_history_loss,
        accept_red=accept_red,
    )
    asked = Asked(plan, yes, told, plan_out)
    return recovery(terminal, stack, scenario.TASK, facts, recover, asked=asked, seen=seen, more=more)


def _check(snapshot: str, at: str, tz: str, file: str, catalog: str, only: str, *, in_place: bool) -> None:
    if sum(bool(one) for one in (snapshot, at, file)) != 1:
        raise UsageError("say what to restore", "one of --snapshot=NAME, --at=TIME, --file=PATH")
    if tz and not at:
        raise UsageError("--tz goes with --at")
    if catalog and not file:
        raise UsageError("--catalog goes with --file")
    if only and file:
        raise UsageError("--only goes with --snapshot or --at", "--file is one database already")
    if in_place and (only or file):
        raise UsageError("--in-place is for the whole set", "a part, or a file, is restored in place anyway")


def _found(stack: Stack, snapshot: str, at: str, tz: str, crew: Crew, terminal: Terminal) -> Past:
    """The past that is meant, shown with all that is known of it."""
    from datetime import UTC, datetime

    from ops_tasks.report.moments import show_moment
    from ops_tasks.scenarios import moments

    asked = ""
    if snapshot:
        past = moments.named(stack, snapshot, crew)
    else:
        meant = moments.instant(at, tz, datetime.now(UTC))
        asked = f"{at} {tz} = {moments.shown(meant)}" if tz else moments.shown(meant)
        past = moments.newest(stack, meant, crew)
    show_moment(terminal, asked, asdict(past), moments.circumstances(stack, past, crew))
    return past


def _foresee(stack: Stack, past: Past, crew: Crew, terminal: Terminal) -> dict[str, Any]:
    """Show what the cut would change, as far as that can be seen without a copy, and return it for --json.

    The files of a snapshot can be read (`differs`: table -> rows added, removed, changed, per day); at MotherDuck only
    what the present, the manifest and the state tell (`foreseen`: table -> rows now and then, and what came per day).
    """
    from ops_tasks.report.moments import show_difference, show_foreseen
    from ops_tasks.scenarios.differing import differences
    from ops_tasks.scenarios.foreseeing import foresee
    from ops_tasks.systems.snapshots import databases_in, get

    def say(text: str) -> None:
        terminal.step("progress", text, None)

    if stack.remote:
        foreseen = {name: asdict(one) for name, one in foresee(stack, past, crew, say).items()}
        show_foreseen(terminal, foreseen)
        return {"foreseen": foreseen}
    if past.snapshot is None:
        return {}
    differs = differences(stack, databases_in(stack, get(stack, past.snapshot).folder), crew, say)
    show_difference(terminal, differs)
    return {"differs": differs}


def asking(terminal: Terminal, *, yes: bool) -> Callable[[Mapping[str, Any]], bool]:
    """The question before the cut, with what the cut changes in front of it."""
    from ops_tasks.report.moments import show_difference
    from ops_tasks.report.terminal import confirm

    def agree(difference: Mapping[str, Any]) -> bool:
        terminal.pause()
        show_difference(terminal, difference)
        if yes:
            terminal.show(escape("--yes: the cut follows"))
            return True
        return confirm("Cut over now? The present stays under its name.")

    return agree
