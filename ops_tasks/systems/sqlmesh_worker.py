"""SQLMesh in its own process: what is deployed, what a restatement would rewrite, and the restatement itself.

Facts are taken from the deployed snapshots, not from the files on disk: a restatement works on what is deployed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core import constants
from sqlmesh.core.config import Config
from sqlmesh.core.config.connection import (
    BaseDuckDBConnectionConfig,
    DuckDBAttachOptions,
    DuckDBConnectionConfig,
    MotherDuckConnectionConfig,
)
from sqlmesh.core.config.loader import load_configs
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.plan import Plan
from sqlmesh.core.snapshot import Snapshot, SnapshotId
from sqlmesh.utils.concurrency import NodeExecutionFailedError
from sqlmesh.utils.date import to_datetime
from sqlmesh.utils.errors import PlanError, SQLMeshError

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.attaching_worker import MD
from ops_tasks.systems.worker_main import progress, scratch

CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime)
CLOCK_CALLS = {"now", "today", "get_current_timestamp", "get_current_time", "transaction_timestamp"}
WHOLE_HISTORY = {"INCREMENTAL_BY_UNIQUE_KEY", "INCREMENTAL_BY_PARTITION", "FULL"}
SCD = {"SCD_TYPE_2", "SCD_TYPE_2_BY_TIME", "SCD_TYPE_2_BY_COLUMN"}


class _Listener(NoopConsole):
    """Says nothing, and remembers why models failed: SQLMesh's own error is "Plan application failed."."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: list[NodeExecutionFailedError[Any]] = []

    def log_failed_models(self, errors: list[NodeExecutionFailedError[Any]]) -> None:
        self.failed += errors


_listener = _Listener()
set_console(_listener)
# SQLMesh (0.236) parses models in forked children; below this many that costs more than it saves.
FORKED_FROM = 100
_kept: dict[str, Context] = {}


def let_go() -> None:
    """Forget the read-only view of the project, and close every database."""
    close()
    BaseDuckDBConnectionConfig._data_file_to_adapter.clear()  # pyright: ignore[reportPrivateUsage]


def prepare(project: str, gateway: str | None) -> None:
    """Load the project for a restatement to come, and close every database again until then."""
    _context(project, gateway, read_only=False)
    _disconnect()


def close() -> None:
    """Close every connection, so that DuckDB writes its log into the files and removes it."""
    for kept in _kept.values():
        kept.close()
    _kept.clear()
    _disconnect()


def _disconnect() -> None:
    """SQLMesh (0.236) keeps adapters per file in a class variable, which `Context.close` leaves open.

    A closed adapter connects anew when it is used.
    """
    for adapter in BaseDuckDBConnectionConfig._data_file_to_adapter.values():  # pyright: ignore[reportPrivateUsage]
        adapter.close()


def inspect(project: str, gateway: str | None, environment: str) -> dict[str, Any]:
    """Return what is deployed: `models` by quoted name, upstream before downstream, and the other environments.

    Each model has `kind`, `view` and `physical` (catalog, schema, table), `upstream`, `time_column`, `clock_columns`,
    `keys` (SQL expressions of its own key), `whole_history` (a restatement rebuilds all of it), `restatable`, `audits`,
    `start` (first day computed). The connections are read-only, so that nothing can be written.
    """
    context = _context(project, gateway, read_only=True)
    return _inspect(context, environment)


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
    context = _context(project, gateway, read_only=True)
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
    context = _context(project, gateway, read_only=False)
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
        raise StepFailed(_why(error)) from error
    progress("auditing")
    return {"restated": ranges, "audits": _audit(context, environment, ranges, execution_time)}


def _why(error: SQLMeshError) -> str:
    """The first model that failed, and what its failure began with."""
    if not _listener.failed:
        return str(error).strip().splitlines()[0]
    first: BaseException = _listener.failed[0]
    node = str(getattr(first, "node", "")).replace('"', "")
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    line = next((text.strip() for text in str(first).splitlines() if text.strip()), type(first).__name__)
    more = f" (and {len(_listener.failed) - 1} more models)" if len(_listener.failed) > 1 else ""
    return f"{line}, in {node}{more}"


