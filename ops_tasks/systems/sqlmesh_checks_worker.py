"""What SQLMesh knows about its own health, over read-only connections: audits, drift, unit tests, and a plan's text."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any, TypedDict, cast

import duckdb
from rich.console import Console
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.console import TerminalConsole, set_console
from sqlmesh.core.snapshot import DeployabilityIndex, Snapshot
from sqlmesh.utils.date import to_datetime
from sqlmesh.utils.errors import NoChangesPlanError, SQLMeshError

from ops_tasks.systems.duck_worker import attached, forgo_locks
from ops_tasks.systems.sql import day_of, ident
from ops_tasks.systems.sqlmesh_project_worker import audit, context_of, deployed, state_of
from ops_tasks.systems.worker_main import progress

WIDTH = 110
LOOK_BACK, FEWEST, USUAL = 14, 3, 0.9
NOTHING: dict[str, Any] = {
    "changes": False,
    "added": [],
    "removed": [],
    "modified": [],
    "snapshots": [],
    "computed": [],
}


class Drift(TypedDict):
    """One disagreement between state and warehouse: `kind`, the `environment`, the `model` and the `object`."""

    kind: str
    environment: str
    model: str
    object: str
    detail: str


def reachable(databases: dict[str, str]) -> None:
    """Raise `Busy`, with the PID, while another process writes to a database.

    SQLMesh hides a lock behind `Catalog Error: ... schema not found`, and says rc 0 to a plan and to audits.
    """
    with attached(databases):
        progress("every database can be read")


def be_polite(project: str, gateway: str | None, files: list[str]) -> None:
    """Connect, then keep nobody from writing to the files; see `duck_worker.forgo_locks`."""
    context = context_of(project, gateway, read_only=True)
    warehouse: Any = context.engine_adapter
    warehouse.fetchall("SELECT 1")
    state_of(context).get_environments_summary()
    forgo_locks(*files)


def environments(project: str, gateway: str | None) -> dict[str, dict[str, str]]:
    """Return every environment of the state: `suffix` (what its schemas end in) and `target` (what is suffixed)."""
    context = context_of(project, gateway, read_only=True)
    found: dict[str, dict[str, str]] = {}
    for summary in state_of(context).get_environments_summary():
        naming = deployed(context, summary.name)[0].naming_info
        suffix = "" if naming.name.lower() == "prod" else f"__{naming.name}"
        found[summary.name] = {"suffix": suffix, "target": str(naming.suffix_target.value)}
    return found


def audits(project: str, gateway: str | None, environment: str, now: str | None = None) -> dict[str, Any]:
    """Run every audit of every deployed model over all that it holds.

    Returns `models` (how many), `without` (names of models that have no audit) and `results`:
    `{model, audit, failures, skipped}`, and `broken`: `{model, reason}` for audits that could not run.
    """
    context = context_of(project, gateway, read_only=True)
    models = _models(context, environment)
    progress(f"auditing {len(models)} models")
    results: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for snapshot in models:
        if snapshot.intervals and snapshot.model.audits_with_args:
            try:
                found = audit(context, environment, {snapshot.name: _span(snapshot)}, now)
            except (duckdb.Error, SQLMeshError) as error:
                broken.append({"model": _short(snapshot), "reason": _first_line(error)})
            else:
                results += [{**result, "model": _short(snapshot)} for result in found]
    without = [_short(s) for s in models if not s.model.audits_with_args]
    empty = [_short(s) for s in models if s.model.audits_with_args and not s.intervals]
    return {
        "models": len(models),
        "without": sorted(without),
        "never_computed": sorted(empty),
        "results": results,
        "broken": broken,
    }


def drift(project: str, gateway: str | None, raw: dict[str, str]) -> dict[str, list[Drift]]:
    """Compare the state with what the warehouse has, for every environment; `raw` as in `lacking`.

    `problems`: a physical table or a view that is missing, a time-range table that ends days before its state says it
    does. `leftovers`: physical tables that no environment refers to, which SQLMesh's own janitor may yet remove.
    """
    context = context_of(project, gateway, read_only=True)
    warehouse: Any = context.engine_adapter
    rows = warehouse.fetchall("SELECT table_catalog, table_schema, table_name FROM information_schema.tables")
    there = {(str(catalog), str(schema), str(table)) for catalog, schema, table in rows}
    problems: list[Drift] = []
    wanted: set[tuple[str, str, str]] = set()
    for summary in state_of(context).get_environments_summary():
        naming = deployed(context, summary.name)[0].naming_info
        for snapshot in _models(context, summary.name):
            if snapshot.model.kind.is_embedded:
                continue
            physical = _key(exp.to_table(snapshot.table_name(is_deployable=True), dialect="duckdb"), context)
            preview = _key(exp.to_table(snapshot.table_name(is_deployable=False), dialect="duckdb"), context)
            wanted |= {physical, preview}
            view = snapshot.qualified_view_name.table_for_environment(naming, dialect="duckdb")
            problems += _missing(
                snapshot, summary.name, {physical, preview} & there, physical, _key(view, context), there
            )
            if physical in there:
                problems += _behind(context, snapshot, summary.name, physical, raw)
    leftovers = [
        Drift(kind="orphan", environment="", model="", object=".".join(key), detail="no environment refers to it")
        for key in sorted(there - wanted)
        if key[1].startswith("sqlmesh__")
    ]
    return {"problems": _unique(problems), "leftovers": leftovers}


def unit_tests(project: str, gateway: str | None) -> dict[str, Any]:
    """Run the project's own unit tests; returns `run` and `problems`, a line per failure or error."""
    context = context_of(project, gateway, read_only=True)
    progress("running the project's unit tests")
    output = io.StringIO()
    result = cast("Any", context.test(stream=output))
    broken = [*result.failures, *result.errors]
    return {"run": int(result.testsRun), "problems": [f"{test}: {_last_line(text)}" for test, text in broken]}


