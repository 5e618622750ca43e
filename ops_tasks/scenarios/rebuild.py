"""Scenario 1, a blown DuckDB file: what is broken is taken away and made again from what is healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ops_tasks.errors import Busy, Refused
from ops_tasks.operation.journal import Record, new_id
from ops_tasks.operation.plan import Plan, Refusal
from ops_tasks.scenarios import file_health as health
from ops_tasks.scenarios import lost_state, recovery
from ops_tasks.scenarios.file_health import FileHealth
from ops_tasks.scenarios.lineage import dated_raw
from ops_tasks.scenarios.recovery_facts import Bring, Facts, Keep, Look, Options
from ops_tasks.scenarios.scratch import refuse_remote
from ops_tasks.scenarios.undo import Undo, plan_undo
from ops_tasks.scenarios.verify import project
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot

TASK = "ops.rebuild"


@dataclass(frozen=True)
class _Source:
    """A place where tables can be looked at: the broken set itself, or an older snapshot."""

    name: str
    where: str
    databases: dict[str, str]


def symptoms(stack: Stack, hands: Crew) -> tuple[FileHealth, ...]:
    """Every database file, healthy or not."""
    return health.examine(stack, hands)


def diagnose(
    stack: Stack, seen: Sequence[FileHealth], hands: Crew, options: Options, reload: Sequence[str] = ()
) -> Facts:
    """What has to be made again, from what, and what would be lost by it.

    Raises `Busy` for a file that somebody else holds, `Refused` when nothing is broken and nothing is to be loaded, and
    where the state is lost and its file is whole.
    """
    refuse_remote(stack, "a rebuild")
    for file in seen:
        if health.LOCK in file.causes:
            raise Busy(f"{file.path}: {file.evidence[file.causes.index(health.LOCK)]}", "let it finish, or stop it")
        if health.VERSION in file.causes:
            reason = f"{file.path} is not broken: {file.evidence[0]}"
            raise Refused(reason, "install a DuckDB that reads it: pip install --upgrade duckdb")
    for name in reload:
        stack.source(name)
    broken = [file for file in seen if file.broken]
    if not any("state" in file.roles for file in broken):
        lost_state.refuse_without(stack, hands)
    if not broken and not reload:
        raise Refused("no database is broken", "invoke ops.doctor says what is wrong; --reload=SOURCE loads one again")
    operation = new_id()
    raw = _raw_lost(stack, broken)
    newest = snapshots.newest(stack)
    bring, folders, notes = _bases(stack, raw, broken, newest)
    back = {path for one in bring for path in one.only or ()}
    gone = [file.path for file in broken if file.gone]
    state_lost = any("state" in file.roles for file in broken if file.gone and file.path not in back)
    if state_lost:
        # Tables that no state knows of are of no use: a new state would write over them.
        gone += [file.path for file in seen if "marts" in file.roles]
    marts = any({"marts", "state"} & set(file.roles) for file in broken)
    found = Facts(
        task=TASK,
        operation=operation,
        title=f"rebuild of {', '.join(file.path for file in broken) or ', '.join(reload)}",
        snapshot=f"pre_rebuild_{stack.now():%Y%m%d}_{operation}",
        forensic=True,
        options=options,
        gone=tuple(dict.fromkeys([*gone, *folders])),
        wals=tuple(f"{file.path}.wal" for file in broken if file.only_wal and file.path not in gone),
        bring=bring,
        refills=tuple(dict.fromkeys([*raw, *reload])),
        fresh_state=state_lost,
        compute=True,
        everything=marts,
        free_bytes=snapshots.free_bytes(stack),
        notes=tuple(notes),
    )
    found = replace(found, bytes=snapshots.set_bytes(stack, without=found.gone))
    return _with_history(stack, found, seen, hands, newest)


def recover(stack: Stack, found: Facts, crew: Crew | None = None) -> Plan:
    """Keep, take away, bring back, load, compute, prove."""
    return recovery.recover(stack, found, crew)


validate = recovery.validate


def rollback(stack: Stack, operation: Record) -> Undo:
    """Bring back what was taken away, broken as it was."""
    return plan_undo(stack, operation)


def _raw_lost(stack: Stack, broken: Sequence[FileHealth]) -> list[str]:
    lost = {name for file in broken for name in file.catalogs}
    return [name for name, source in stack.config.sources.items() if source.catalog in lost]


def _bases(
    stack: Stack, raw: Sequence[str], broken: Sequence[FileHealth], newest: Snapshot | None
) -> tuple[tuple[Bring, ...], list[str], list[str]]:
    """What a broken raw database begins with before its source is loaded: the newest snapshot's, if that has it.

    Returns what to bring back, the dlt working states that know more than an empty database, and words on it.
    """
    gone = [file.path for file in broken if file.gone and "raw" in file.roles]
    had = {entry["path"] for entry in newest.manifest["files"]} if newest else set[str]()
    folders = {
        stack.relative(stack.databases[stack.source(name).catalog]): stack.relative(folder)
        for name in raw
        if (folder := stack.pipeline_dir(name)) is not None
    }
    notes = [f"{p}: no snapshot has it; it will hold what its source still serves" for p in gone if p not in had]
    ahead = [folder for path, folder in folders.items() if path in gone and path not in had]
    wanted = [path for path in gone if path in had]
    if newest is None or not wanted:
        return (), ahead, notes
    notes.append(f"{', '.join(wanted)}: from {newest.name} ({newest.created_at:%Y-%m-%d %H:%M:%S}), then loaded again")
    states = {folder for path, folder in folders.items() if path in wanted} & set(newest.manifest["folders"])
    return (Bring(newest.name, tuple(sorted({*wanted, *states}))),), ahead, notes


def _with_history(
    stack: Stack, found: Facts, seen: Sequence[FileHealth], hands: Crew, newest: Snapshot | None
) -> Facts:
    """What every table had, as far as anybody can tell, and which tables' rows are to be taken over."""
    broken = {file.path for file in seen if file.broken}
    models = _models(stack, found, broken, hands)
    sources = _sources(stack, found, newest)
    catalogs = {name for name, path in stack.databases.items() if stack.relative(path) in broken | set(found.gone)}
    if found.refills and not found.everything:
        catalogs |= set(stack.databases)  # healthy marts will be computed anew: what they have must not shrink
    raw = _raw_tables(stack, found)
    asked = {
        model["model"]: (model["table"], model["time_column"])
        for model in models
        if model["kind"] != "VIEW" and model["table"].split(".")[0] in catalogs
    }
    before, keeps, unread = _seen_before(models, {**asked, **raw}, sources, hands)
    back = {path for one in found.bring for path in one.only or ()}
    gone = set(found.gone) - back
    emptied = {name for name, path in stack.databases.items() if stack.relative(path) in gone}
    keeps = [one for one in keeps if one.table.split(".")[0] in emptied]
    bare = [m for m in models if _goes_on(m) and m["table"].split(".")[0] in emptied and m["model"] not in _kept(keeps)]
    refusals, notes = _judge(found, bare, unread)
    return replace(
        found,
        keeps=tuple(keeps),
        before=before,
        notes=(*found.notes, *notes),
        refusals=(*found.refusals, *refusals, *_too_large(found)),
    )


