"""Validation of a partial backfill: what changed, whether it was allowed to, and whether the marts keep their word."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

from ops_tasks.errors import StepFailed
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios.backfill_facts import Facts
from ops_tasks.scenarios.backfill_steps import AFTER, BEFORE, measure, measured
from ops_tasks.scenarios.compare import compare
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.worker import require

REPORT = "comparison.json"


def audits_passed(_run: Run, result: Result) -> None:
    """Raise when an audit of a restated model found anything, or could not run."""
    for audit in cast("list[dict[str, Any]]", result["audits"]):
        if audit["failures"]:
            raise StepFailed(f"audit {audit['audit']} of {audit['model']} found {audit['failures']} rows")


def compared(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Measure again, compare with before, and raise when anything changed that had no right to."""
    databases = stack.catalogs
    hands = crew.on(run.log, run.held)
    if found.contracts:
        _begin_verify(stack, found.contracts, found, hands, databases)
    told = measure(found, hands, run, databases, AFTER)
    result = compare(
        measured(run, BEFORE),
        measured(run, AFTER),
        found.roles,
        found.window,
        allow_history_loss=found.options.allow_history_loss,
        lost=_lost_keys(stack, found, hands, run, databases),
    )
    changes = [asdict(change) for change in result.changes]
    (run.folder / REPORT).write_text(json.dumps(changes, default=str), encoding="utf-8")
    if result.violations:
        raise StepFailed("; ".join(v.reason for v in result.violations[:3]), result.violations[0].way_out)
    return {**told, "changed": len(result.changes) - result.untouched, "untouched": result.untouched}


def _lost_keys(stack: Stack, found: Facts, hands: Crew, run: Run, databases: dict[str, str]) -> dict[str, int]:
    """How many keys each model has lost that has keys and must keep its rows."""
    keepers = [asdict(t) for t in found.measured if t.keys and t.name in found.roles and found.roles[t.name].keeps_rows]
    if not keepers:
        return {}
    with snapshots.copies(stack, found.snapshot, hands) as copies:
        asked = {"before": copies, "after": databases, "tables": keepers}
        return cast("dict[str, int]", hands.call("duck", "keys:lost", run.say, **asked))


def contracts(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Verify the contracts of every restated model; those that fail are also tried on the snapshot."""
    databases = stack.catalogs
    hands = crew.on(run.log, run.held)
    verdicts = _verify(stack, found.contracts, found, hands, run, databases)
    failed = tuple(file for file, verdict in zip(found.contracts, verdicts, strict=True) if not verdict["passed"])
    earlier: list[dict[str, Any]] = []
    if failed:
        with snapshots.copies(stack, found.snapshot, hands) as copies:
            earlier = _verify(stack, failed, found, hands, run, copies)
    return {"contracts": verdicts, "failed_before": [v["dataset"] for v in earlier if not v["passed"]]}


def contracts_passed(_run: Run, result: Result) -> None:
    """Raise unless every contract passed, all its checks included."""
    for verdict in cast("list[dict[str, Any]]", result["contracts"]):
        if not verdict["passed"]:
            before = ", as it was before" if verdict["dataset"] in result["failed_before"] else ""
            problem = verdict["problems"][0] if verdict["problems"] else "no check ran"
            raise StepFailed(f"contract {verdict['dataset']} is broken{before}: {problem}")


def _verify(
    stack: Stack, files: tuple[str, ...], found: Facts, hands: Crew, run: Run, databases: dict[str, str]
) -> list[dict[str, Any]]:
    if not hands.is_asked("soda"):
        _begin_verify(stack, files, found, hands, databases)
    return cast("list[dict[str, Any]]", hands.receive("soda", run.say))


def _begin_verify(stack: Stack, files: tuple[str, ...], found: Facts, hands: Crew, databases: dict[str, str]) -> None:
    config = stack.config.contracts
    if config is None:
        raise StepFailed("the stack has no contracts")
    require("soda_core", "soda")
    hands.send(
        "soda",
        "check",
        contract_files=[str(stack.root / file) for file in files],
        databases=databases,
        data_source=config.data_source,
        main_catalog=found.main_catalog,
        now=None if stack.config.clock is None else stack.now().isoformat(),
    )
