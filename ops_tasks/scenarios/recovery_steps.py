"""The acting half of a recovery of the whole stack, a function per step. Each can be repeated after a kill anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Refused, StepFailed, UsageError
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios import mending
from ops_tasks.scenarios.lineage import dated_raw
from ops_tasks.scenarios.orphans import load_whole
from ops_tasks.scenarios.recovery_facts import Bring, Facts, Place
from ops_tasks.scenarios.verify import fixed_now, project
from ops_tasks.stack import Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.crew import Crew

HISTORY, ASIDE = "history.duckdb", "aside"
PAST, REMEMBERED = "past", "remembered"
CHECKS = "sqlmesh_checks"


def snapshot(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Keep the set as it is; what this operation kept before it was killed is verified and used."""
    hands = crew.on(run.log, run.held)
    try:
        taken = snapshots.get(stack, found.snapshot)
    except UsageError:
        why = f"before operation {found.operation}"
        links = sorted({*found.gone, *_replaced(stack, found)}) if found.forensic else None
        taken = snapshots.create(stack, found.snapshot, why=why, say=run.say, crew=hands, links=links)
    else:
        if problems := snapshots.verify(stack, found.snapshot, run.say, hands):
            raise StepFailed(f"snapshot {found.snapshot} does not verify: {problems[0]}")
    return {"snapshot": taken.name, "bytes": taken.bytes, "files": len(taken.manifest["files"])}


