"""Rehearses a recovery on a throw-away copy of the newest snapshot, and writes down how it went."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops_tasks.errors import OpsError, Refused, UsageError, nearest
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.operation.plan import Plan
from ops_tasks.operation.runner import Say as Tell
from ops_tasks.operation.runner import run
from ops_tasks.scenarios import drills, file_health, rebuild, repair
from ops_tasks.scenarios.recovery_facts import Facts, Options
from ops_tasks.scenarios.recovery_steps import CHECKS
from ops_tasks.scenarios.scratch import bare
from ops_tasks.scenarios.verify import Say, Verdict, audits, contracts, drift
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.secrets import redact
from ops_tasks.systems.snapshots import Snapshot

ROOM = 3


@dataclass(frozen=True)
class Drill:
    """How a rehearsal went: `problems` is empty when the snapshot is proven restorable."""

    snapshot: str
    scenario: str
    at: str
    seconds: float
    tables: int
    rows: int
    problems: tuple[str, ...]


def rehearse(stack: Stack, scenario: str, name: str, say: Say, tell: Tell) -> Drill:
    """Restore a snapshot (default: the newest verified one) into a copy, break and mend that, validate, record.

    `scenario`: restore, rebuild (the marts are lost), repair (a table and a view are lost), state (the state is lost).
    """
    known: dict[str, Callable[[Stack, Crew, Tell], None]] = {
        "restore": _nothing,
        "rebuild": _lose_marts,
        "repair": _lose_objects,
        "state": _lose_state,
    }
    if scenario not in known:
        raise UsageError(f"unknown scenario {scenario!r}", nearest(scenario, list(known)))
    taken = snapshots.get(stack, name) if name else snapshots.newest(stack)
    if taken is None or taken.forensic:
        raise Refused("there is no verified snapshot to rehearse with", "invoke snapshot.create --name=NAME")
    began = time.monotonic()
    problems: list[str] = []
    tables = rows = 0
    with bare(stack, "drill", ROOM * taken.bytes) as copy, Crew(copy.root) as hands:
        try:
            _fill(copy, taken, say, hands)
            tables, rows = _count(copy, taken, hands)
            known[scenario](copy, hands, tell)
            problems += _judge(copy, say)
        except OpsError as error:
            problems.append(str(error))
    took = round(time.monotonic() - began, 1)
    done = Drill(taken.name, scenario, datetime.now(UTC).isoformat(), took, tables, rows, tuple(problems))
    drills.record(stack, {**vars(done), "proven": not problems})
    return done


def _fill(copy: Stack, taken: Snapshot, say: Say, hands: Crew) -> None:
    """Put the snapshot's files into the copy; naming them all keeps the snapshot from ever being used up."""
    (copy.home / "snapshots").mkdir(parents=True)
    (copy.home / "snapshots" / taken.name).symlink_to(taken.folder, target_is_directory=True)
    only = [*taken.manifest["databases"], *taken.manifest["folders"]]
    snapshots.restore(copy, taken.name, copy.home / "aside", consume=False, only=only, say=say, crew=hands)
    hands.warm("sqlmesh_apply", cwd=copy.sqlmesh_folder)
    hands.call("sqlmesh_apply", "stays_inside", project=str(copy.project), folder=str(copy.root))
    hands.dismiss("sqlmesh_apply")


def _count(copy: Stack, taken: Snapshot, hands: Crew) -> tuple[int, int]:
    databases = {name: str(path) for name, path in copy.databases.items() if path.is_file()}
    found: dict[str, int] = hands.call("duck", "describe", databases=databases, state=None, environment="")["rows"]
    wanted: dict[str, int] = taken.manifest["rows"]
    if wrong := [name for name, count in wanted.items() if found.get(name) != count]:
        raise Refused(f"{wrong[0]} has {found.get(wrong[0])} rows instead of {wanted[wrong[0]]}")
    return len(wanted), sum(wanted.values())


def _nothing(_copy: Stack, _hands: Crew, _tell: Tell) -> None:
    """The restore itself is all that is rehearsed."""


def _lose_marts(copy: Stack, hands: Crew, tell: Tell) -> None:
    _lose(copy, file_health.main_file(copy), hands, tell)


def _lose_state(copy: Stack, hands: Crew, tell: Tell) -> None:
    _lose(copy, copy.state_file or file_health.main_file(copy), hands, tell)


def _lose(copy: Stack, path: Path, hands: Crew, tell: Tell) -> None:
    path.unlink()
    facts = rebuild.diagnose(copy, rebuild.symptoms(copy, hands), hands, Options(accept_red=True))
    _run(copy, facts, rebuild.recover(copy, facts, hands), tell)


def _lose_objects(copy: Stack, hands: Crew, tell: Tell) -> None:
    models = [model for model in repair.symptoms(copy, hands) if model.kind == "FULL"]
    if not models:
        raise Refused(
            "no model is of kind FULL: there is nothing to drop that can be computed again", "--scenario=restore"
        )
    files = {name: str(path) for name, path in copy.databases.items()}
    hands.call(
        "history", "drop", path=files[models[0].table.split(".")[0]], table=models[0].table, view=models[-1].view
    )
    facts = repair.diagnose(copy, repair.symptoms(copy, hands), hands, Options(accept_red=True))
    _run(copy, facts, repair.recover(copy, facts, hands), tell)


def _run(copy: Stack, facts: Facts, plan: Plan, tell: Tell) -> None:
    if plan.refusals:
        raise Refused(plan.refusals[0].reason, plan.refusals[0].way_out)
    folder = operations(copy.home) / facts.operation
    outcome = run(plan, Journal(folder, redact), say=tell)
    if outcome.status != "succeeded":
        raise Refused(f"{facts.title} failed at {outcome.step!r}: {outcome.reason}", outcome.way_out)


def _judge(copy: Stack, say: Say) -> list[str]:
    """Drift and audits, and the contracts but for their freshness: a snapshot is as old as it is."""
    with Crew(copy.root) as hands:
        worker = hands.worker(CHECKS, copy.sqlmesh_folder)
        verdicts: list[Verdict] = [drift(copy, say, worker), audits(copy, say, worker)]
    if copy.config.contracts is not None:
        verdicts.append(contracts(copy, say, freshness=False))
    return [str(found["reason"]) for verdict in verdicts for found in verdict.findings]