def _context(
    project: str, gateway: str | None, *, read_only: bool, instead: Mapping[str, str | None] | None = None
) -> Context:
    """The context of this process; the first call loads it.

    A read-only one can look at other files `instead` of the configured ones (path -> path); for a file that is lost
    or broken (path -> None) an empty database stands in.
    """
    key = f"{project} {gateway} {read_only} {sorted((instead or {}).items(), key=str)}"
    if key not in _kept:
        progress("loading the SQLMesh project")
        if sum(1 for _ in Path(project).rglob("*.sql")) < FORKED_FROM:
            constants.MAX_FORK_WORKERS = 1
        configs = load_configs(None, Config, [project])
        if not configs:
            raise UsageError(f"no SQLMesh configuration in {project}")
        if read_only:
            cache = tempfile.mkdtemp(dir=scratch())
            if (Path(project) / ".cache").is_dir():
                shutil.copytree(Path(project) / ".cache", cache, dirs_exist_ok=True)
            for config in configs.values():
                _make_read_only(config, {Path(path).resolve(): other for path, other in (instead or {}).items()})
                config.cache_dir = cache
        _kept[key] = Context(paths=[project], config=configs, gateway=gateway)
    return _kept[key]


def _make_read_only(config: Config, instead: Mapping[Path, str | None]) -> None:
    for gateway in cast("Iterable[Any]", cast("dict[str, Any]", config.gateways).values()):
        if gateway.connection is not None:
            gateway.connection = _read_only(gateway.connection, "warehouse", instead)
        if gateway.state_connection is not None:
            gateway.state_connection = _read_only(gateway.state_connection, "sqlmesh_state", instead)


def _read_only(connection: Any, fallback: str, instead: Mapping[Path, str | None]) -> Any:
    """The same DuckDB connection with every file attached READ_ONLY; a single `database:` becomes one catalog.

    MotherDuck has no read-only mode for one's own databases: such a connection stays what it is.
    """
    if isinstance(connection, MotherDuckConnectionConfig):
        return connection
    if not isinstance(connection, DuckDBConnectionConfig):
        raise UsageError(f"the SQLMesh gateway uses {type(connection).__name__}", "only DuckDB files are supported")
    catalogs: dict[str, Any] = dict(connection.catalogs or {})
    if not catalogs and connection.database:
        catalogs = {Path(connection.database).stem if fallback == "warehouse" else fallback: connection.database}
    options = {name: _attached_read_only(option, instead) for name, option in catalogs.items()}
    return connection.model_copy(update={"catalogs": options, "database": None})


def _attached_read_only(option: Any, instead: Mapping[Path, str | None]) -> DuckDBAttachOptions:
    path = option.path if isinstance(option, DuckDBAttachOptions) else str(option)
    if path.startswith(MD):
        return option if isinstance(option, DuckDBAttachOptions) else DuckDBAttachOptions(type="motherduck", path=path)
    other = instead.get(Path(path).resolve(), path)
    if other is None:
        return DuckDBAttachOptions(type="duckdb", path=":memory:", read_only=False)
    if isinstance(option, DuckDBAttachOptions):
        return option.model_copy(update={"path": other, "read_only": True})
    return DuckDBAttachOptions(type="duckdb", path=other, read_only=True)


def _deployed(context: Context, environment: str) -> tuple[Any, dict[SnapshotId, Snapshot]]:
    found = context.state_reader.get_environment(environment)
    if found is None:
        known = [summary.name for summary in context.state_reader.get_environments_summary()]
        from ops_tasks.errors import nearest

        raise UsageError(f"SQLMesh has no environment {environment!r}", nearest(environment, known))
    return found, dict(context.state_reader.get_snapshots(found.snapshots))


