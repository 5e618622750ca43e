"""Steps that operations of the daily routine share: the snapshot before, the checks after, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios.verify import Say, Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

REFRESH, PROMOTE = "full-refresh", "promote"


def take(stack: Stack, name: str, run: Run) -> Result:
    """One that this operation took before it was killed is verified and used."""
    try:
        taken = snapshots.get(stack, name)
    except UsageError:
        why = f"before operation {run.operation}"
        taken = snapshots.create(stack, name, why=why, say=run.say, log=run.log, held=run.held)
    else:
        if problems := snapshots.verify(stack, name, run.say):
            raise StepFailed(f"snapshot {name} does not verify: {problems[0]}")
    return {"snapshot": taken.name, "bytes": taken.bytes}


def well(check: Callable[[Stack, Say], Verdict], stack: Stack, run: Run) -> Result:
    """What a check has found, as a step's result."""
    verdict = check(stack, run.say)
    return {"said": verdict.said, "findings": [dict(found) for found in verdict.findings]}


def no_findings(_run: Run, result: Result) -> None:
    """Fail a step whose check has found something."""
    if result["findings"]:
        first = result["findings"][0]
        more = len(result["findings"]) - 1
        raise StepFailed(f"{first['reason']}{f' (and {more} more)' if more else ''}", first["way_out"])


def put_back(stack: Stack, name: str, run: Run) -> Result:
    """Put the operation's own snapshot back."""
    aside = run.folder / "aside"
    told: dict[str, Any] = {"say": run.say, "log": run.log, "held": run.held, "untouched": run.untouched}
    return snapshots.restore(stack, name, aside, consume=True, **told)
