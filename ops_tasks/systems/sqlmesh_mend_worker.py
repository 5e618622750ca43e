"""SQLMesh made to agree with its warehouse again: tables created, history put in, days computed, views shown.

Works on what is deployed, in every environment, never on the files on disk; only a state that is lost is begun anew
from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict, cast

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.snapshot import DeployabilityIndex, Snapshot
from sqlmesh.utils.date import now_timestamp, to_datetime, to_timestamp
from sqlmesh.utils.errors import SQLMeshError

from ops_tasks.errors import StepFailed
from ops_tasks.systems.sql import ident, literal
from ops_tasks.systems.sqlmesh_checks_worker import lacking, short
from ops_tasks.systems.sqlmesh_models_worker import SCD, WHOLE_HISTORY
from ops_tasks.systems.sqlmesh_project_worker import context_of, deployed, ordered, why
from ops_tasks.systems.sqlmesh_project_worker import let_go as let_go
from ops_tasks.systems.worker_main import progress

NOT_COMPUTED = {"EXTERNAL", "EMBEDDED", "SEED"}
LAST = "last"


class Deployed(TypedDict):
    """A deployed model in one environment, as state and warehouse have it. Days are ISO and inclusive."""

    environment: str
    model: str
    name: str
    kind: str
    table: str
    view: str
    upstream: list[str]
    time_column: str | None
    whole_history: bool
    scd: bool
    first: str | None
    last: str | None
    table_exists: bool
    view_exists: bool
    lacks_from: str | None


class Seed(TypedDict):
    """Rows to put into a physical table (`catalog.schema.table`) before anything is computed: `kept` in `path`."""

    table: str
    path: str
    kept: str


def survey(
    project: str, gateway: str | None, raw: dict[str, str], instead: dict[str, str | None] | None = None
) -> list[Deployed]:
    """Return every deployed model of every environment, upstream first, and how far its table and view are there.

    `instead` gives other files to look at, or None for one that is lost or broken: whatever it held counts as not
    there. `lacks_from` is the first day that the state claims and the table does not have; `raw` as in `lacking`.
    Read-only.
    """
    context = context_of(project, gateway, read_only=True, instead=instead)
    there = _there(context)
    found: list[Deployed] = []
    for summary in context.state_reader.get_environments_summary():
        environment, snapshots = deployed(context, summary.name)
        index = _index(summary.name, snapshots.values())
        for snapshot in ordered(s for s in snapshots.values() if s.is_model and not s.is_symbolic):
            if snapshot.model.kind.is_embedded:
                continue
            table = _table(context, snapshot, index)
            view = _view(context, snapshot, environment)
            lost = lacking(context, snapshot, summary.name, table, raw) if table in there else None
            found.append(_told(snapshot, summary.name, table, view, there, lost[0] if lost else None))
    return found


def local(project: str, gateway: str | None, instead: dict[str, str | None] | None = None) -> list[dict[str, Any]]:
    """Return the models of the files on disk, for a state that is lost: `model`, `name`, `kind`, `scd`, `upstream`."""
    context = context_of(project, gateway, read_only=True, instead=instead)
    return [
        {
            "model": name,
            "name": short(name),
            "kind": model.kind.name.value,
            "scd": model.kind.name.value in SCD,
            "whole_history": model.kind.name.value in WHOLE_HISTORY,
            "upstream": sorted(model.depends_on),
            "time_column": _time_column(model),
        }
        for name, model in context.models.items()
        if model.kind.name.value not in NOT_COMPUTED
    ]


def begin(project: str, gateway: str | None, environment: str, now: str | None = None) -> dict[str, Any]:
    """Deploy the files on disk into a state that is lost: every table is made and claimed, none is computed.

    Does nothing when the environment is there already (a retry).
    """
    context = context_of(project, gateway, read_only=False)
    if context.state_reader.get_environment(environment) is not None:
        return {"begun": False}
    progress("deploying the project anew")
    made = context.plan(
        environment, no_prompts=True, auto_apply=False, no_diff=True, empty_backfill=True, execution_time=now
    )
    context.apply(made)
    return {"begun": True}


def mend(
    project: str,
    gateway: str | None,
    days: dict[str, str | None],
    seeds: list[Seed],
    now: str | None = None,
) -> dict[str, Any]:
    """Compute tables anew from a day on, in every environment that has them, and show every view again.

    `days`: model -> first day to compute, LAST for its last interval only, None for all of it. Missing tables are
    created first, then `seeds` replace what their tables hold, then the intervals are taken out of the state and run.
    Can be repeated after a kill. Returns `computed` (environment -> short names), `seeded` (table -> rows), `created`
    and `views` (counts).
    """
    context = context_of(project, gateway, read_only=False)
    created = views = 0
    computed: dict[str, list[str]] = {}
    seeded: dict[str, int] = {}
    for summary in context.state_reader.get_environments_summary():
        environment, snapshots = deployed(context, summary.name)
        index = _index(summary.name, snapshots.values())
        models = list(ordered(s for s in snapshots.values() if s.is_model and not s.is_symbolic))
        there = _there(context)
        missing = [s for s in models if not s.model.kind.is_embedded and _table(context, s, index) not in there]
        progress(f"{summary.name}: creating {len(missing)} tables")
        _create(context, missing, snapshots, index)
        created += len(missing)
        fed = {_dotted(_table(context, s, index)): s for s in models}
        for seed in seeds:
            if seed["table"] in fed and seed["table"] not in seeded:
                seeded[seed["table"]] = _plant(context, seed)
        spans = [(s, _span(s, days[s.name], now)) for s in models if s.name in days and s.intervals]
        if spans:
            cast("Any", context.state_sync).remove_intervals(spans)
        computed[summary.name] = _run(context, summary.name, sorted(days), now)
        progress(f"{summary.name}: showing {len(models)} views")
        _, fresh = deployed(context, summary.name)
        context.snapshot_evaluator.promote(
            [s for s in fresh.values() if s.is_model and not s.is_symbolic],
            environment.naming_info,
            deployability_index=index,
            snapshots=fresh,
        )
        views += len(models)
    return {"computed": computed, "seeded": seeded, "created": created, "views": views}


def _run(context: Context, environment: str, models: list[str], now: str | None) -> list[str]:
    """Let SQLMesh compute what the state says is missing; returns what it was, by short name."""
    scheduler = context.scheduler(environment=environment)
    wanted = {name for name in models if name in scheduler.snapshots_by_name}
    if not wanted:
        return []
    progress(f"{environment}: computing {len(wanted)} models")
    try:
        status = scheduler.run(
            environment, execution_time=now or now_timestamp(), ignore_cron=True, selected_snapshots=wanted
        )
    except SQLMeshError as error:
        raise StepFailed(why(error)) from error
    if status.is_failure:
        raise StepFailed(why(SQLMeshError(f"computing {environment} failed")))
    return sorted(short(name) for name in wanted)


def _create(
    context: Context, missing: list[Snapshot], snapshots: dict[Any, Snapshot], index: DeployabilityIndex
) -> None:
    if missing:
        context.snapshot_evaluator.create_physical_schemas(missing, index)
        cast("Any", context.snapshot_evaluator).create(missing, snapshots, deployability_index=index)


def _plant(context: Context, seed: Seed) -> int:
    """Replace a table's rows by the ones that were kept, column by column name; returns how many there are."""
    warehouse: Any = context.engine_adapter
    table = ident(*seed["table"].split(".", 2))
    warehouse.execute(f"ATTACH {literal(seed['path'])} AS kept_history (READ_ONLY)", quote_identifiers=False)
    try:
        source = ident("kept_history", "main", seed["kept"])
        warehouse.execute(f"DELETE FROM {table}", quote_identifiers=False)
        warehouse.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {source}", quote_identifiers=False)
        return int(warehouse.fetchall(f"SELECT count(*) FROM {table}")[0][0])
    finally:
        warehouse.execute("DETACH kept_history", quote_identifiers=False)


