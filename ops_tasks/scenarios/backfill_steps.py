"""The acting half of a partial backfill, a function per step. Each can be repeated after a kill at any point."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Refused, StepFailed, UsageError
from ops_tasks.guard.evidence import permit
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios.backfill_facts import Facts, Reload
from ops_tasks.scenarios.gate import from_worker, judge_source
from ops_tasks.scenarios.window import Window
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.load import argv, python_path, window_env
from ops_tasks.systems.worker import require

BEFORE, AFTER = "before.json", "after.json"
STAGING, LOADED, DISCARDED, ASIDE = "staging", "loaded", "discarded", "aside"


def snapshot(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Take the operation's snapshot; one that this operation took before it was killed is verified and used."""
    hands = crew.on(run.log, run.held)
    hands.warm("files")
    for reload in found.reloads:
        if not reload.in_place:
            _begin_load(stack, found, reload, hands, run)
    try:
        taken = snapshots.get(stack, found.snapshot)
    except UsageError:
        why = f"before operation {found.operation}"
        taken = snapshots.create(stack, found.snapshot, why=why, say=run.say, crew=hands)
    else:
        problems = snapshots.verify(stack, found.snapshot, run.say, hands)
        if problems:
            raise StepFailed(f"snapshot {found.snapshot} does not verify: {problems[0]}")
    return {"snapshot": taken.name, "bytes": taken.bytes, "files": len(taken.manifest["files"])}


