"""SQLMesh writing: apply the plan that was shown, and compute everything once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sqlmesh import Context
from sqlmesh.core.config import Config
from sqlmesh.core.config.loader import load_configs
from sqlmesh.core.plan import Plan
from sqlmesh.utils.errors import PlanError

from ops_tasks.errors import Refused, StepFailed, UsageError
from ops_tasks.systems.sqlmesh_checks_worker import fingerprint, short
from ops_tasks.systems.sqlmesh_project_worker import context_of, why
from ops_tasks.systems.worker_main import progress

NOT_COMPUTED = {"EXTERNAL", "EMBEDDED", "SEED"}
REPEATABLE = {"INCREMENTAL_BY_TIME_RANGE", "FULL", "VIEW"}


def apply(
    project: str,
    gateway: str | None,
    environment: str,
    expected: dict[str, Any] | None = None,
    now: str | None = None,
) -> dict[str, Any]:
    """Apply an ordinary plan: changed models are deployed, missing intervals computed, unit tests run before.

    With `expected` (a `fingerprint`) a plan that is no longer that one is refused before anything is written. Returns
    the fingerprint of what was applied.
    """
    context = context_of(project, gateway, read_only=False)
    progress("planning")
    made = context.plan(environment, no_prompts=True, auto_apply=False, no_diff=True, execution_time=now)
    found = fingerprint(made)
    if expected is not None and {key: expected[key] for key in found} != found:
        raise Refused("SQLMesh's plan is no longer the one that was shown", "look at it again: invoke plan.prod")
    if found["changes"]:
        progress(f"applying: {len(found['computed'])} models to compute")
        _applied(context, made)
    return found


def stays_inside(project: str, folder: str) -> None:
    """Refuse a project whose configuration names databases by absolute path: a copy of it would write to them."""
    configs = load_configs(None, Config, [project])
    for config in configs.values():
        for gateway in cast("dict[str, Any]", config.gateways).values():
            for path in (*_paths(gateway.connection), *_paths(gateway.state_connection)):
                if not Path(path).resolve().is_relative_to(Path(folder).resolve()):
                    raise UsageError(
                        f"the SQLMesh configuration names {path}, which is outside the copy",
                        "let it find its databases relative to the project",
                    )


def compute(
    project: str,
    gateway: str | None,
    environment: str,
    start: str,
    end: str,
    keep_history: bool = True,
    now: str | None = None,
) -> dict[str, Any]:
    """Apply what is on disk and due, then compute the models once more for `[start, end]`.

    An ordinary plan computes nothing on a day on which everything has run already, however new the raw data is.
    `keep_history` leaves out the kinds whose restatement rebuilds all history from whatever raw still holds. Returns
    the short names of the models that were `computed` and `left`.
    """
    context = context_of(project, gateway, read_only=False)
    applied = context.plan(environment, no_prompts=True, auto_apply=False, no_diff=True, execution_time=now)
    done = {missing.snapshot_id.name for missing in applied.missing_intervals}
    _applied(context, applied)
    models = {name: model for name, model in context.models.items() if model.kind.name.value not in NOT_COMPUTED}
    wanted = [name for name, model in models.items() if not keep_history or model.kind.name.value in REPEATABLE]
    progress(f"computing {len(wanted)} models")
    if wanted:
        # ops-allow: restate -- full-refresh has taken its snapshot and asked the guard
        made = context.plan(
            environment,
            restate_models=wanted,
            start=start,
            end=end,
            no_prompts=True,
            auto_apply=False,
            skip_tests=True,
            no_diff=True,
            execution_time=now,
        )
        # SQLMesh adds everything downstream, whole-history kinds included.
        kept = {key: span for key, span in made.restatements.items() if key.name in wanted}
        _applied(context, made.copy(update={"restatements": kept}))
        done |= {identity.name for identity in kept}
    return {"computed": sorted(map(short, done)), "left": sorted(short(name) for name in models.keys() - done)}


def _applied(context: Context, made: Plan) -> None:
    """Apply a plan; `StepFailed` names the first model that failed, and why."""
    try:
        context.apply(made)
    except PlanError as error:
        raise StepFailed(why(error)) from error


def _paths(connection: Any) -> list[str]:
    if connection is None:
        return []
    catalogs: dict[str, Any] = dict(getattr(connection, "catalogs", None) or {})
    named = [str(getattr(option, "path", option)) for option in catalogs.values()]
    database = getattr(connection, "database", None)
    return [path for path in (*named, *([str(database)] if database else [])) if path != ":memory:"]
