"""The reading half of a partial backfill: look at the stack, find the window, find every reason not to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from ops_tasks.contracts.files import find as find_contracts
from ops_tasks.errors import UsageError, nearest
from ops_tasks.operation.journal import new_id
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.backfill_facts import Dated, Facts, Options, Reload, Survey, Table
from ops_tasks.scenarios.compare import Role
from ops_tasks.scenarios.lineage import RawTable, date_column, dated_columns, downstream, nested, raw_tables, roots
from ops_tasks.scenarios.observer import Observer
from ops_tasks.scenarios.window import HISTORY, LONGEST, Flag, Window, flags
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

HELD_KINDS = {"VIEW", "EMBEDDED", "SEED", "EXTERNAL"}
ROOM = 1.2


def check_sources(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    """Return the sources to load again; an unknown one, or one without a date column, is a usage error."""
    known = list(stack.config.sources)
    if not names:
        raise UsageError("no source given", f"--source=NAME; {nearest('', known)}")
    for name in names:
        if not any(table.date_column for table in stack.source(name).tables.values()):
            key = f"ops.sources.{name}.tables.TABLE.date_column"
            raise UsageError(f"source {name!r} has no table with a date column", f"set {key} in {stack.file}")
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Choice:
    """Models to look at instead of a source's tables: by name (`schema.table`), and all that is made of `sources`."""

    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def survey(
    observer: Observer, names: tuple[str, ...], window: Window | None = None, choice: Choice | None = None
) -> Survey:
    """Look at the live stack; see `Survey`. With a `window`, SQLMesh begins to plan for it meanwhile.

    What is affected hangs on the dated raw tables of the sources `names`, or on the models of a `choice`.

    Raises `UsageError` when a source's tables are not there.
    """
    stack = observer.stack
    found = observer.duck("catalog")
    columns: dict[str, dict[str, str]] = found["columns"]
    datasets = {name: [config.catalog, config.dataset] for name, config in stack.config.sources.items()}
    schemas = observer.duck("dlt_schemas", datasets=datasets)
    raw = raw_tables(stack, schemas, columns)
    for name in names:
        if not any(table.source == name and table.date_column for table in raw):
            config = stack.source(name)
            raise UsageError(f"{name}: no raw table in {config.catalog}.{config.dataset}", "load it once first")
    inspected = observer.sqlmesh("inspect")
    models: dict[str, Any] = inspected["models"]
    of = choice.sources if choice else names
    touched = {table.quoted for table in raw if table.source in of and table.date_column}
    wanted = _resolve(choice.models, models, tuple(models), "--model") if choice else set[str]()
    below = {*downstream(models, [*touched, *wanted]), *wanted}
    affected = tuple(name for name in models if name in below)
    if window is not None and (question := _question(stack, models, affected, window)):
        observer.begin_plan(**question)
    today = stack.today()
    under = {root for name in affected for root in roots(models, name)} if choice else set[str]()
    shown = [table for table in raw if table.date_column and not table.parents]
    specs = [_raw_spec(table) for table in shown if table.source in names or table.quoted in under]
    stored = [name for name in affected if models[name]["kind"] != "VIEW"]
    specs += [spec for name in stored if (spec := _model_spec(stack, models[name], columns)) and spec.date_column]
    since = min(today - timedelta(days=HISTORY), window.start if window else today)
    rows = observer.duck("rows_per_day", tables=[vars(spec) for spec in specs], since=since.isoformat())
    series = {
        name: {date.fromisoformat(day): count for day, count in days.items() if date.fromisoformat(day) <= today}
        for name, days in rows.items()
    }
    others = inspected["other_environments"]
    chosen = (*choice.models, *choice.sources) if choice else ()
    return Survey(names, today, models, others, columns, tuple(found["tables"]), tuple(raw), affected, series, chosen)