def quarantine(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Take what is broken out of the way; it stays in the operation's snapshot."""
    files = {stack.relative(path) for path in stack.duckdb_files}
    logs = [f"{path}.wal" for path in found.gone if path in files]
    paths = [*found.gone, *logs, *found.wals]
    retired = crew.on(run.log, run.held).call(
        "files", "retire", root=str(stack.root), folder=str(snapshots.folder_of(stack, found.snapshot)), paths=paths
    )
    return {"retired": retired}


def bring(stack: Stack, found: Facts, what: Bring, crew: Crew, run: Run) -> Result:
    """Bring files back from a snapshot, byte for byte, in the place of what the operation's own snapshot has."""
    only = None if what.only is None else list(what.only)
    aside = run.folder / ASIDE
    hands = crew.on(run.log, run.held)
    names: dict[str, Any] = {"only": only, "kept": found.snapshot}
    done = snapshots.restore(stack, what.snapshot, aside, consume=False, **names, say=run.say, crew=hands)
    shutil.rmtree(aside, ignore_errors=True)
    return done


def has_brought(stack: Stack, name: str, run: Run) -> bool:
    """Whether a step that brings files back has replaced any; it throws its own quarantine away in the end."""
    return name in run.results or backends.of(stack).has_begun(run.folder / ASIDE)


def place(stack: Stack, found: Facts, what: Place, crew: Crew, run: Run) -> Result:
    """Put a plain file (and its WAL, if it has one) in a database's place."""
    arguments = {"root": str(stack.root), "kept": str(snapshots.folder_of(stack, found.snapshot)), **asdict(what)}
    done = crew.on(run.log, run.held).call("files", "place", run.say, **arguments)
    return cast("Result", done)


def keep(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Copy the history that the raw data may not give back out of the files that still have it."""
    hands = crew.on(run.log, run.held)
    kept: dict[str, int] = {}
    for number, name in enumerate(sorted({one.snapshot for one in found.keeps})):
        tables = {one.name: one.table for one in found.keeps if one.snapshot == name}
        target = str(run.folder / f"{number}-{HISTORY}")
        catalogs = {table.split(".")[0] for table in tables.values()}
        with snapshots.copies(stack, name, hands) as copies:
            databases = {catalog: where for catalog, where in copies.items() if catalog in catalogs}
            kept |= hands.call("history", "keep", run.say, databases=databases, tables=tables, target=target)
    return {"rows": kept}


def refill(stack: Stack, name: str, run: Run) -> Result:
    """Load a source the ordinary way, on top of what its database has."""
    return load_whole(stack, name, run)


def gate(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Refuse raw tables that came back with fewer days than they had."""
    hands = crew.on(run.log, run.held)
    asked = {name: (name, _date_column(stack, name)) for name in found.before or {} if not name.startswith('"')}
    now = _look(stack, hands, asked)
    lost = _losses(found, asked, now, strict=True)
    if lost and not found.options.allow_history_loss:
        raise Refused(f"the sources no longer have it all: {'; '.join(lost)}", "--allow-history-loss, if it may go")
    return {"tables": now, "lost": lost}


def begin(stack: Stack, crew: Crew, run: Run) -> Result:
    """Deploy the project into a new, empty state."""
    hands = crew.on(run.log, run.held)
    hands.warm(CHECKS, cwd=stack.sqlmesh_folder)
    environment = stack.config.sqlmesh.environment
    done = hands.call(
        CHECKS, "sqlmesh_mend:begin", run.say, **project(stack), environment=environment, now=fixed_now(stack)
    )
    hands.call(CHECKS, "sqlmesh_mend:let_go")
    return cast("Result", done)


def mend(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Look at state and warehouse as they are now, compute what has to be, and look again."""
    hands = crew.on(run.log, run.held)
    absent = {str(path): None for path in stack.duckdb_files if not path.exists()}
    models = _survey(stack, hands, run, absent)
    hands.call(CHECKS, "sqlmesh_mend:let_go")
    seeds, seeded = _seeds(found, models, run)
    days = mending.days(
        models,
        seeded=seeded,
        reach=reach(stack, models, hands),
        stale=stale(stack, found, models, seeded),
        emptied=found.fresh_state,
    )
    # of a moment without a state: no day that its raw data does not have yet, the next run computes those
    now = run.results.get("rewind", {}).get("claimed") or fixed_now(stack)
    done = hands.call(CHECKS, "sqlmesh_mend:mend", run.say, **project(stack), days=days, seeds=seeds, now=now)
    hands.call(CHECKS, "sqlmesh_mend:let_go")
    models = _survey(stack, hands, run, {})
    if left := mending.disagreements(models):
        raise StepFailed(f"state and warehouse still disagree: {left[0]}")
    tables = {model.model: [model.table, model.time_column, model.scd] for model in reversed(models)}
    return {"days": days, "tables": tables, **done}


def _survey(stack: Stack, hands: Crew, run: Run, instead: dict[str, None]) -> tuple[mending.Model, ...]:
    hands.warm(CHECKS, cwd=stack.sqlmesh_folder)
    rows = hands.call(CHECKS, "sqlmesh_mend:survey", run.say, **project(stack), raw=dated_raw(stack), instead=instead)
    return mending.from_worker(rows)


def compare(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Raise when a mart came back with fewer days, or far fewer rows, than it had."""
    hands = crew.on(run.log, run.held)
    tables = {name: told for name, told in run.results["mend"]["tables"].items() if name in (found.before or {})}
    asked = {name: (table, column) for name, (table, column, _) in tables.items()}
    now = _look(stack, hands, asked)
    histories = {name for name, (_, _, scd) in tables.items() if scd}
    lost = _losses(found, asked, now, whole=histories, keep=stack.config.gate.keep)
    if lost and not found.options.allow_history_loss:
        way_out = "restore a snapshot that has it; --allow-history-loss, if it may go"
        raise StepFailed(f"history is missing: {'; '.join(lost[:3])}", way_out)
    return {"tables": now, "lost": lost}


def manifest(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Count every table and compare with what the snapshot's manifest says."""
    wanted: dict[str, int] = {}
    back = [*found.bring, *([Bring(found.past.snapshot)] if found.past and found.past.snapshot else [])]
    for one in back:
        rows: dict[str, int] = snapshots.get(stack, one.snapshot).manifest["rows"]
        files = None if one.only is None else set(one.only)
        catalogs = {n for n in stack.catalogs if files is None or _path(stack, n) in files}
        wanted |= {name: count for name, count in rows.items() if name.split(".")[0] in catalogs}
    databases = stack.readable
    described = crew.on(run.log, run.held).call(
        "duck", "describe", databases=databases, state=None, environment=stack.config.sqlmesh.environment
    )
    wrong = [
        f"{name}: {described['rows'].get(name)} instead of {count}"
        for name, count in wanted.items()
        if described["rows"].get(name) != count
    ]
    if wrong:
        raise StepFailed(f"rows differ from the snapshot's manifest: {'; '.join(wrong[:3])}")
    return {"tables": len(wanted), "rows": sum(wanted.values())}


def _path(stack: Stack, catalog: str) -> str:
    """A catalog in the words of a manifest: the path of its file, or `md:` and its name."""
    return stack.catalogs[catalog] if stack.remote else stack.relative(stack.databases[catalog])


def seal(stack: Stack, crew: Crew, run: Run) -> Result:
    """Write down the hash of everything, so that a later rollback knows whether anything has changed since."""
    hands = crew.on(run.log, run.held)
    clear(run.folder)
    backends.of(stack).tidy(run.operation, hands)
    return {"stamps": snapshots.stamps(stack, hands)}


def put_back(stack: Stack, found: Facts, run: Run) -> Result:
    """After a failure: everything as it was found, the broken files included; moved, so that a full disk will do."""
    aside = run.folder / ASIDE
    with backends.crew_of(stack, None, run.log, run.held) as hands:
        told: dict[str, Any] = {"say": run.say, "crew": hands, "untouched": run.untouched}
        evidence = snapshots.restore(stack, found.snapshot, aside, consume=True, **told)
        backends.of(stack).tidy(found.operation, hands, everything=True)
    clear(run.folder)
    return evidence


def clear(folder: Path) -> None:
    """Throw away what this operation has put aside."""
    for name in (ASIDE, PAST, REMEMBERED):
        shutil.rmtree(folder / name, ignore_errors=True)
    for file in folder.glob(f"*-{HISTORY}*"):
        file.unlink()


def reach(stack: Stack, models: Iterable[mending.Model], hands: Crew) -> dict[str, str | None]:
    """Model -> the first day that all of the dated raw tables below it have."""
    dated = {name: (name.strip('"').split('"."'), [column]) for name, column in dated_raw(stack).items()}
    databases = stack.readable
    first = hands.call("duck", "reach", databases=databases, tables=dated)
    found: dict[str, str | None] = {}
    for model in models:
        days = [day for name in model.upstream if (day := first.get(name) or found.get(name))]
        found[model.model] = max(days, default=None)
    return found


def stale(stack: Stack, found: Facts, models: tuple[mending.Model, ...], seeded: set[str]) -> set[str]:
    """Models that are computed anew although their tables are there."""
    if found.everything:
        return {model.model for model in models}
    sources = [stack.source(name) for name in (*found.refills, *found.anew)]
    prefixes = tuple(f'"{source.catalog}"."{source.dataset}".' for source in sources)
    roots = {name for model in models for name in model.upstream if prefixes and name.startswith(prefixes)}
    return mending.below(models, roots) | seeded


def _seeds(found: Facts, models: tuple[mending.Model, ...], run: Run) -> tuple[list[dict[str, str]], set[str]]:
    files = {name: run.folder / f"{n}-{HISTORY}" for n, name in enumerate(sorted({k.snapshot for k in found.keeps}))}
    kept = {one.model: one for one in found.keeps}
    tables = {model.table: kept[model.model] for model in models if model.model in kept}
    seeds = [{"table": table, "path": str(files[one.snapshot]), "kept": one.name} for table, one in tables.items()]
    return seeds, {one.model for one in tables.values()}


def _look(stack: Stack, hands: Crew, asked: dict[str, tuple[str, str | None]]) -> dict[str, Any]:
    databases = stack.readable
    return cast("dict[str, Any]", hands.call("history", "look", databases=databases, tables=asked))


def _losses(
    found: Facts,
    asked: Iterable[str],
    now: dict[str, Any],
    *,
    strict: bool = False,
    whole: set[str] | None = None,
    keep: float = 0,
) -> list[str]:
    """A line per table that has less than before: fewer days, or fewer rows than `keep` percent (all, if `whole`)."""
    lost: list[str] = []
    for name in asked:
        before = (found.before or {})[name]
        after = now.get(name, {"rows": 0, "days": 0, "problem": "it is not there"})
        shown = name.replace('"', "")
        least = before.rows if name in (whole or ()) else before.rows * keep / 100
        if after["problem"]:
            lost.append(f"{shown}: {after['problem']}")
        elif after["days"] < before.days:
            span = f"{before.first} to {before.last}"
            lost.append(f"{shown}: {before.days - after['days']} of {before.days} days ({span} in {before.where})")
        elif after["rows"] < least or (strict and not before.days and after["rows"] < before.rows):
            lost.append(f"{shown}: {before.rows - after['rows']} of {before.rows} rows (of {before.where})")
    return lost


def _date_column(stack: Stack, name: str) -> str | None:
    for source in stack.config.sources.values():
        prefix = f"{source.catalog}.{source.dataset}."
        if name.startswith(prefix) and name.removeprefix(prefix) in source.tables:
            return source.tables[name.removeprefix(prefix)].date_column
    return None


def _replaced(stack: Stack, found: Facts) -> set[str]:
    """Databases that are replaced as a whole by what is brought back."""
    paths = {stack.relative(path) for path in stack.duckdb_files}
    if found.past is not None and found.past.snapshot is not None:
        return paths
    replaced = {path for one in found.bring for path in (paths if one.only is None else paths & set(one.only))}
    return replaced | ({found.place.target} if found.place else set())