def _span(snapshot: Snapshot, since: str | None, now: str | None) -> tuple[int, int]:
    """What to take out of the state: `[start, end)` in milliseconds."""
    first, last = snapshot.intervals[0][0], snapshot.intervals[-1][1]
    end = max(last, to_timestamp(now) if now else now_timestamp())
    if since is None:
        return first, end
    unit = snapshot.node.interval_unit.milliseconds
    return (last - unit if since == LAST else min(max(first, to_timestamp(since)), last - unit)), end


def _told(
    snapshot: Snapshot,
    environment: str,
    table: tuple[str, str, str],
    view: tuple[str, str, str],
    there: set[tuple[str, str, str]],
    lacks_from: str | None,
) -> Deployed:
    kind = snapshot.model.kind.name.value
    spans = snapshot.intervals
    return Deployed(
        environment=environment,
        model=snapshot.name,
        name=short(snapshot.name),
        kind=kind,
        table=_dotted(table),
        view=_dotted(view),
        upstream=sorted(snapshot.model.depends_on),
        time_column=_time_column(snapshot.model),
        whole_history=kind in WHOLE_HISTORY,
        scd=kind in SCD,
        first=to_datetime(spans[0][0]).date().isoformat() if spans else None,
        last=to_datetime(spans[-1][1] - 1).date().isoformat() if spans else None,
        table_exists=table in there,
        view_exists=view in there,
        lacks_from=lacks_from,
    )


def _time_column(model: Any) -> str | None:
    column = getattr(model, "time_column", None)
    return column.column.name if column else None


def _there(context: Context) -> set[tuple[str, str, str]]:
    warehouse: Any = context.engine_adapter
    rows = warehouse.fetchall("SELECT table_catalog, table_schema, table_name FROM information_schema.tables")
    return {(str(catalog), str(schema), str(table)) for catalog, schema, table in rows}


def _index(environment: str, snapshots: Iterable[Snapshot]) -> DeployabilityIndex:
    """Which of two physical tables an environment shows; the rule of SQLMesh's own scheduler (0.236)."""
    if environment.lower() == "prod":
        return DeployabilityIndex.all_deployable()
    return DeployabilityIndex.create(list(snapshots))


def _table(context: Context, snapshot: Snapshot, index: DeployabilityIndex) -> tuple[str, str, str]:
    return _key(exp.to_table(snapshot.table_name(index.is_deployable(snapshot)), dialect="duckdb"), context)


def _view(context: Context, snapshot: Snapshot, environment: Any) -> tuple[str, str, str]:
    return _key(snapshot.qualified_view_name.table_for_environment(environment.naming_info, dialect="duckdb"), context)


def _key(table: exp.Table, context: Context) -> tuple[str, str, str]:
    return (table.catalog or context.default_catalog or "", table.db, table.name)


def _dotted(key: tuple[str, str, str]) -> str:
    return ".".join(key)
