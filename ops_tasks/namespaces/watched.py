"""Around every watch: the pings, what people and machines are told, and the exit code."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ops_tasks.errors import Busy, OpsError
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.scenarios.verdict import Finding, Gauge, Verdict
    from ops_tasks.stack import Stack

# A process or a size in the reason of a watch that could not run is another at every run, and nothing new.
NUMBER = re.compile(r"\d[\d.,]*")
Judge = Callable[["Stack", Callable[[str], None]], "Verdict"]


def watched(
    stack: Stack,
    name: str,
    terminal: Terminal,
    judge: Judge,
    *,
    prom: str = "",
    plan: bool = False,
    ready: Callable[[], None] | None = None,
) -> Document:
    """Run the judge of a watch; ping before and after, tell people and Prometheus; exit 1 when it finds something.

    `Busy`, of the judge or of `ready`, which is asked before the first ping, is no news of the stack: nobody is told,
    and the dead-man service gets a line in its log. It counts a start without an end as a failure, hence `ready`.
    With `plan` nobody is told anything: the watch only looks.
    """
    from ops_tasks.scenarios.verdict import Finding
    from ops_tasks.systems import notify, textfile
    from ops_tasks.systems.pings import pinger

    task = f"watch.{name}"
    file = textfile.target(prom, name) if prom else None
    ping = pinger(stack, task)
    if plan:
        return _document(task, _shown(judge(stack, terminal.show), terminal))
    try:
        if ready is not None:
            ready()
        ping.start()
        verdict = judge(stack, lambda text: terminal.step("progress", text, None))
    except Busy as error:
        ping.note(error.reason)
        raise
    except BaseException as error:
        code, reason = _died(error)
        ping.end(code, reason)
        _complain(_exposed(file, _health(name, well=False)))
        about = [NUMBER.sub("#", reason)]
        _complain(notify.change(stack.home / "watch" / f"{name}.json", _title(stack, task), about, reason))
        raise
    # What cannot be written is a finding of its own: a full disk must not keep the others from being told.
    if unwritten := _exposed(file, [*_health(name, well=not verdict.findings), *verdict.gauges]):
        more = Finding("prom", unwritten, "make room, or give --prom another folder", "unwritten")
        verdict = replace(verdict, findings=(*verdict.findings, more), idle=False)
    _shown(verdict, terminal)
    told = "\n".join([*verdict.said, *(line(finding) for finding in verdict.findings)])
    if not verdict.idle:
        about = sorted({f"{finding.object}: {finding.kind}" for finding in verdict.findings})
        _complain(notify.change(stack.home / "watch" / f"{name}.json", _title(stack, task), about, told))
    document = _document(task, verdict)
    ping.end(document.code, told)
    return document


def _died(error: BaseException) -> tuple[int, str]:
    if isinstance(error, OpsError):
        return error.exit_code, error.reason
    return 1, f"{type(error).__name__}: {error}"


def line(finding: Finding) -> str:
    """A finding in one line."""
    return f"{finding.object}: {finding.reason}" + (f" → {finding.way_out}" if finding.way_out else "")


def _shown(verdict: Verdict, terminal: Terminal) -> Verdict:
    for text in verdict.said:
        terminal.show(f"[green]✓[/green] {escape(text)}")
    # On standard error: of what cron runs nobody sees anything else.
    loud = Terminal(json=True, place=terminal.place)
    for finding in verdict.findings:
        loud.show(f"[red]✗[/red] {escape(f'{finding.object}: {finding.reason}')}")
        if finding.way_out:
            loud.show(f"  → {escape(finding.way_out)}")
    return verdict


def _document(task: str, verdict: Verdict) -> Document:
    findings = [asdict(finding) for finding in verdict.findings]
    more = {"gauges": [asdict(gauge) for gauge in verdict.gauges], "said": list(verdict.said), **verdict.more}
    return Document(task, "findings" if findings else "ok", findings=findings, more=more)


def _health(name: str, *, well: bool) -> list[Gauge]:
    from ops_tasks.scenarios.verdict import Gauge

    label = {"watch": name}
    return [
        Gauge("ops_watch_healthy", "Whether a watch has found nothing", float(well), label),
        Gauge("ops_watch_last_run_timestamp_seconds", "When a watch ran last", time.time(), label),
    ]


def _title(stack: Stack, task: str) -> str:
    return f"{task} of {stack.file.parent.name} on {os.uname().nodename}"


def _exposed(file: Path | None, gauges: list[Gauge]) -> str | None:
    """Write the measurements for Prometheus, where that is asked for; the reason where it is not possible."""
    from ops_tasks.systems import textfile

    if file is None:
        return None
    try:
        textfile.write(file, gauges)
    except OSError as error:
        return f"{file} cannot be written: {error.strerror or error}"
    return None


def _complain(why: str | None) -> None:
    if why:
        Terminal(json=True).show(f"[yellow]![/yellow] {escape(why)}")
