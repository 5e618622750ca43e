"""Scenario 2, a partial backfill: one source had a bad ingest window, and only that window is to be put right."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ops_tasks.operation.journal import Record
from ops_tasks.operation.plan import Effect, Plan, Result, Run, Step, wrote, wrote_nothing
from ops_tasks.scenarios import backfill_steps as steps
from ops_tasks.scenarios import backfill_validation as validation
from ops_tasks.scenarios import typed
from ops_tasks.scenarios.backfill_diagnosis import facts, suspicious
from ops_tasks.scenarios.backfill_facts import Facts, Options, Reload, Survey, to_json
from ops_tasks.scenarios.observer import Observer
from ops_tasks.scenarios.undo import Undo, plan_undo
from ops_tasks.scenarios.window import Flag, Window
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.load import window_env

TASK = "ops.backfill"


def symptoms(stack: Stack, seen: Survey) -> list[Flag]:
    """Days with no, few or too many rows for their weekday, in the raw tables and in every mart below them."""
    return suspicious(stack, seen)


def diagnose(observer: Observer, seen: Survey, window: Window, options: Options, found: Sequence[Flag] = ()) -> Facts:
    """What has to be loaded and restated for `window`, what else that rewrites, and every reason not to."""
    return facts(observer, seen, window, options, found)


def anticipate(stack: Stack, names: Sequence[str], window: Window, crew: Crew) -> None:
    """Start the workers that the recovery will need while the diagnosis is at work; they touch nothing before it."""
    for name in names:
        steps.warm_load(stack, name, window, crew)


def recover(stack: Stack, found: Facts, crew: Crew | None = None) -> Plan:
    """Snapshot, load beside the live tables, judge, exchange, restate everything in between, prove, validate."""
    start, end = found.window.start, found.window.end
    hands = crew or Crew(stack.root)
    loads = [_loading(stack, found, reload, hands) for reload in found.reloads]
    exchanges = [
        Step(
            f"exchange {reload.source}",
            f"Exchange the window in {reload.catalog}, child tables along, in one transaction",
            lambda run, reload=reload: steps.exchange(stack, found, reload, hands, run),
        )
        for reload in found.reloads
    ]
    environment = stack.config.sqlmesh.environment
    equivalent = f"sqlmesh plan {environment} --start {start} --end {end} " + " ".join(
        f"--restate-model '{found.names[name]}'" for name in found.restate
    )
    judging = [
        Step("gate", "Judge what was loaded", lambda run: steps.gate(stack, found, hands, run), wrote=wrote_nothing)
    ]
    return Plan(
        task=found.task,
        operation=found.operation,
        title=title(found),
        arguments=to_json(found),
        steps=(
            Step(
                "snapshot",
                f"Take and verify the snapshot {found.snapshot}",
                lambda run: steps.snapshot(stack, found, hands, run),
                equivalent=f"invoke snapshot.create --name={found.snapshot}",
                wrote=wrote_nothing,
            ),
            Step(
                "measure before",
                "Count and fingerprint every table",
                lambda run: steps.before(stack, found, hands, run),
                wrote=wrote_nothing,
            ),
            *loads,
            *(judging if loads else []),
            *exchanges,
            Step(
                "restate",
                f"Restate {len(found.restatements)} models",
                lambda run: steps.restate(stack, found, hands, run),
                check=validation.audits_passed,
                equivalent=typed.in_project(stack, equivalent),
            ),
            *validate(stack, found, hands),
        ),
        snapshot="snapshot",
        put_back=lambda run: put_back(stack, found, run),
        release=lambda kill: hands.release(kill=kill),
        effects=tuple(_effects(found)),
        notes=found.notes,
        refusals=found.refusals,
    )


def validate(stack: Stack, found: Facts, crew: Crew) -> tuple[Step, ...]:
    """Prove that only the window changed, then hold the marts to their contracts (audits ran with the restatement)."""
    prove = Step(
        "compare",
        "Count and fingerprint again; prove the rest untouched",
        lambda run: validation.compared(stack, found, crew, run),
    )
    seal = Step("seal", "Note the state of every file", lambda run: steps.seal(stack, crew, run))
    if not found.contracts:
        return (prove, seal)
    contracts = Step(
        "contracts",
        f"Verify {len(found.contracts)} contracts",
        lambda run: validation.contracts(stack, found, crew, run),
        check=validation.contracts_passed,
        equivalent="invoke verify.contracts",
    )
    return (prove, contracts, seal)


def title(found: Facts) -> str:
    """What is done, in a few words."""
    if found.task == TASK:
        return f"backfill of {', '.join(reload.source for reload in found.reloads)} for {found.window}"
    models = [found.names[name] for name in found.restatements]
    more = f" and {len(models) - 2} more" if len(models) > 3 else ""
    return f"restatement of {', '.join(models[:2] if more else models)}{more} for {found.window}"


def command(names: Sequence[str], window: Window, options: Options) -> str:
    """What a person types to have this very plan."""
    words = [f"--source={name}" for name in names] + [f"--start={window.start}", f"--end={window.end}"]
    words += [f"--exclude={name}" for name in options.exclude]
    allowed = ("allow_shrink", "allow_growth", "allow_history_loss")
    words += [f"--{name.replace('_', '-')}" for name in allowed if getattr(options, name)]
    return shlex.join(["invoke", TASK, *words])


def rollback(stack: Stack, operation: Record) -> Undo:
    """Put the operation's own snapshot back, whether it succeeded or stopped."""
    return plan_undo(stack, operation)