def suspicious(stack: Stack, seen: Survey) -> list[Flag]:
    """The days of every surveyed table that do not look like their weekday."""
    limits = stack.config.gate
    return [flag for table, rows in seen.series.items() for flag in flags(table, rows, seen.today, limits)]


def facts(observer: Observer, seen: Survey, window: Window, options: Options, found: Sequence[Flag] = ()) -> Facts:
    """Work out a backfill of `window`: the blast radius from SQLMesh's own plan, and every reason to refuse."""
    stack = observer.stack
    models = seen.models
    excluded = _resolve(options.exclude, models, seen.affected, "--exclude")
    restate = [name for name in seen.affected if models[name]["restatable"]]
    planned = _planned(observer, seen, window)
    planned = {name: span for name, span in planned.items() if name not in excluded}
    operation = new_id()
    names = {name: model["name"] for name, model in models.items()}
    free, needed = snapshots.free_bytes(stack), snapshots.set_bytes(stack)
    reloads = tuple(_reload(stack, name, seen.raw) for name in seen.sources)
    refusals = _history(observer, seen, planned, names, window) if not options.allow_history_loss else []
    more = room(stack, reloads, needed)
    if more > free:
        reason = f"{more:,} bytes are needed for the snapshot and the work, {free:,} are free on {stack.root}"
        refusals.append(Refusal(reason, "free some space"))
    contracts, uncovered = _contracts(stack, [models[name] for name in planned])
    return Facts(
        operation=operation,
        window=window,
        today=seen.today,
        snapshot=f"pre_backfill_{'_'.join(seen.sources)}_{window.start:%Y%m%d}_{operation}".lower(),
        reloads=reloads,
        restate=tuple(restate),
        restatements=planned,
        kinds={name: models[name]["kind"] for name in models},
        names=names,
        measured=tuple(_measured(stack, seen)),
        roles=_roles(seen, planned, window),
        contracts=contracts,
        main_catalog=next((models[n]["view"][0] for n in planned if models[n]["view"]), ""),
        options=replace(options, exclude=tuple(sorted(excluded))),
        snapshot_bytes=needed,
        free_bytes=free,
        flags=tuple(found),
        notes=tuple(_notes(seen, planned, excluded, names, uncovered)),
        refusals=tuple(refusals),
        orphans=_orphans(observer, seen),
    )


def _orphans(observer: Observer, seen: Survey) -> dict[str, int]:
    """Rows without a parent in the child tables that will be exchanged."""
    exchanged = nested(table for table in seen.raw if table.source in seen.sources and table.date_column)
    return observer.duck("orphans:count", tables=exchanged) if exchanged else {}


def _question(stack: Stack, models: Mapping[str, Any], affected: Sequence[str], window: Window) -> dict[str, Any]:
    """What SQLMesh is asked to plan; empty when there is nothing that it could restate."""
    restate = [name for name in affected if models[name]["restatable"]]
    return (
        {
            "models": restate,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
            "execution_time": None if stack.config.clock is None else stack.now().isoformat(),
        }
        if restate
        else {}
    )


def _planned(observer: Observer, seen: Survey, window: Window) -> dict[str, tuple[str, str]]:
    question = _question(observer.stack, seen.models, seen.affected, window)
    if not question:
        return {}
    return {name: (start, end) for name, (start, end) in observer.plan(**question)["restatements"].items()}


def _resolve(wanted: Sequence[str], models: Mapping[str, Any], among: Sequence[str], flag: str) -> set[str]:
    """Model names as people write them (`schema.table`) to SQLMesh's own."""
    by_name = {models[name]["name"]: name for name in among}
    for name in wanted:
        if name not in by_name:
            what = "a deployed model" if flag == "--model" else "among the models to restate"
            raise UsageError(f"{flag}={name!r} is not {what}", nearest(name, list(by_name)))
    return {by_name[name] for name in wanted}


