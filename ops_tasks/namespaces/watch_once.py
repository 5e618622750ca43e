"""All watches in a row: for machines that have one timer, and for CI."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ops_tasks.errors import OpsError, UsageError
from ops_tasks.namespaces.watch_snapshot import snapshot_unless_young
from ops_tasks.namespaces.watched import watched
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.stack import Stack

YOUNG = timedelta(minutes=50)


def run_all(stack: Stack, terminal: Terminal, *, prom: str, plan: bool) -> Document:
    """Run each watch that the stack can have; the document has one entry per watch.

    Raises `UsageError`, before any has run, when they would write one file or ping one check.
    """
    from ops_tasks.scenarios import watching
    from ops_tasks.systems import pings

    watches = watching.of(stack)
    if prom and "{watch}" not in prom:
        raise UsageError("--prom: every watch writes a file of its own", "write {watch} into the name")
    if len(watches) > 1:
        pings.refuse_shared(*pings.configured(stack))
    told: dict[str, Any] = {}
    findings: list[dict[str, Any]] = []
    code = 0
    for watch in watches:
        try:
            document = _bodies(stack, terminal, prom=prom, plan=plan)[watch.name]()
        except OpsError as error:
            Terminal(json=True, place=terminal.place).show(f"[red]✗[/red] {watch.task}: {escape(error.reason)}")
            told[watch.name] = {"status": error.status, "reason": error.reason}
            findings.append({"object": watch.name, "reason": error.reason, "way_out": error.way_out})
            code = max(code, error.exit_code)
        else:
            told[watch.name] = {"status": document.status, **document.more}
            findings += [{"watch": watch.name, **one} for one in document.findings]
            code = max(code, document.code)
    return Document(
        "watch.once", "findings" if findings else "ok", findings=findings, more=told, exit_code=code or None
    )


def _bodies(stack: Stack, terminal: Terminal, *, prom: str, plan: bool) -> dict[str, Callable[[], Document]]:
    from ops_tasks.scenarios import disk, heartbeat

    out: dict[str, Any] = {"prom": prom, "plan": plan}
    return {
        "snapshot": partial(snapshot_unless_young, stack, terminal, YOUNG, **out),
        "heartbeat": partial(watched, stack, "heartbeat", terminal, partial(heartbeat.judge, note=not plan), **out),
        "disk": partial(watched, stack, "disk", terminal, partial(disk.judge, note=not plan), **out),
    }