def explain(project: str, gateway: str | None, environment: str, now: str | None = None) -> dict[str, Any]:
    """Return SQLMesh's own account of what a plan would do, and do none of it.

    `text` is what it prints, `changes` whether there is anything to do, `fingerprint` what has to be the same when it
    is applied.
    """
    output = io.StringIO()
    set_console(TerminalConsole(console=Console(file=output, width=WIDTH, no_color=True)))
    context = context_of(project, gateway, read_only=True)
    state_of(context)
    try:
        made = context.plan(
            environment, no_prompts=True, auto_apply=False, explain=True, skip_tests=True, execution_time=now
        )
    except NoChangesPlanError as error:
        return {"text": str(error), **NOTHING}
    text = "\n".join(line.rstrip() for line in output.getvalue().strip().splitlines())
    return {"text": text, **fingerprint(made)}


def fingerprint(made: Any) -> dict[str, Any]:
    """What identifies a plan: the changed, new and removed models and the ones to be computed."""
    difference = made.context_diff
    return {
        "changes": bool(difference.has_changes or made.requires_backfill or made.has_unmodified_unpromoted),
        "added": sorted(short(identity.name) for identity in difference.added),
        "removed": sorted(short(identity.name) for identity in difference.removed_snapshots),
        "modified": sorted(short(name) for name in difference.modified_snapshots),
        "snapshots": sorted(str(identity) for identity in difference.snapshots),
        "computed": sorted(str(missing.snapshot_id) for missing in made.missing_intervals),
    }


def _models(context: Context, environment: str) -> list[Snapshot]:
    found = deployed(context, environment)[1].values()
    return sorted((s for s in found if s.is_model and not s.is_symbolic), key=lambda s: s.name)


def _span(snapshot: Snapshot) -> list[str]:
    """First and last day of all that has been computed."""
    return [
        to_datetime(snapshot.intervals[0][0]).date().isoformat(),
        to_datetime(snapshot.intervals[-1][1] - 1).date().isoformat(),
    ]


def _missing(
    snapshot: Snapshot,
    environment: str,
    found: set[tuple[str, str, str]],
    physical: tuple[str, str, str],
    view: tuple[str, str, str],
    there: set[tuple[str, str, str]],
) -> list[Drift]:
    problems: list[Drift] = []
    name = _short(snapshot)
    if not found and snapshot.intervals:
        lost = {"kind": "missing_physical", "detail": "its physical table does not exist"}
        problems.append(Drift(environment=environment, model=name, object=".".join(physical), **lost))
    if view not in there:
        lost = {"kind": "missing_view", "detail": "its view does not exist"}
        problems.append(Drift(environment=environment, model=name, object=".".join(view), **lost))
    return problems