def _inspect(context: Context, environment: str) -> dict[str, Any]:
    found, snapshots = _deployed(context, environment)
    models: dict[str, Any] = {}
    clocks: dict[str, set[str]] = {}
    for snapshot in _ordered(s for s in snapshots.values() if s.is_model and not s.is_symbolic):
        clocks[snapshot.name] = _clock_columns(snapshot, clocks)
        models[snapshot.name] = _model(snapshot, found, context.default_catalog or "", clocks[snapshot.name])
    others = {
        summary.name: sorted(
            snapshot.name
            for snapshot in _deployed(context, summary.name)[1].values()
            if snapshot.is_model and snapshot.snapshot_id not in snapshots
        )
        for summary in context.state_reader.get_environments_summary()
        if summary.name != environment
    }
    return {"models": models, "other_environments": others}


def _model(snapshot: Snapshot, environment: Any, catalog: str, clocks: set[str]) -> dict[str, Any]:
    model = snapshot.model
    kind = model.kind.name.value
    view = snapshot.qualified_view_name.table_for_environment(environment.naming_info, dialect="duckdb")
    virtual = kind == "EMBEDDED"
    physical = None if virtual else exp.to_table(snapshot.table_name(is_deployable=True), dialect="duckdb")
    time_column = getattr(model, "time_column", None)
    return {
        "name": ".".join(part.name for part in exp.to_table(snapshot.name).parts[-2:]),
        "kind": kind,
        "view": None if virtual else [view.catalog or catalog, view.db, view.name],
        "physical": None if physical is None else [physical.catalog or catalog, physical.db, physical.name],
        "upstream": sorted(model.depends_on),
        "time_column": time_column.column.name if time_column else None,
        "clock_columns": sorted(clocks),
        "keys": [key.sql(dialect="duckdb", identify=True) for key in model.unique_key],
        "whole_history": kind in WHOLE_HISTORY or bool(model.kind.full_history_restatement_only),
        "restatable": not model.disable_restatement and kind not in SCD,
        "scd": kind in SCD,
        "audits": len(model.audits_with_args),
        "start": to_datetime(snapshot.intervals[0][0]).date().isoformat() if snapshot.intervals else None,
    }


def _ordered(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Upstream before downstream."""
    left = {snapshot.name: snapshot for snapshot in snapshots}
    while left:
        ready = [name for name, snapshot in left.items() if not (snapshot.model.depends_on & left.keys() - {name})]
        for name in sorted(ready) or sorted(left):
            yield left.pop(name)


def _clock_columns(snapshot: Snapshot, upstream: dict[str, set[str]]) -> set[str]:
    """Columns whose value is the run's own clock, or is taken from such a column upstream."""
    query = getattr(snapshot.model, "query", None)
    if not isinstance(query, exp.Query):
        return set()
    inherited = set[str]().union(*(upstream.get(name, set()) for name in snapshot.model.depends_on))
    named: set[str] = set(inherited)
    selects = list(query.find_all(exp.Select))
    while True:
        found = {
            projection.alias_or_name
            for select in selects
            for projection in select.selects
            if _tells_time(projection) or any(column.name in named for column in projection.find_all(exp.Column))
        }
        if found <= named:
            break
        named |= found
    final = {name.lower() for name in getattr(query, "named_selects", [])}
    return {name for name in found if name.lower() in final}


def _tells_time(projection: Any) -> bool:
    if any(projection.find_all(*CLOCKS)):
        return True
    calls = {str(call.this).lower() for call in projection.find_all(exp.Anonymous)}
    macros = {
        name for node in projection.walk() if (name := getattr(node, "name", "")) and "Macro" in type(node).__name__
    }
    return bool(calls & CLOCK_CALLS) or any(str(name).lower().startswith("execution_") for name in macros)


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


def _audit(
    context: Context, environment: str, ranges: dict[str, list[str]], execution_time: str | None
) -> list[dict[str, Any]]:
    _, snapshots = _deployed(context, environment)
    by_name = {snapshot.name: snapshot for snapshot in snapshots.values()}
    results: list[dict[str, Any]] = []
    for name, (start, end) in ranges.items():
        for result in context.snapshot_evaluator.audit(
            snapshot=by_name[name],
            start=start,
            end=end,
            execution_time=execution_time,
            snapshots=by_name,
        ):
            results.append(
                {
                    "model": name,
                    "audit": result.audit.name,
                    "failures": int(result.count or 0),
                    "skipped": bool(result.skipped),
                }
            )
    return results
