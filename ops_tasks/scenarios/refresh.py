"""The two ordinary changes of a whole stack, `full-refresh` and `promote`, as operations that can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from ops_tasks.errors import StepFailed
from ops_tasks.guard.evidence import permit
from ops_tasks.operation.plan import Effect, Plan, Refusal, Result, Run, Step, wrote_nothing
from ops_tasks.scenarios import typed
from ops_tasks.scenarios.differing import readable
from ops_tasks.scenarios.lost_state import lost_state
from ops_tasks.scenarios.orphans import load_whole, none_left
from ops_tasks.scenarios.routine import PROMOTE, REFRESH, no_findings, put_back, take, well
from ops_tasks.scenarios.verify import Say, audits, contracts, fixed_now, project, sqlmesh
from ops_tasks.scenarios.witnesses import model_of
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew

DAYS = 3


def refresh(stack: Stack, arguments: Mapping[str, Any]) -> Plan:
    """Load every source, compute the marts, verify. `arguments`: operation, snapshot, days.

    `anew`: how many tables of models there are that no state knows of; then `allow_history_loss` has to be among them.
    """
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
    # what a journal says of a plan without this word is that it kept histories
    anew = int(arguments.get("anew", 0))
    kept = f"what is due, and the last {days} days again; histories are kept"
    lost = f"from nothing: SQLMesh has no state. What raw does not hold any more is lost ({anew} tables are there now)"
    effects.append(Effect("marts", lost if anew else kept))
    made = _operation(stack, REFRESH, "full refresh", arguments, (*loads, compute), effects)
    if not anew or arguments.get("allow_history_loss"):
        return made
    reason = f"there is no SQLMesh state, and {anew} tables of models: what raw does not hold any more would be lost"
    way = "invoke ops.doctor tells who has the state; --allow-history-loss begins it anew all the same"
    return replace(made, refusals=(Refusal(reason, way),))


def models_without_state(stack: Stack, hands: Crew) -> int:
    """How many tables of models there are that no state knows of, because there is none; 0 where there is one."""
    lost = stack.state_file is not None and not stack.state_file.is_file()
    if not lost and lost_state(stack, hands) is None:
        return 0
    told = hands.call("duck", "describe", databases=readable(stack, hands), state=None, environment="")["rows"]
    return sum(1 for name in told if model_of(name) is not None)


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