def _goes_on(model: Mapping[str, Any]) -> bool:
    """Whether a table holds what the raw data alone may not give back."""
    return bool(model["scd"]) or str(model["kind"]).startswith("INCREMENTAL")


def _kept(keeps: Sequence[Keep]) -> set[str]:
    return {one.model for one in keeps}


def _models(stack: Stack, found: Facts, broken: set[str], hands: Crew) -> list[dict[str, Any]]:
    """Deployed models of the environment, or those of the files on disk where no state tells."""
    instead = {str(stack.root / path): None for path in (*broken, *found.gone)}
    name = hands.warm("sqlmesh_mend", cwd=stack.sqlmesh_folder)
    state = stack.relative(stack.state_file) if stack.state_file else stack.relative(health.main_file(stack))
    if state not in broken:
        rows: list[dict[str, Any]] = hands.call(name, "survey", **project(stack), raw=dated_raw(stack), instead=instead)
        hands.call(name, "let_go")
        return [row for row in rows if row["environment"] == stack.config.sqlmesh.environment]
    rows = hands.call(name, "local", **project(stack), instead=instead)
    hands.call(name, "let_go")
    # No state tells the physical names: the old views lead to the tables.
    return [row | {"table": row["model"].replace('"', "")} for row in rows]


def _sources(stack: Stack, found: Facts, newest: Snapshot | None) -> list[_Source]:
    """Where to look, best first: the files themselves, each alone, then the newest snapshot."""
    live = [
        _Source(found.snapshot, stack.relative(path), {name: str(path)})
        for name, path in stack.databases.items()
        if path.is_file()
    ]
    if newest is None:
        return live
    copies = snapshots.databases_in(stack, newest.folder)
    return [*live, *(_Source(newest.name, newest.name, {name: path}) for name, path in copies.items())]