def _reload(stack: Stack, name: str, raw: Sequence[RawTable]) -> Reload:
    config = stack.source(name)
    own = [table for table in raw if table.source == name]
    dated = [table for table in own if table.date_column and not table.parents]
    return Reload(
        name,
        config.catalog,
        config.dataset,
        tuple(
            Dated(
                table.table,
                table.date_column or "",
                table.primary_key,
                tuple((child.table, child.parents[0]) for child in _below(table.table, own)),
            )
            for table in dated
        ),
        tuple(table.table for table in own if not table.date_column),
        in_place=stack.load(name).dlt is None,
    )


def _below(table: str, own: Sequence[RawTable]) -> list[RawTable]:
    """The child tables of a root, those nearer to it first."""
    return sorted((child for child in own if table in child.parents), key=lambda child: len(child.parents))


def _measured(stack: Stack, seen: Survey) -> list[Table]:
    """Every raw table, every deployed model's view, and every other table, SQLMesh's and dlt's own left out."""
    specs = [_raw_spec(table) for table in seen.raw]
    specs += [spec for model in seen.models.values() if (spec := _model_spec(stack, model, seen.columns))]
    known = {f"{spec.catalog}.{spec.schema}.{spec.table}" for spec in specs}
    for name in seen.tables:
        catalog, schema, table = name.split(".", 2)
        if name in known or schema.startswith("sqlmesh") or table.startswith("_dlt") or schema.endswith("_staging"):
            continue
        specs.append(Table(name, catalog, schema, table, None, (), (), recomputed=False))
    return specs


def _raw_spec(table: RawTable) -> Table:
    # dlt stamps every row with its load; rows outside the window keep theirs, so nothing is left out here.
    return Table(
        table.name, table.catalog, table.dataset, table.table, table.date_column, table.parents, (), recomputed=False
    )


def _model_spec(stack: Stack, model: Mapping[str, Any], columns: Mapping[str, dict[str, str]]) -> Table | None:
    if model["view"] is None:
        return None
    catalog, schema, view = model["view"]
    types = columns.get(f"{catalog}.{schema}.{view}")
    if types is None:
        return None
    day = date_column(model, types, stack.config.date_columns.get(model["name"]))
    clocks, keys = tuple(model["clock_columns"]), tuple(model["keys"])
    return Table(model["name"], catalog, schema, view, day, (), clocks, recomputed=True, keys=keys)


def _roles(seen: Survey, planned: Mapping[str, tuple[str, str]], window: Window) -> dict[str, Role]:
    roles = {
        table.name: Role("reloaded", may_change=window)
        for table in seen.raw
        if table.source in seen.sources and table.date_column
    }
    for name, (start, end) in planned.items():
        model = seen.models[name]
        whole = model["whole_history"]
        span = None if whole else Window(date.fromisoformat(start), date.fromisoformat(end))
        # A FULL table without days is what its query says; one with days, or with a key, must not lose old rows.
        dated = date_column(model, seen.columns.get(".".join(model["view"] or []), {}), None) is not None
        keeps = whole and model["kind"] not in HELD_KINDS and (dated or model["kind"] != "FULL")
        roles[model["name"]] = Role("restated", model["kind"], span, keeps_rows=keeps)
    for name in seen.affected:
        # A view over what is restated shows it at once, whether SQLMesh counts it as restated or not.
        if seen.models[name]["kind"] == "VIEW":
            roles.setdefault(seen.models[name]["name"], Role("restated", "VIEW"))
    return roles