def before(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Measure the snapshot's copies: exactly what will be put back, and no lock on the live files."""
    hands = crew.on(run.log, run.held)
    if any(reload.in_place for reload in found.reloads):
        # A loader in place wants the files to itself, and a file that is put back wants a SQLMesh that never saw it.
        hands.dismiss("sqlmesh")
        hands.warm("sqlmesh", cwd=stack.sqlmesh_folder)
    else:
        hands.warm("sqlmesh", cwd=stack.sqlmesh_folder)
        project = stack.config.sqlmesh
        hands.send("sqlmesh", "prepare", project=str(stack.project), gateway=project.gateway)
    with snapshots.copies(stack, found.snapshot, hands) as copies:
        return measure(found, hands, run, copies, BEFORE)


def measure(found: Facts, hands: Crew, run: Run, databases: dict[str, str], name: str) -> Result:
    """Count and fingerprint every table of `databases` into the operation's folder."""
    tables = [asdict(table) for table in found.measured]
    measured = hands.call("duck", "measure", run.say, databases=databases, tables=tables)
    (run.folder / name).write_text(json.dumps(measured), encoding="utf-8")
    return {"tables": len(measured), "rows": sum(table["rows"] for table in measured.values())}


def measured(run: Run, name: str) -> dict[str, Any]:
    """What `measure` wrote."""
    return cast("dict[str, Any]", json.loads((run.folder / name).read_text(encoding="utf-8")))


def load(stack: Stack, found: Facts, reload: Reload, crew: Crew, run: Run) -> Result:
    """Load the window of one source into a database file of its own; returns where that is."""
    hands = crew.on(run.log, run.held)
    if reload.in_place:
        return _load_in_place(stack, found, reload, hands, run)
    name = f"dlt {reload.source}"
    if not hands.is_asked(name):
        _begin_load(stack, found, reload, hands, run)
    loaded = hands.receive(name, run.say)
    hands.dismiss(name)
    return {"staging": str(_staging_file(reload, run).relative_to(run.folder)), "rows": loaded["rows"]}


def _begin_load(stack: Stack, found: Facts, reload: Reload, hands: Crew, run: Run) -> None:
    """Let the source load into its own file; that changes nothing of the stack, so it may begin with the snapshot."""
    staging = _staging_file(reload, run)
    shutil.rmtree(staging.parent, ignore_errors=True)
    staging.parent.mkdir(parents=True)
    config = stack.source(reload.source)
    hands.send(
        warm_load(stack, reload.source, found.window, hands),
        "stage",
        factory=stack.load(reload.source).dlt,
        python_path=[str(stack.root / path) for path in stack.config.python_path],
        pipeline=f"{config.pipeline or reload.source}_ops_{found.operation}",
        dataset=reload.dataset,
        tables=[dated.table for dated in reload.dated],
        staging=str(staging),
        pipelines_dir=str(staging.parent / "dlt"),
    )


def _staging_file(reload: Reload, run: Run) -> Path:
    return run.folder / STAGING / reload.source / f"{reload.catalog}.duckdb"


def warm_load(stack: Stack, source: str, window: Window, hands: Crew) -> str:
    """Start the worker that will load a source: one each, because its window is in its environment."""
    config = stack.source(source)
    env = window_env(config.window, window.start, window.end, stack.today())
    if stack.load(source).dlt is None:
        return hands.warm("load", name=f"load {source}", env=env | {"PYTHONPATH": python_path(stack)})
    require("dlt", "dlt")
    return hands.warm("dlt", name=f"dlt {source}", env=env)


def _load_in_place(stack: Stack, found: Facts, reload: Reload, hands: Crew, run: Run) -> Result:
    """A loader that knows only the live tables: empty the window there, load, take the result aside, put the file back.

    The raw file and dlt's working state are the snapshot's again afterwards, so that the loaded file is judged and
    exchanged like any other staged load, and no cursor has moved.
    """
    raw = stack.catalogs[reload.catalog]
    name = raw if stack.remote else stack.relative(stack.databases[reload.catalog])
    pipeline = stack.pipeline_dir(reload.source)
    only = [name] + ([stack.relative(pipeline)] if pipeline is not None else [])
    loaded = run.folder / LOADED / reload.source
    _reset(stack, found, hands, run, run.folder / DISCARDED, only)
    for leftover in (loaded, run.folder / DISCARDED):  # of an earlier try, gone only once the set is back
        shutil.rmtree(leftover, ignore_errors=True)
    dated = [asdict(table) for table in reload.dated]
    hands.call("duck", "raw:delete", raw=raw, dataset=reload.dataset, tables=dated, **_days(found))
    worker = warm_load(stack, reload.source, found.window, hands)
    command = argv(stack.load(reload.source).command or ())
    hands.call(worker, "run", run.say, command=command, cwd=str(stack.root))
    hands.dismiss(worker)
    staging = backends.of(stack).set_aside(reload.catalog, loaded, hands)
    _reset(stack, found, hands, run, loaded, only)
    if not staging.startswith(MD) and not Path(staging).is_file():
        raise StepFailed(f"the load of {reload.source} left {Path(staging).name} as it was")
    return {"staging": staging if staging.startswith(MD) else str(Path(staging).relative_to(run.folder))}


def _reset(stack: Stack, found: Facts, hands: Crew, run: Run, aside: Path, only: list[str]) -> None:
    snapshots.restore(stack, found.snapshot, aside, consume=False, only=only, say=run.say, crew=hands)


def _days(found: Facts) -> dict[str, Any]:
    return {"start": found.window.start.isoformat(), "end": found.window.end.isoformat()}


def gate(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Refuse a staged load that has too little or too much, or that does not fit; see `gate.judge_source`."""
    history = measured(run, BEFORE)
    hands = crew.on(run.log, run.held)
    hands.settle("sqlmesh")
    told: dict[str, Any] = {}
    for reload in found.reloads:
        staged = hands.call("duck", "raw:staged", **_pair(stack, found, reload, run))
        prefix = f"{reload.catalog}.{reload.dataset}."
        tables = [from_worker(prefix + name, value, history[prefix + name]["days"]) for name, value in staged.items()]
        refusals = judge_source(
            reload.source,
            tables,
            found.window,
            found.today,
            stack.config.gate,
            allow_shrink=found.options.allow_shrink,
            allow_growth=found.options.allow_growth,
        )
        if refusals:
            reasons = "; ".join(refusal.reason for refusal in refusals)
            raise Refused(reasons, refusals[0].way_out)
        told[reload.source] = {table.table: sum(table.days.values()) for table in tables}
    return {"staged": told}


def exchange(stack: Stack, found: Facts, reload: Reload, crew: Crew, run: Run) -> Result:
    """Replace the window's rows by the staged ones in one transaction."""
    hands = crew.on(run.log, run.held)
    tables = hands.call("duck", "raw:swap", **_pair(stack, found, reload, run))
    for name, told in tables.items():
        if "orphans" in told:
            run.say(f"{reload.catalog}.{reload.dataset}.{name}: {told['orphans']:,} rows without a parent removed")
    return {"tables": tables}


def _pair(stack: Stack, found: Facts, reload: Reload, run: Run) -> dict[str, Any]:
    """The live and the staged tables of a source, in the words of `raw_worker`."""
    staging = str(run.results[f"load {reload.source}"]["staging"])
    return {
        "raw": stack.catalogs[reload.catalog],
        "staging": staging if staging.startswith(MD) else str(run.folder / staging),
        "dataset": reload.dataset,
        "tables": [asdict(table) for table in reload.dated],
        **_days(found),
    }


def restate(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Restate the models that were planned, no others, and audit them; first the guard says that this may be undone."""
    if not found.restatements:
        return {"restated": {}, "audits": []}
    permitted = permit(stack)
    hands = crew.on(run.log, run.held)
    hands.warm("sqlmesh", cwd=stack.sqlmesh_folder)
    if found.contracts:
        hands.warm("soda")
    project = stack.config.sqlmesh
    done = hands.call(
        "sqlmesh",
        "restate",
        run.say,
        project=str(stack.project),
        gateway=project.gateway,
        environment=project.environment,
        models=list(found.restate),
        expected={name: list(span) for name, span in found.restatements.items()},
        exclude=list(found.options.exclude),
        execution_time=None if stack.config.clock is None else stack.now().isoformat(),
        **_days(found),
    )
    hands.call("sqlmesh", "let_go")
    return {**cast("Result", done), "permit": permitted.words}


def seal(stack: Stack, crew: Crew, run: Run) -> Result:
    """Write down the hash of every file, so that a later rollback knows whether anything has changed since."""
    hands = crew.on(run.log, run.held)
    stamps = snapshots.stamps(stack, hands)
    backends.of(stack).tidy(run.operation, hands)
    clear(run.folder)
    return {"stamps": stamps}


def clear(folder: Path) -> None:
    """Throw away what was staged."""
    for name in (STAGING, LOADED, DISCARDED, ASIDE):
        shutil.rmtree(folder / name, ignore_errors=True)
