"""`dagster.*`: the scheduler, with the home and the module that the stack is configured for."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape


@ops_task("dev", help={"port": "Port of the web server."}, public="dagster.dev")
def dev(c: Context, stack: str = "", port: int = 3000, plan: bool = False, *, terminal: Terminal) -> Document:
    """Become `dagster dev`: web server and daemon in the foreground, recording into the stack's own DAGSTER_HOME.

    Example: invoke dagster.dev --port=3001
    """
    import os
    import sys

    from ops_tasks.errors import UsageError
    from ops_tasks.stack import find
    from ops_tasks.systems.load import python_path
    from ops_tasks.systems.worker import QUIET, require

    found = find(stack)
    section = found.config.dagster
    if section is None:
        raise UsageError("no dagster is configured", "write `dagster: {module, home}` into the ops: section")
    require("dagster", "dagster")
    home = (found.root / section.home).resolve()
    command = [sys.executable, "-m", "dagster", "dev", "-m", section.module, "-d", str(found.root), "-p", str(port)]
    terminal.show(f"DAGSTER_HOME={escape(str(home))} {escape(' '.join(command))}")
    if plan:
        return Document("dagster.dev", "ok", more={"command": command, "home": str(home), "planned": True})
    home.mkdir(parents=True, exist_ok=True)
    os.chdir(found.root)
    os.execve(
        sys.executable,
        command,
        {**os.environ, **QUIET, "DAGSTER_HOME": str(home), "PYTHONPATH": python_path(found)},
    )


ns = Collection("dagster", dev)