def put_back(stack: Stack, found: Facts, run: Run) -> Result:
    """After a failure: the whole state set back from the snapshot, byte for byte, and what was staged thrown away.

    The snapshot's files are moved, not copied, so that this works on a full disk too.
    """
    aside = run.folder / "aside"
    with backends.crew_of(stack, None, run.log, run.held) as hands:
        told: dict[str, Any] = {"say": run.say, "crew": hands, "untouched": run.untouched}
        evidence = snapshots.restore(stack, found.snapshot, aside, consume=True, **told)
        backends.of(stack).tidy(found.operation, hands, everything=True)
    steps.clear(run.folder)
    return evidence


def _loading(stack: Stack, found: Facts, reload: Reload, hands: Crew) -> Step:
    name, window = reload.source, found.window
    asked = window_env(stack.source(name).window, window.start, window.end, found.today)
    where = "in place" if reload.in_place else "beside the live tables"
    return Step(
        f"load {name}",
        f"Load {name} for {window} {where}{typed.by_dlt(stack, name, asked)}",
        lambda run: steps.load(stack, found, reload, hands, run),
        equivalent=typed.load(stack, name, asked),
        wrote=wrote if reload.in_place else wrote_nothing,
    )


def _effects(found: Facts) -> list[Effect]:
    effects: list[Effect] = [Effect(found.snapshot, "taken and verified", found.snapshot_bytes)]
    for reload in found.reloads:
        for dated in reload.dated:
            children = [child for child, _ in dated.children]
            along = f", with {', '.join(children)}" if children else ""
            what = f"{found.window} exchanged for a fresh load{along}"
            effects.append(Effect(f"{reload.catalog}.{reload.dataset}.{dated.table}", what))
    effects += [Effect(name, f"{rows:,} rows without a parent removed") for name, rows in found.orphans.items()]
    for name, (start, end) in found.restatements.items():
        kind = found.kinds[name]
        role = found.roles[found.names[name]]
        what = f"{start}..{end}" if role.may_change is not None else f"whole table ({start}..{end})"
        effects.append(Effect(found.names[name], "shown anew" if kind == "VIEW" else f"{kind}: {what}"))
    return effects


def summary(found: Facts) -> dict[str, Any]:
    """The plan in JSON, for programs."""
    return {
        "window": {"start": found.window.start, "end": found.window.end},
        "sources": [reload.source for reload in found.reloads],
        "snapshot": {"name": found.snapshot, "bytes": found.snapshot_bytes, "free_bytes": found.free_bytes},
        "restatements": [
            {
                "model": found.names[name],
                "kind": found.kinds[name],
                "start": start,
                "end": end,
                "whole_table": found.roles[found.names[name]].may_change is None,
            }
            for name, (start, end) in found.restatements.items()
        ],
        "contracts": list(found.contracts),
        "notes": list(found.notes),
    }