def _raw_tables(stack: Stack, found: Facts) -> dict[str, tuple[str, str | None]]:
    return {
        f"{source.catalog}.{source.dataset}.{table}": (
            f"{source.catalog}.{source.dataset}.{table}",
            section.date_column,
        )
        for name in found.refills
        for source in (stack.source(name),)
        for table, section in source.tables.items()
    }


def _seen_before(
    models: Sequence[dict[str, Any]],
    asked: dict[str, tuple[str, str | None]],
    sources: Sequence[_Source],
    hands: Crew,
) -> tuple[dict[str, Look], list[Keep], dict[str, str]]:
    """Look at each table in the first place that has it; returns that, what to take over, and what nobody has."""
    before: dict[str, Look] = {}
    keeps: list[Keep] = []
    unread: dict[str, str] = {}
    by_model = {model["model"]: model for model in models}
    for source in sources:
        here = {n: t for n, t in asked.items() if n not in before and t[0].split(".")[0] in source.databases}
        for name, look in (
            hands.call("history", "look", databases=source.databases, tables=here).items() if here else ()
        ):
            if look["problem"]:
                unread[name] = look["problem"]
                continue
            before[name] = Look(look["rows"], look["days"], look["first"], look["last"], source.where)
            if name in by_model and _goes_on(by_model[name]):
                keeps.append(Keep(name, by_model[name]["name"], source.name, asked[name][0]))
    return before, keeps, {name: why for name, why in unread.items() if name not in before}


def _judge(found: Facts, bare: Sequence[dict[str, Any]], unread: Mapping[str, str]) -> tuple[list[Refusal], list[str]]:
    """Refuse to lose a history that only the broken file had; say what is computed from raw data alone."""
    histories = [model["name"] for model in bare if model["scd"]]
    others = [model["name"] for model in bare if not model["scd"]]
    notes = [f"{', '.join(others)}: computed from the raw data alone, as far back as that reaches"] if others else []
    if not histories:
        return [], notes
    why = next((f" ({unread[model['model']]})" for model in bare if model["model"] in unread), "")
    reason = f"the history of {', '.join(histories)} cannot be read{why}, and no snapshot has it"
    if not found.options.allow_history_loss:
        return [Refusal(reason, "--allow-history-loss begins it anew")], notes
    return [], [*notes, f"{reason}: it begins anew"]


def _too_large(found: Facts) -> list[Refusal]:
    if found.bytes <= found.free_bytes:
        return []
    reason = f"keeping the set needs {found.bytes:,} bytes and {found.free_bytes:,} are free"
    return [Refusal(reason, "free some space: invoke snapshot.prune --keep-last=1")]
