"""`ops.resume`: schedules that stood still go on, and what they have missed is made up for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from ops_tasks.namespaces.deciding import Asked, decide
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import refuse_unless_free
from ops_tasks.namespaces.restating import reload
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape
from ops_tasks.stack import find

if TYPE_CHECKING:
    from ops_tasks.scenarios.resume_facts import Facts
    from ops_tasks.stack import Stack

TASK = "ops.resume"


@ops_task(
    "resume",
    public=TASK,
    iterable=("turn_on", "keep_off"),
    help={
        "since": "Begin of what was missed: a day, or a moment in UTC (default: what the lookback window shows).",
        "until": "End of what was missed (default: now).",
        "reprocess": "Runs that were there: none (default) leaves them, failed runs failed ones again, completed all.",
        "turn_on": "Schedule to turn on although it seems to be off on purpose; may be given several times.",
        "keep_off": "Schedule that stays off, and is turned off if it is on; may be given several times.",
    },
)
def resume(
    _context: Context,
    turn_on: Sequence[str],
    keep_off: Sequence[str],
    since: str = "",
    until: str = "",
    reprocess: str = "none",
    plan: bool = False,
    plan_out: str = "",
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Bring schedules that stood still back: the daemon, the schedules that were on, every run that was missed.

    Shows what was missed per job and partition, takes a named snapshot, starts the daemon (supervised, or by systemd),
    lets the newest missed tick fire by itself, fills the rest one by one, and validates. Killed, it goes on where it
    was (ops.retry); repeated, it runs nothing twice. Days that an ordinary load does not reach any more are backfilled.

    Example: invoke ops.resume --since=2026-04-18
    """
    from ops_tasks.scenarios import resume_diagnosis as diagnosis
    from ops_tasks.scenarios import schedules
    from ops_tasks.scenarios.resume import recover
    from ops_tasks.systems.crew import Crew

    found = find(stack)
    schedules.section_of(found)
    begin = schedules.instant(since, "--since") if since else None
    asked = diagnosis.Asked(
        since=begin,
        until=schedules.instant(until, "--until") if until else None,
        reprocess=reprocess,
        turn_on=tuple(turn_on),
        keep_off=tuple(keep_off),
    )
    told = Asked(plan, yes, _command(asked), plan_out)
    told.check(found)
    with Crew(found.root) as crew:
        refuse_unless_free(found, crew=crew)
        # The whole lookback window, too: the daemon fires what lies outside of the one that is asked for.
        truth = schedules.read(found, crew, since=None if begin is None else schedules.reach(found, begin))
        diagnosis.check(asked, truth)
        seen = [f"{sign.object}: {sign.reason}" for sign in diagnosis.symptoms(found, crew, truth)]
        for line in seen:
            terminal.show(f"[red]✗[/red] {escape(line)}")
        facts = diagnosis.diagnose(found, crew, truth, asked, terminal.show)
        made = recover(found, facts, crew)
        more: dict[str, Any] = {"plan": asdict(facts)}
        if facts.idle:
            terminal.show("Nothing to resume: the daemon lives, and no run is missing.")
            for note in facts.notes:
                terminal.show(f"[yellow]![/yellow] {escape(note)}")
            return later(found, facts, Document(TASK, "ok", more=more), terminal, plan=plan, yes=yes)
        document = decide(found, made, crew, terminal, told, more, seen=seen)
    return document if document.code or told.looks else later(found, facts, document, terminal, plan=plan, yes=yes)


