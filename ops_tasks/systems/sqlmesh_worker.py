"""SQLMesh in its own process: what is deployed, what a restatement would rewrite, and the restatement itself.

Facts are taken from the deployed snapshots, not from the files on disk: a restatement works on what is deployed.
"""

from __future__ import annotations

from typing import Any

from sqlmesh import Context
from sqlmesh.core.plan import Plan
from sqlmesh.utils.date import to_datetime
from sqlmesh.utils.errors import PlanError

from ops_tasks.errors import StepFailed
from ops_tasks.systems.sqlmesh_models_worker import described
from ops_tasks.systems.sqlmesh_project_worker import audit, context_of, disconnect, why
from ops_tasks.systems.sqlmesh_project_worker import close as close
from ops_tasks.systems.sqlmesh_project_worker import let_go as let_go
from ops_tasks.systems.worker_main import progress


def prepare(project: str, gateway: str | None) -> None:
    """Load the project for a restatement to come, and close every database again until then."""
    context_of(project, gateway, read_only=False)
    disconnect()


def inspect(project: str, gateway: str | None, environment: str) -> dict[str, Any]:
    """Return what is deployed: `models` by quoted name, upstream before downstream, and the other environments.

    Each model has `kind`, `view` and `physical` (catalog, schema, table), `upstream`, `time_column`, `clock_columns`,
    `keys` (SQL expressions of its own key), `whole_history` (a restatement rebuilds all of it), `restatable`, `audits`,
    `start` (first day computed). The connections are read-only, so that nothing can be written.
    """
    return described(context_of(project, gateway, read_only=True), environment)


def plan(
    project: str,
    gateway: str | None,
    environment: str,
    models: list[str],
    start: str,
    end: str,
    execution_time: str | None = None,
) -> dict[str, Any]:
    """Return SQLMesh's own blast radius of restating `models` in `[start, end]`, read-only.

    `restatements`: model -> `[first day, last day]`, both inclusive; `skipped`: asked for and not restated.
    """
    context = context_of(project, gateway, read_only=True)
    made = _plan(context, environment, models, (start, end), execution_time)
    ranges = _ranges(made)
    return {"restatements": ranges, "skipped": [name for name in models if name not in ranges]}


def restate(
    project: str,
    gateway: str | None,
    environment: str,
    models: list[str],
    start: str,
    end: str,
    expected: dict[str, list[str]],
    exclude: list[str],
    execution_time: str | None = None,
) -> dict[str, Any]:
    """Restate `models` in `[start, end]`, exactly as planned, then audit what was restated.

    Refuses, before anything is written, when SQLMesh's plan is no longer the one that was shown. Returns
    `restated` and `audits`: `{model, audit, failures, skipped}`.
    """
    context = context_of(project, gateway, read_only=False)
    made = _plan(context, environment, models, (start, end), execution_time)
    if exclude:
        kept = {key: value for key, value in made.restatements.items() if key.name not in exclude}
        made = made.copy(update={"restatements": kept})
    ranges = _ranges(made)
    if not _same(ranges, expected):
        changed = sorted(set(ranges) ^ set(expected)) or sorted(ranges)
        raise StepFailed(f"SQLMesh's plan is no longer the one that was shown: {', '.join(changed)}", "plan it again")
    progress(f"restating {len(ranges)} models")
    try:
        context.apply(made)
    except PlanError as error:
        raise StepFailed(why(error)) from error
    progress("auditing")
    return {"restated": ranges, "audits": audit(context, environment, ranges, execution_time)}


def _plan(
    context: Context, environment: str, models: list[str], window: tuple[str, str], execution_time: str | None
) -> Plan:
    # The unit tests judge the files on disk; a restatement runs what is deployed.
    # ops-allow: restate -- the plan of the guarded task itself
    return context.plan(
        environment,
        restate_models=models,
        start=window[0],
        end=window[1],
        execution_time=execution_time,
        no_prompts=True,
        auto_apply=False,
        skip_tests=True,
        no_diff=True,
    )


def _ranges(made: Plan) -> dict[str, list[str]]:
    """SQLMesh's intervals are `[start, end)` in milliseconds; ours are days, both inclusive."""
    return {
        snapshot.name: [
            to_datetime(start).date().isoformat(),
            to_datetime(end - 1).date().isoformat(),
        ]
        for snapshot, (start, end) in made.restatements.items()
    }


def _same(now: dict[str, list[str]], shown: dict[str, list[str]]) -> bool:
    """Same models, same first days; the last day of a whole-history range moves on with midnight."""
    return now.keys() == shown.keys() and all(now[name][0] == shown[name][0] for name in now)
