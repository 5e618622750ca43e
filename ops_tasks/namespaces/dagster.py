"""`dagster.*`: the scheduler, with the home and the module that the stack is configured for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.stack import Stack


@ops_task("dev", help={"port": "Port of the web server."}, public="dagster.dev")
def dev(c: Context, stack: str = "", port: int = 3000, plan: bool = False, *, terminal: Terminal) -> Document:
    """Become `dagster dev`: web server and daemon in the foreground, recording into the stack's own DAGSTER_HOME.

    Example: invoke dagster.dev --port=3001
    """
    import sys

    from ops_tasks.errors import UsageError
    from ops_tasks.stack import find
    from ops_tasks.systems.worker import require

    found = find(stack)
    section = found.config.dagster
    if section is None:
        raise UsageError("no dagster is configured", "write `dagster: {module, home}` into the ops: section")
    if terminal.console.file is sys.stderr and not plan:
        raise UsageError("dagster's own output is no JSON document", "give --plan too, or leave --json out")
    require("dagster", "dagster")
    home = (found.root / section.home).resolve()
    command = [sys.executable, "-m", "dagster", "dev", "-m", section.module, "-d", str(found.root), "-p", str(port)]
    terminal.show(f"DAGSTER_HOME={escape(str(home))} {escape(' '.join(command))}")
    if not plan:
        _become(found, command, home)
    return Document("dagster.dev", "ok", more={"command": command, "home": str(home), "planned": True})


def _become(stack: Stack, command: list[str], home: Path) -> NoReturn:
    """Replace this process, so that signals reach Dagster itself."""
    import os
    import sys

    from ops_tasks.systems.load import python_path
    from ops_tasks.systems.worker import QUIET

    home.mkdir(parents=True, exist_ok=True)
    os.chdir(stack.root)
    environment = {**os.environ, **QUIET, "DAGSTER_HOME": str(home), "PYTHONPATH": python_path(stack)}
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - an argument list, and no shell


@ops_task("start", public="dagster.start", help={"yes": "Taken, as everywhere; there is no question."})
def start(_context: Context, plan: bool = False, yes: bool = False, stack: str = "", *, terminal: Terminal) -> Document:
    """Start the daemon, under a keeper that starts it again when it dies, or by telling systemd (ops.dagster.unit).

    Nothing is made up for: that is ops.resume. Does nothing when one lives, and refuses beside one that hangs.

    Example: invoke dagster.start
    """
    from ops_tasks.errors import Refused
    from ops_tasks.scenarios import schedules
    from ops_tasks.stack import find
    from ops_tasks.systems import daemon

    found = find(stack)
    section, home = schedules.section_of(found), schedules.home_of(found)
    if there := daemon.processes(home):
        hung = [one for one in there if one.stopped]
        if hung:
            raise Refused(f"process {hung[0].pid} is a daemon that is stopped by a signal", "invoke ops.resume ends it")
        terminal.show(f"process {there[0].pid} is the daemon: nothing to do")
        return Document("dagster.start", "ok", more={"started": False, "pid": there[0].pid})
    words = daemon.command(section.module, found.root)
    words = daemon.unit_command("start", section.unit) if section.unit else words
    terminal.show(f"DAGSTER_HOME={escape(str(home))} {escape(' '.join(words))}")
    if plan:
        return Document("dagster.start", "ok", more={"started": False, "command": words})
    if section.unit:
        daemon.tell_systemd("start", section.unit)
        return Document("dagster.start", "ok", more={"started": True, "pid": None})
    home.mkdir(parents=True, exist_ok=True)
    pid = daemon.start(found.home, found.root, words, schedules.environment(found))
    log = daemon.folder_of(found.home) / daemon.LOG
    terminal.show(f"[green]✓[/green] process {pid} keeps it; its log: {escape(str(log))}")
    return Document("dagster.start", "ok", more={"started": True, "pid": pid, "log": str(log)})


@ops_task("stop", public="dagster.stop", help={"yes": "Taken, as everywhere; there is no question."})
def stop(_context: Context, plan: bool = False, yes: bool = False, stack: str = "", *, terminal: Terminal) -> Document:
    """End the daemon that ops.resume or dagster.start has started, with its keeper; or tell systemd (ops.dagster.unit).

    A run that is going on is not ended: it is named, and writes on until it is done.

    Example: invoke dagster.stop
    """
    from ops_tasks.scenarios import schedules
    from ops_tasks.stack import find
    from ops_tasks.systems import daemon

    found = find(stack)
    section = schedules.section_of(found)
    kept = daemon.kept(found.home)
    if not section.unit and kept is None:
        others = daemon.processes(schedules.home_of(found))
        told = f"process {others[0].pid} is a daemon that somebody else has started" if others else "no daemon runs"
        terminal.show(f"{told}: nothing to do")
        return Document("dagster.stop", "ok", more={"stopped": False})
    what = section.unit or f"process {kept}"
    if plan:
        terminal.show(f"{escape(str(what))} would be ended")
        return Document("dagster.stop", "ok", more={"stopped": False})
    if section.unit:
        daemon.tell_systemd("stop", section.unit)
    else:
        daemon.stop(found.home)
    terminal.show(f"[green]✓[/green] {escape(str(what))} is ended")
    going = _going(found)
    for run in going:
        process = f", process {run['pid']}" if run["pid"] else ""
        terminal.show(f"[yellow]![/yellow] run {run['id'][:8]} of {escape(run['job'])} goes on{process}")
    return Document("dagster.stop", "ok", more={"stopped": True, "going_on": going})


def _going(found: Stack) -> list[dict[str, Any]]:
    """The runs that go on without the daemon: id, job and process."""
    from ops_tasks.scenarios import resume_steps, schedules
    from ops_tasks.systems.crew import Crew

    if not schedules.was_used(schedules.home_of(found)):
        return []
    with Crew(found.root) as hands:
        runs = hands.call(resume_steps.hire(found, hands), "going")
    return [{key: run[key] for key in ("id", "job", "pid")} for run in runs]


ns = Collection("dagster", dev, start, stop)
