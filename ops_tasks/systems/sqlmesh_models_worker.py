"""What is deployed, model by model, as facts: where it is, what it reads, how it is computed."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.utils.date import to_datetime

from ops_tasks.systems.sqlmesh_project_worker import deployed, ordered

CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.CurrentDatetime)
CLOCK_CALLS = {"now", "today", "get_current_timestamp", "get_current_time", "transaction_timestamp"}
WHOLE_HISTORY = {"INCREMENTAL_BY_UNIQUE_KEY", "INCREMENTAL_BY_PARTITION", "FULL"}
SCD = {"SCD_TYPE_2", "SCD_TYPE_2_BY_TIME", "SCD_TYPE_2_BY_COLUMN"}


def described(context: Context, environment: str) -> dict[str, Any]:
    """`models` of an environment by quoted name, upstream before downstream, and `other_environments`.

    See `sqlmesh_worker.inspect` for what each model has.
    """
    found, snapshots = deployed(context, environment)
    models: dict[str, Any] = {}
    clocks: dict[str, set[str]] = {}
    for snapshot in ordered(s for s in snapshots.values() if s.is_model and not s.is_symbolic):
        clocks[snapshot.name] = _clock_columns(snapshot, clocks)
        models[snapshot.name] = _model(snapshot, found, context.default_catalog or "", clocks[snapshot.name])
    others = {
        summary.name: sorted(
            snapshot.name
            for snapshot in deployed(context, summary.name)[1].values()
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
