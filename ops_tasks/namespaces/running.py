"""Runs a plan for any changing task, and tells how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ops_tasks.errors import UsageError
from ops_tasks.operation.journal import Journal, Record, operations
from ops_tasks.report.document import EXITS, Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.operation.plan import Plan
    from ops_tasks.operation.runner import Outcome
    from ops_tasks.stack import Stack

STATUS = {"succeeded": "ok", "refused": "refused", "put_back": "put_back", "stopped": "stopped"}


def run_plan(
    stack: Stack,
    plan: Plan,
    terminal: Terminal,
    descriptor: int,
    more: Mapping[str, Any],
    record: Record | None = None,
) -> Document:
    """Run a plan under the lock and tell how it ended."""
    from ops_tasks.operation.runner import run
    from ops_tasks.systems.pings import pinger
    from ops_tasks.systems.secrets import redact, survives

    if not survives(plan.arguments):
        reason = "a secret (of the environment, or of .dlt/secrets.toml) is the same as a name in this plan"
        raise UsageError(f"{reason}: its journal could not be read again", "rename one of them; nothing was changed")
    folder = operations(stack.home) / plan.operation
    done = record.results if record is not None else None
    terminal.show()
    task = plan.task if record is None else "ops.retry"
    ping = pinger(stack, task, operation=True)
    ping.start()
    outcome = run(plan, Journal(folder, redact), say=terminal.step, done=done, held=(descriptor,))
    code = EXITS[STATUS[outcome.status]]
    ping.end(code, f"{plan.title} ({plan.operation}): {outcome.status} {outcome.reason}".strip())
    told = steps(plan, None, outcome)
    if outcome.status == "succeeded":
        changes = _changes(stack, plan, terminal)
        for table, rows in _removed(outcome):
            terminal.show(f"[green]✓[/green] {escape(table)}: {rows:,} rows without a parent removed")
        findings = [{"step": "restate", "reason": text, "way_out": ""} for text in _skipped(outcome)]
        for clone in (one for result in outcome.results.values() for one in result.get("overwritten", [])):
            reason = f"somebody else wrote in the moment of the cut: what was there is kept as {clone}"
            findings.append(
                {"step": "cut", "reason": reason, "way_out": "look into it, and bring over what is missing"}
            )
        for finding in findings:
            terminal.show(f"[yellow]![/yellow] {escape(str(finding['reason']))}")
        terminal.show(f"\n[green]✓[/green] {escape(plan.title)}: done. Undo: invoke ops.rollback {plan.operation}")
        return Document(task, "ok", plan.operation, told, findings, {**more, "changes": changes})
    terminal.show(f"[red]✗[/red] {escape(outcome.reason)}")
    if outcome.way_out:
        terminal.show(f"  → {escape(outcome.way_out)}")
    if outcome.status == "stopped":
        choice = f"invoke ops.retry {plan.operation}, or invoke ops.rollback {plan.operation}"
        terminal.show(f"  Not everything could be put back. → {choice}")
    else:
        terminal.show(_as_before(stack, outcome) if plan.snapshot in outcome.results else "")
    finding = {"step": outcome.step, "reason": outcome.reason, "way_out": outcome.way_out}
    return Document(task, STATUS[outcome.status], plan.operation, told, [finding], dict(more))


def _as_before(stack: Stack, outcome: Outcome) -> str:
    if outcome.theirs:
        rest, theirs = "file and catalog" if stack.remote else "file", ", ".join(outcome.theirs)
        said = f"{theirs} as somebody else has written it meanwhile; every other {rest} is as before."
    elif stack.remote:
        said = "Every file is byte-identical to before, every catalog holds what it held."
    else:
        said = "Every file is byte-identical to before."
    if outcome.aside:
        said += f"\n  What was there until then is kept, others may have written to it: {', '.join(outcome.aside)}"
    return f"  {said}"


def _changes(stack: Stack, plan: Plan, terminal: Terminal) -> list[Any]:
    """What a backfill has written down of its own effects; other tasks have no such list."""
    from ops_tasks.report.backfill import show_changes
    from ops_tasks.scenarios.backfill_facts import from_json
    from ops_tasks.scenarios.backfill_validation import REPORT

    file = operations(stack.home) / plan.operation / REPORT
    if not file.is_file():
        return []
    changes: list[Any] = json.loads(file.read_text(encoding="utf-8"))
    terminal.show()
    show_changes(terminal, changes, from_json(plan.arguments).window)
    return changes


def _removed(outcome: Outcome) -> list[tuple[str, int]]:
    """Child rows without a parent that ordinary loads have removed; the changes of a backfill tell its own."""
    return [told for result in outcome.results.values() for told in result.get("orphans", {}).items()]


def _skipped(outcome: Outcome) -> list[str]:
    """Audits that no step has run: a definition may say so (`skip true`), but not without a word."""
    audits: list[dict[str, Any]] = list(outcome.results.get("restate", {}).get("audits", []))
    names = {f"{audit['audit']} of {audit['model']}".replace('"', "") for audit in audits if audit["skipped"]}
    return [f"audit {name} did not run: its definition skips it" for name in sorted(names)]


def steps(plan: Plan, record: Record | None = None, outcome: Outcome | None = None) -> list[dict[str, Any]]:
    """The steps of a plan for the document: as planned, as an earlier run left them, or as this run did."""
    results = record.results if record else outcome.results if outcome else {}
    failed = outcome.step if outcome else None
    return [
        {
            "name": step.name,
            "title": step.title,
            "equivalent": step.equivalent,
            "status": "done" if step.name in results else "failed" if step.name == failed else "pending",
            "seconds": outcome.seconds.get(step.name) if outcome else None,
        }
        for step in plan.steps
    ]