def later(found: Stack, facts: Facts, document: Document, terminal: Terminal, *, plan: bool, yes: bool) -> Document:
    """Look whether the days of the gap have rows now.

    What an ordinary load does not reach any more is backfilled, source by source, each an operation of its own; what
    should have come and has not is told: many sources swallow errors.
    """
    from ops_tasks.scenarios import resume_diagnosis as diagnosis
    from ops_tasks.scenarios.backfill_facts import Options
    from ops_tasks.scenarios.window import Window

    done: list[dict[str, Any]] = []
    findings = [*document.findings, *_failed(found, document, terminal)]
    for name, days in _empty(found).items():
        gap = diagnosis.gap(facts, days)
        lost = diagnosis.left(found, facts, name, gap)
        if lost is not None:
            window = Window(*lost)
            terminal.show(f"\n{name}: {window} is older than its loads reach, and has no rows")
            backfilled = reload(found, (name,), window, Options(), terminal, Asked(plan, yes, ""))
            told = {"source": name, "window": str(window)}
            done.append({**told, "status": backfilled.status, "operation": backfilled.operation})
            if backfilled.code:
                more = {**document.more, "backfills": done}
                return replace(backfilled, task=TASK, findings=[*findings, *backfilled.findings], more=more)
        elif gap and facts.runs:
            reason = f"{name}: {Window(min(gap), max(gap))} lies in the gap and has no or few rows still"
            way = f"invoke ops.backfill --source={name} --start={min(gap)} --end={max(gap)}"
            terminal.show(f"[red]✗[/red] {escape(reason)}")
            terminal.show(f"  → {way}")
            findings.append({"source": name, "reason": reason, "way_out": way})
    status = "findings" if len(findings) > len(document.findings) else document.status
    return replace(document, status=status, findings=findings, more={**document.more, "backfills": done})


def afterwards(
    found: Stack, task: str, arguments: Mapping[str, Any], document: Document, terminal: Terminal
) -> Document:
    """What a direct run looks at when it is through, for a saved plan and for a retry: of a resumption, `later`.

    A direct run backfills what no load reaches any more; that is in no such plan, so it is told, not done.
    """
    from ops_tasks.scenarios import resume_facts

    if task != TASK:
        return document
    told = later(found, resume_facts.from_json(arguments), document, terminal, plan=True, yes=False)
    findings = list(told.findings)
    for one in told.more.get("backfills", []):
        first, _, last = str(one["window"]).partition("..")
        way = f"invoke ops.backfill --source={one['source']} --start={first} --end={last or first}"
        reason = f"{one['source']}: {one['window']} is older than its loads reach, and is not in this plan"
        findings.append({"source": one["source"], "reason": reason, "way_out": way})
    status = "findings" if len(findings) > len(told.findings) else told.status
    return replace(told, task=document.task, status=status, operation=document.operation, findings=findings)


def _failed(found: Stack, document: Document, terminal: Terminal) -> list[dict[str, Any]]:
    """Runs of other work that waited in the queue, and came to a bad end once a daemon lived."""
    from ops_tasks.operation.journal import read

    if document.operation is None:
        return []
    reasons: list[str] = read(found.home, document.operation).results.get("queued", {}).get("failed", [])
    for reason in reasons:
        terminal.show(f"[red]✗[/red] {escape(reason)}: it was queued by somebody else")
    return [{"reason": reason, "way_out": "invoke ops.doctor"} for reason in reasons]


def _empty(found: Stack) -> dict[str, list[date]]:
    """Source -> days of its raw tables that have no or few rows for their weekday."""
    from ops_tasks.scenarios.backfill_diagnosis import survey, suspicious
    from ops_tasks.scenarios.observer import Observer
    from ops_tasks.systems.crew import Crew

    days: dict[str, list[date]] = {}
    dated = [
        name for name, one in found.config.sources.items() if any(table.date_column for table in one.tables.values())
    ]
    with Crew(found.root) as crew:
        observer = Observer(found, crew)
        for name in dated:
            flags = suspicious(found, survey(observer, (name,)))
            mine = {flag.day for flag in flags if flag.table.startswith(f"{found.source(name).catalog}.")}
            days[name] = sorted(mine)
        observer.close()
    return days


def _command(asked: Any) -> str:
    from ops_tasks.scenarios.schedules import clock

    words = ["invoke", TASK]
    words += [f"--since='{clock(asked.since)}'"] if asked.since is not None else []
    words += [f"--until='{clock(asked.until)}'"] if asked.until is not None else []
    words += [f"--reprocess={asked.reprocess}"] if asked.reprocess != "none" else []
    words += [f"--turn-on={name}" for name in asked.turn_on] + [f"--keep-off={name}" for name in asked.keep_off]
    return " ".join(words)
