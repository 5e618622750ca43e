"""`dagster.*`: the scheduler, with the home and the module that the stack is configured for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

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


ns = Collection("dagster", dev)
