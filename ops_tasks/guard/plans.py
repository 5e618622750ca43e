"""The guard inside SQLMesh: a scheduler whose plan evaluator asks for a permit before it restates production.

Every plan of SQLMesh (0.236) goes through `Context._scheduler.create_plan_evaluator(...).evaluate(...)`: those of the
command line, of the Python API and of dagster-sqlmesh. It is asked before the first statement runs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmesh.core.config.scheduler import BuiltInSchedulerConfig
from sqlmesh.core.plan import BuiltInPlanEvaluator
from sqlmesh.utils.errors import PlanError

from ops_tasks.durations import parse
from ops_tasks.errors import OpsError, UsageError

REFUSE, SNAPSHOT = "refuse", "snapshot"
MODES = (REFUSE, SNAPSHOT)
PATCHED = "ops_tasks_guard"


class GuardedPlanEvaluator(BuiltInPlanEvaluator):
    """SQLMesh's own evaluator, which asks first."""

    ask: Callable[[Any, Any], None]

    def evaluate(self, plan: Any, circuit_breaker: Callable[[], bool] | None = None) -> None:
        """Apply a plan; raise SQLMesh's `PlanError` for a restatement without a permit, with nothing written."""
        self.ask(self, plan)
        super().evaluate(plan, circuit_breaker=circuit_breaker)


class GuardedScheduler(BuiltInSchedulerConfig):
    """SQLMesh's built-in scheduler with the guard; a value, since SQLMesh copies and pickles its configuration."""

    guard_folder: str
    guard_max_age: str = ""
    guard_mode: str = REFUSE

    def create_plan_evaluator(self, context: Any) -> GuardedPlanEvaluator:
        """The evaluator of one context."""
        made = GuardedPlanEvaluator(
            state_sync=context.state_sync,
            snapshot_evaluator=context.snapshot_evaluator,
            create_scheduler=context.create_scheduler,
            default_catalog=context.default_catalog,
            console=context.console,
        )
        made.ask = lambda evaluator, plan: ask(
            evaluator, plan, Path(self.guard_folder), self.guard_max_age, self.guard_mode
        )
        return made


def install(config: Any, *, max_age: str = "", mode: str = REFUSE, stack: str | Path | None = None) -> Any:
    """Guard every gateway of a SQLMesh `Config`; returns it. The last line of a `config.py`.

    `max_age` is how old the snapshot may be (`24h`, `2d`; default: `ops.guard.max_age` of the stack). With
    `mode="snapshot"` one is taken where there is none, instead of refusing. `stack` is the folder of the `invoke.yaml`
    (default: the nearest one above the file that calls). On the gateways rather than as default scheduler, because
    `SQLMESH__DEFAULT_SCHEDULER__TYPE` replaces the latter.
    """
    scheduler = GuardedScheduler(
        guard_folder=str(stack or _folder_of_caller()), guard_max_age=_checked(max_age, mode), guard_mode=mode
    )
    for gateway in config.gateways.values():
        gateway.scheduler = scheduler
    return config


def patch(file: str, *, max_age: str = "", mode: str = REFUSE) -> None:
    """Guard every plan of this process: for a project whose configuration is YAML and cannot name a class.

    To be called as `patch(__file__)` from a module in the project's `macros/`, which SQLMesh imports whenever it loads
    the project. See `install` for the rest.
    """
    folder, limit = Path(file).resolve().parent, _checked(max_age, mode)
    plain = getattr(BuiltInPlanEvaluator.evaluate, PATCHED, BuiltInPlanEvaluator.evaluate)

    def evaluate(self: Any, plan: Any, circuit_breaker: Callable[[], bool] | None = None) -> None:
        if not isinstance(self, GuardedPlanEvaluator):
            ask(self, plan, folder, limit, mode)
        plain(self, plan, circuit_breaker=circuit_breaker)

    setattr(evaluate, PATCHED, plain)
    BuiltInPlanEvaluator.evaluate = evaluate


def ask(evaluator: Any, plan: Any, folder: Path, max_age: str, mode: str) -> None:
    """Raise SQLMesh's `PlanError` unless `plan` restates nothing in production, or there is a permit for it."""
    if not plan.restatements or plan.is_dev:
        return
    from ops_tasks.guard.evidence import Unprotected, permit
    from ops_tasks.stack import find_above

    try:
        found = find_above(folder)
        limit = parse(max_age, "max_age") if max_age else None
        try:
            given = permit(found, limit)
        except Unprotected:
            if mode != SNAPSHOT:
                raise
            _take(evaluator, found, plan)
            given = permit(found, limit)
    except OpsError as error:
        raise PlanError(_refusal(plan, error)) from error
    if given.override:
        _warn(evaluator, given.words)


def _take(evaluator: Any, stack: Any, plan: Any) -> None:
    """Snapshot the stack, the connections of this process closed meanwhile (DuckDB connects anew when it is asked)."""
    from ops_tasks.operation.journal import new_id
    from ops_tasks.systems import snapshots

    evaluator.snapshot_evaluator.close()
    evaluator.state_sync.close()
    names = ", ".join(sorted(_names(plan)))
    snapshots.create(stack, f"pre_restate_{new_id()}", why=f"before a restatement of {names}")


def _refusal(plan: Any, error: OpsError) -> str:
    names = sorted(_names(plan))
    told = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    environment = plan.environment.name
    way = f"\n  → {error.way_out}" if error.way_out else ""
    return f"restating {told} in {environment} is refused: {error.reason}{way}"


def _names(plan: Any) -> list[str]:
    return [str(name).replace('"', "") for name in plan.restatements]


def _warn(evaluator: Any, words: str) -> None:
    evaluator.console.log_warning(words)
    sys.stderr.write(f"! {words}\n")


def _checked(max_age: str, mode: str) -> str:
    if mode not in MODES:
        raise UsageError(f"guard: unknown mode {mode!r}", f"known: {', '.join(MODES)}")
    if max_age:
        parse(max_age, "max_age")
    return max_age


def _folder_of_caller() -> Path:
    # SQLMesh imports config.py from wherever it was started: only its own file says where the stack is.
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame.f_back if frame else None
    return Path(frame.f_code.co_filename).resolve().parent if frame else Path.cwd()