def _history(
    observer: Observer,
    seen: Survey,
    planned: Mapping[str, tuple[str, str]],
    names: Mapping[str, str],
    window: Window,
) -> list[Refusal]:
    """Refuse to rebuild a whole-history model from raw tables that no longer reach back as far as it does.

    A window that begins before what is left of a raw table brings its days back.

    A model's own dates tell how far it reaches; for a model that accumulates by key, so do those of any other model
    made of the same raw tables.
    """
    models = seen.models
    asked: dict[str, tuple[list[str], list[str]]] = {}
    for table in seen.raw:
        if table.date_column and not table.parents:
            asked[table.quoted] = ([table.catalog, table.dataset, table.table], [table.date_column])
    for name in seen.affected:
        model = models[name]
        if model["view"] is None or model["kind"] in HELD_KINDS or model["scd"]:
            continue
        types = seen.columns.get(".".join(model["view"]), {})
        day = date_column(model, types, observer.stack.config.date_columns.get(model["name"]))
        asked[name] = (model["view"], [day] if day else dated_columns(model, types))
    first = observer.duck("reach", tables=asked)
    for table in seen.raw:
        held = first.get(table.quoted)
        if table.source in seen.sources and held and date.fromisoformat(held) <= window.end + timedelta(days=1):
            first[table.quoted] = min(held, window.start.isoformat())
    short: dict[str, tuple[str, str]] = {}
    for name in seen.affected:
        ends = [first[root] for root in roots(models, name) if first.get(root)]
        if first.get(name) and ends and first[name] < min(ends):
            short[name] = (first[name], min(ends))
    refusals: list[Refusal] = []
    for name in planned:
        model = models[name]
        if not model["whole_history"] or model["kind"] in HELD_KINDS:
            continue
        witnesses = [name] if model["kind"] == "FULL" else [name, *short]
        mine = roots(models, name)
        witness = next((other for other in witnesses if other in short and mine & roots(models, other)), None)
        if witness is None:
            continue
        held, raw = short[witness]
        reason = (
            f"{names[name]} ({model['kind']}) would be rebuilt from raw data that begins on {raw}, "
            f"but {'it' if witness == name else names[witness]} holds days from {held} on"
        )
        wider = Window(min(date.fromisoformat(held), window.start), window.end)
        load = f"--start={wider.start} --end={wider.end} loads the older days too; "
        way = load if len(wider.days) <= LONGEST else ""
        way += f"--exclude={names[name]} leaves it as it is; --allow-history-loss if the older days may go"
        refusals.append(Refusal(reason, way))
    return refusals


def room(stack: Stack, reloads: Sequence[Reload], needed: int) -> int:
    """Bytes the whole operation may need: the snapshot, second copies of what is loaded in place, and growth."""
    in_place = {reload.catalog for reload in reloads if reload.in_place}
    copies = sum(path.stat().st_size for name, path in stack.databases.items() if name in in_place and path.exists())
    return int(needed * ROOM) + copies


def _contracts(stack: Stack, models: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[str]]:
    """Contract files (relative to the root) of the restated models, and the marts among them without one."""
    if stack.config.contracts is None:
        return (), []
    known = find_contracts(stack.root / stack.config.contracts.path)
    covered_schemas = {schema for schema, _ in known}
    files: list[str] = []
    uncovered: list[str] = []
    for model in models:
        if model["view"] is None:
            continue
        _, schema, view = model["view"]
        if (schema, view) in known:
            files.append(stack.relative(known[schema, view]))
        elif schema in covered_schemas:
            uncovered.append(model["name"])
    return tuple(files), uncovered


def _notes(
    seen: Survey,
    planned: Mapping[str, tuple[str, str]],
    excluded: set[str],
    names: Mapping[str, str],
    uncovered: Sequence[str],
) -> list[str]:
    notes = [
        f"{names[name]} ({seen.models[name]['kind']}) is not restated: its history is kept as it is"
        for name in seen.affected
        if not seen.models[name]["restatable"]
    ]
    notes += [f"{names[name]} is excluded and stays as it is" for name in sorted(excluded)]
    for environment, own in seen.other_environments.items():
        cleared = [names.get(name, name) for name in own if name in planned]
        if cleared:
            notes.append(f"environment {environment}: the intervals of {', '.join(cleared)} are cleared, plan it again")
    if not seen.affected:
        notes.append(f"no deployed model is made of {', '.join(seen.sources)}: only raw tables will change")
    if uncovered:
        notes.append(f"no contract covers {', '.join(uncovered)}")
    return notes