def lacking(
    context: Context, snapshot: Snapshot, environment: str, table: tuple[str, str, str], raw: dict[str, str]
) -> tuple[str, str, str] | None:
    """First and last day that the state claims and a time-range table does not have, and the evidence.

    An older warehouse under a newer state has every table by name: only the rows give it away. The model's own query
    is asked for the days that the table does not have; where what it reads is as old, the raw tables are (`raw`: quoted
    name -> date column). A source that is merely late has nothing there either.
    """
    column = getattr(snapshot.model, "time_column", None)
    if column is None or not snapshot.intervals or not snapshot.model.kind.is_incremental_by_time_range:
        return None
    first, claimed = _span(snapshot)
    there = _days(context, table, column.column.name)
    last = max(there, default="")
    start = max(first, (date.fromisoformat(last) + timedelta(days=1)).isoformat()) if last else first
    expected = {day for day in _raw_days(context, snapshot, environment, raw) if first <= day <= claimed}
    if holes := sorted(day for day in expected - there if day < start):
        # Only days that the model's own query has rows of are lacking: it may leave some out on purpose.
        made = _query_days(context, snapshot, environment, column.column.name, (holes[0], holes[-1]))
        if lost := sorted(made & set(holes)):
            return lost[0], claimed, f"{len(lost)} days in between"
    if start > claimed:
        return None
    if made := _query_days(context, snapshot, environment, column.column.name, (start, claimed)):
        return min(made), claimed, f"{len(made)} days that its query has rows of"
    ahead = sorted(day for day in expected if day >= start)
    before = sorted(day for day in expected if day < start)[-LOOK_BACK:]
    # A model that has had rows whenever all of its raw tables had some is expected to go on like that.
    usual = not last or (len(before) >= FEWEST and len(there & set(before)) >= USUAL * len(before))
    return (ahead[0], claimed, f"{len(ahead)} days that the raw tables have") if ahead and usual else None


def _raw_days(context: Context, snapshot: Snapshot, environment: str, raw: dict[str, str]) -> set[str]:
    """Days on which every dated raw table below a model has rows."""
    known = {other.name: other for other in _models(context, environment)}
    found: set[str] | None = None
    ahead, seen = list(snapshot.model.depends_on), set[str]()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in raw:
            days = _days(context, _key(exp.to_table(name, dialect="duckdb"), context), raw[name])
            found = days if found is None else found & days
        elif name in known:
            ahead += known[name].model.depends_on
    return found or set()


def _days(context: Context, table: tuple[str, str, str], column: str) -> set[str]:
    """The ISO days that a table has rows of; none where the column has no day."""
    warehouse: Any = context.engine_adapter
    parts = [exp.Literal.string(part) for part in table]
    names = ("table_catalog", "table_schema", "table_name")
    asked = exp.select("column_name", "data_type").from_("information_schema.columns")
    for name, part in zip(names, parts, strict=True):
        asked = asked.where(exp.column(name).eq(part))
    kinds = {str(name): str(kind) for name, kind in warehouse.fetchall(asked)}
    day = day_of(column, kinds[column]) if column in kinds else None
    if day is None:
        return set()
    rows = warehouse.fetchall(f"SELECT DISTINCT CAST({day} AS VARCHAR) FROM {ident(*table)}")
    return {str(found) for (found,) in rows if found is not None}


def _behind(
    context: Context, snapshot: Snapshot, environment: str, table: tuple[str, str, str], raw: dict[str, str]
) -> list[Drift]:
    found = lacking(context, snapshot, environment, table, raw)
    if found is None:
        return []
    start, claimed, lost = found
    detail = f"it lacks {lost} from {start} to {claimed}, which the state says are computed"
    return [
        Drift(
            kind="behind_state", environment=environment, model=_short(snapshot), object=".".join(table), detail=detail
        )
    ]


def _query_days(context: Context, snapshot: Snapshot, environment: str, column: str, days: tuple[str, str]) -> set[str]:
    """Which of these days, both inclusive, the model's query has rows of."""
    warehouse: Any = context.engine_adapter
    query = snapshot.model.render_query_or_raise(
        start=days[0],
        end=days[1],
        snapshots={other.name: other for other in _models(context, environment)},
        deployability_index=DeployabilityIndex.all_deployable(),
        engine_adapter=warehouse,
    )
    day = exp.cast(exp.column(column, table="q", quoted=True), "date")
    between = day.between(exp.cast(exp.Literal.string(days[0]), "date"), exp.cast(exp.Literal.string(days[1]), "date"))
    asked = exp.select(exp.cast(day, "text")).distinct().from_(query.subquery("q")).where(between)
    return {str(found) for (found,) in warehouse.fetchall(asked)}


def _unique(problems: list[Drift]) -> list[Drift]:
    """A physical table that several environments share is one problem, told for the first of them."""
    seen: dict[tuple[str, str], Drift] = {}
    for problem in problems:
        seen.setdefault((problem["kind"], problem["object"]), problem)
    return list(seen.values())


def _key(table: exp.Table, context: Context) -> tuple[str, str, str]:
    return (table.catalog or context.default_catalog or "", table.db, table.name)


def short(name: str) -> str:
    """`schema.table` of a quoted full name."""
    return ".".join(part.name for part in exp.to_table(name).parts[-2:])


def _short(snapshot: Snapshot) -> str:
    return short(snapshot.name)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
