"""The two ordinary changes of a whole stack, `full-refresh` and `promote`, as operations that can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from ops_tasks.errors import StepFailed
from ops_tasks.guard.evidence import permit
from ops_tasks.operation.plan import Effect, Plan, Result, Run, Step, wrote_nothing
from ops_tasks.scenarios import typed
from ops_tasks.scenarios.orphans import load_whole, none_left
from ops_tasks.scenarios.routine import no_findings, put_back, take, well
from ops_tasks.scenarios.verify import Say, audits, contracts, fixed_now, project, sqlmesh
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

REFRESH, PROMOTE = "full-refresh", "promote"
DAYS = 3


def refresh(stack: Stack, arguments: Mapping[str, Any]) -> Plan:
    """Load every source, compute the marts, verify. `arguments`: operation, snapshot, days."""
    days = int(arguments["days"])
    for name in stack.config.sources:
        stack.load(name)  # one that cannot be loaded is told before anything is
    loads = [
        Step(f"load {name}", f"Load {name}", lambda run, name=name: load_whole(stack, name, run), check=none_left)
        for name in stack.config.sources
    ]
    compute = Step(
        "compute",
        f"Apply what is due, compute the last {days} days again",
        lambda run: _compute(stack, days, run),
        check=_something_computed,
    )
    effects = [Effect(name, "loaded") for name in stack.config.sources]
    effects.append(Effect("marts", f"what is due, and the last {days} days again; histories are kept"))
    return _operation(stack, REFRESH, "full refresh", arguments, (*loads, compute), effects)


def promote(stack: Stack, arguments: Mapping[str, Any]) -> Plan:
    """Apply the plan that was shown. `arguments`: operation, snapshot, expected (its fingerprint)."""
    expected = cast("dict[str, Any]", arguments["expected"])
    environment = stack.config.sqlmesh.environment
    equivalent = f"sqlmesh plan {environment} --auto-apply"
    apply = Step(
        "apply",
        f"Apply the plan of {environment}",
        lambda run: _apply(stack, expected, run),
        equivalent=typed.in_project(stack, equivalent),
    )
    effects = [Effect(str(name), "added") for name in expected["added"]]
    effects += [Effect(str(name), "changed") for name in expected["modified"]]
    effects += [Effect(str(name), "removed") for name in expected["removed"]]
    return _operation(stack, PROMOTE, f"promotion to {environment}", arguments, (apply,), effects)


def explain(stack: Stack, environment: str, say: Say) -> dict[str, Any]:
    """SQLMesh's own account of what a plan of `environment` would do: `text`, `changes` and its fingerprint."""
    with sqlmesh(stack) as worker:
        told = worker.call("explain", say, **project(stack), environment=environment, now=fixed_now(stack))
    return cast("dict[str, Any]", told)


def _operation(
    stack: Stack,
    task: str,
    title: str,
    arguments: Mapping[str, Any],
    work: tuple[Step, ...],
    effects: list[Effect],
) -> Plan:
    name = str(arguments["snapshot"])
    first = Step(
        "snapshot",
        f"Take and verify the snapshot {name}",
        lambda run: take(stack, name, run),
        equivalent=f"invoke snapshot.create --name={name}",
        wrote=wrote_nothing,
    )
    validate = [Step("audits", "Audit every model", lambda run: well(audits, stack, run), check=no_findings)]
    if stack.config.contracts is not None:
        validate.append(
            Step("contracts", "Verify every contract", lambda run: well(contracts, stack, run), check=no_findings)
        )
    seal = Step("seal", "Note the state of every file", lambda _run: {"stamps": snapshots.stamps(stack)})
    return Plan(
        task=task,
        operation=str(arguments["operation"]),
        title=title,
        arguments=arguments,
        steps=(first, *work, *validate, seal),
        snapshot="snapshot",
        put_back=lambda run: put_back(stack, name, run),
        effects=(Effect(name, "taken and verified", snapshots.set_bytes(stack)), *effects),
    )


def _compute(stack: Stack, days: int, run: Run) -> Result:
    permit(stack)
    today = stack.today()
    with sqlmesh(stack, "sqlmesh_apply", log=run.log, held=run.held) as worker:
        done = worker.call(
            "compute",
            run.say,
            **project(stack),
            environment=stack.config.sqlmesh.environment,
            start=(today - timedelta(days=days)).isoformat(),
            end=(today - timedelta(days=1)).isoformat(),
            now=fixed_now(stack),
        )
    return cast("Result", done)


def _something_computed(_run: Run, result: Result) -> None:
    if not result["computed"]:
        raise StepFailed("no model was computed, so nothing that was loaded has reached a mart")


def _apply(stack: Stack, expected: dict[str, Any], run: Run) -> Result:
    with sqlmesh(stack, "sqlmesh_apply", log=run.log, held=run.held) as worker:
        done = worker.call(
            "apply",
            run.say,
            **project(stack),
            environment=stack.config.sqlmesh.environment,
            expected=expected,
            now=fixed_now(stack),
        )
    return cast("Result", done)
