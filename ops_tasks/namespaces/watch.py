"""The `watch` namespace: what runs by itself, and what makes it run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.errors import Refused, UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.watch_disk import PROM, disk
from ops_tasks.namespaces.watch_heartbeat import heartbeat
from ops_tasks.namespaces.watch_snapshot import snapshot
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, confirm, escape
from ops_tasks.stack import BACKEND, find

if TYPE_CHECKING:
    from ops_tasks.scenarios.units import Place
    from ops_tasks.scenarios.watching import Watch
    from ops_tasks.stack import Stack

UNITS = "watch.units"


@ops_task(
    "units",
    public=UNITS,
    help={
        "every": "How often, with --only: 15m, 6h, daily, or a calendar of systemd's (default: the watch's own).",
        "only": "One watch, by its name (default: all of them).",
        "user": "For the account's own systemd or crontab; this is the default.",
        "system": "For the system's own, running as this account.",
        "format": "systemd (default) or cron.",
        "write": "Write the files into this folder instead of showing them.",
        "yes": "Replace files that say something else, without a question.",
    },
)
def units(
    _context: Context,
    every: str = "",
    only: str = "",
    user: bool = False,
    system: bool = False,
    format: str = "systemd",
    write: str = "",
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Show or write the systemd units, or the lines of a crontab, that run the watches of this stack.

    They hold no secrets: tokens belong into ~/.config/ops-tasks/env, or for this stack alone into .ops/watch.env, one
    NAME=value a line.

    Example: invoke watch.units --only=snapshot --every=6h --write=~/.config/systemd/user
    """
    from ops_tasks.scenarios import units as scenario

    if user and system:
        raise UsageError("--user and --system exclude each other", "leave one of them out")
    if format not in (scenario.SYSTEMD, scenario.CRON):
        raise UsageError(f"--format: {format!r} is unknown", "systemd or cron")
    found = find(stack)
    watches = _watches(found, only, every)
    where = _place(found, system=system)
    if len(watches) > 1:
        _refuse_shared(where)
    texts = _texts(where, watches, every, format)
    if write:
        files = {Path(write).expanduser().absolute() / name: text for name, text in texts.items()}
        return _write(where, files, terminal, plan=plan, yes=yes)
    for name, text in texts.items():
        terminal.console.out(f"# {name}\n{text}" if format == scenario.SYSTEMD else text, end="", highlight=False)
    return Document(UNITS, "ok", more={"files": texts, "written": []})


def _watches(stack: Stack, only: str, every: str) -> list[Watch]:
    from ops_tasks.errors import nearest
    from ops_tasks.scenarios import watching

    chosen = [watch for watch in watching.of(stack) if only in ("", watch.name)]
    if not chosen:
        raise UsageError(f"--only: no watch {only!r}", nearest(only, [watch.name for watch in watching.of(stack)]))
    if every and len(chosen) > 1:
        raise UsageError("--every is for one watch", f"--only=NAME: {', '.join(watch.name for watch in chosen)}")
    return chosen


def _refuse_shared(where: Place) -> None:
    """What the files of variables say is what the watches will see; else it is what is said here and now."""
    from ops_tasks.scenarios.units import OWN_SECRETS
    from ops_tasks.systems import pings

    home = Path(where.home) if where.home else Path.home()
    setting, address = pings.written([home / OWN_SECRETS, Path(where.secrets)])
    pings.refuse_shared(*((setting, address) if address else pings.configured(where.stack)))


def _place(stack: Stack, *, system: bool) -> Place:
    from pwd import getpwuid

    from ops_tasks.scenarios import units as scenario

    try:
        account = getpwuid(os.getuid()) if system else None
    except KeyError:
        raise UsageError(f"user {os.getuid()} has no name here", "--user") from None
    backend = stack.backend if os.environ.get(BACKEND) else ""
    user, home = (account.pw_name, account.pw_dir) if account else ("", "")
    return scenario.place(stack, sys.executable, backend, user, home)


def _texts(where: Place, watches: list[Watch], every: str, form: str) -> dict[str, str]:
    from ops_tasks.scenarios import units as scenario
    from ops_tasks.systems.units import calendar

    make = scenario.systemd if form == scenario.SYSTEMD else scenario.cron
    made = (make(where, watch, calendar(every or watch.every)) for watch in watches)
    return {name: text for files in made for name, text in files.items()}


def _write(where: Place, files: dict[Path, str], terminal: Terminal, *, plan: bool, yes: bool) -> Document:
    from ops_tasks.scenarios import units as scenario
    from ops_tasks.systems import units as system

    others = system.differing(files)
    for path in files:
        word = "there, and says something else" if path in others else "there" if path.is_file() else "new"
        terminal.show(f"  {escape(str(path))} [dim]({word})[/dim]")
    more: dict[str, Any] = {
        "files": {path.name: text for path, text in files.items()},
        "differing": [str(path) for path in others],
    }
    if plan:
        return Document(UNITS, "ok", more=more | {"written": []})
    if others and not yes:
        if not sys.stdin.isatty():
            raise Refused(f"{others[0]} says something else", "--yes replaces it")
        if not confirm("Replace what says something else?"):
            raise Refused("not confirmed; nothing was changed")
    written = system.write(files)
    after = scenario.next_commands(where, list(files), _known(where, files))
    terminal.show(f"[green]✓[/green] {len(written)} of {len(files)} files written" + ("; then run:" if after else ""))
    for line in after:
        terminal.console.out(f"  {line}", highlight=False)
    return Document(UNITS, "ok", more=more | {"written": [str(path) for path in written], "next": after})


def _known(where: Place, files: Iterable[Path]) -> Path:
    """Where systemd or cron looks for such files."""
    units = any(file.suffix for file in files)
    if where.user:
        return Path("/etc/systemd/system" if units else "/etc/cron.d")
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if Path(config).is_absolute() else Path.home() / ".config") / "systemd" / "user"


@ops_task("once", public="watch.once", help={"prom": PROM, "yes": "Taken, as everywhere; there is no question."})
def once(
    _context: Context, prom: str = "", plan: bool = False, yes: bool = False, stack: str = "", *, terminal: Terminal
) -> Document:
    """Run every watch of the stack once: heartbeat, disk, and a snapshot when there is none younger than 50 minutes.

    One that fails keeps no other from running. Exit 1 when any has found something; when one could not run, its code.

    Example: invoke watch.once
    """
    from ops_tasks.namespaces.watch_once import run_all

    return run_all(find(stack), terminal, prom=prom, plan=plan)


ns = Collection("watch", snapshot, units, heartbeat, disk, once)
