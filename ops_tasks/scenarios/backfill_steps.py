"""The acting half of a partial backfill, a function per step. Each can be repeated after a kill at any point."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Refused, StepFailed, UsageError
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios.backfill_facts import Facts, Reload, Table
from ops_tasks.scenarios.gate import from_worker, judge_source
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.load import argv, python_path, window_env
from ops_tasks.systems.worker import Worker, require

BEFORE, AFTER = "before.json", "after.json"
STAGING, LOADED, DISCARDED, ASIDE = "staging", "loaded", "discarded", "aside"


def snapshot(stack: Stack, found: Facts, run: Run) -> Result:
    """Take the operation's snapshot; one that this operation took before it was killed is verified and used."""
    try:
        taken = snapshots.get(stack, found.snapshot)
    except UsageError:
        why = f"before operation {found.operation}"
        taken = snapshots.create(stack, found.snapshot, why=why, say=run.say, log=run.log, held=run.held)
    else:
        problems = snapshots.verify(stack, found.snapshot, run.say)
        if problems:
            raise StepFailed(f"snapshot {found.snapshot} does not verify: {problems[0]}")
    return {"snapshot": taken.name, "bytes": taken.bytes, "files": len(taken.manifest["files"])}


def before(stack: Stack, found: Facts, run: Run) -> Result:
    """Measure the snapshot's copies: exactly what will be put back, and no lock on the live files."""
    copies = snapshots.databases_in(stack, snapshots.folder_of(stack, found.snapshot))
    return measure(stack, found, run, copies, BEFORE)


def measure(stack: Stack, found: Facts, run: Run, databases: dict[str, str], name: str) -> Result:
    """Count and fingerprint every table of `databases` into the operation's folder."""
    with Worker("duck", cwd=stack.root, log=run.log, held=run.held) as duck:
        measured = duck.call("measure", run.say, databases=databases, tables=[_spec(t) for t in found.measured])
    (run.folder / name).write_text(json.dumps(measured), encoding="utf-8")
    return {"tables": len(measured), "rows": sum(table["rows"] for table in measured.values())}


def measured(run: Run, name: str) -> dict[str, Any]:
    """What `measure` wrote."""
    return cast("dict[str, Any]", json.loads((run.folder / name).read_text(encoding="utf-8")))


def load(stack: Stack, found: Facts, reload: Reload, run: Run) -> Result:
    """Load the window of one source into a database file of its own; returns where that is."""
    config = stack.source(reload.source)
    env = window_env(config.window, found.window.start, found.window.end, found.today)
    if reload.in_place:
        return _load_in_place(stack, found, reload, run, env)
    require("dlt", "dlt")
    folder = run.folder / STAGING / reload.source
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    staging = folder / f"{reload.catalog}.duckdb"
    with Worker("dlt", cwd=stack.root, log=run.log, held=run.held, env=env) as dlt:
        loaded = dlt.call(
            "stage",
            run.say,
            factory=config.load.dlt,
            python_path=[str(stack.root / path) for path in stack.config.python_path],
            pipeline=f"{config.pipeline or reload.source}_ops_{found.operation}",
            dataset=reload.dataset,
            tables=[dated.table for dated in reload.dated],
            staging=str(staging),
            pipelines_dir=str(folder / "dlt"),
        )
    return {"staging": str(staging.relative_to(run.folder)), "rows": loaded["rows"]}


def _load_in_place(stack: Stack, found: Facts, reload: Reload, run: Run, env: dict[str, str]) -> Result:
    """A loader that knows only the live tables: empty the window there, load, take the result aside, put the file back.

    The raw file and dlt's working state are the snapshot's again afterwards, so that the loaded file is judged and
    exchanged like any other staged load, and no cursor has moved.
    """
    raw = stack.databases[reload.catalog]
    pipeline = stack.pipeline_dir(reload.source)
    only = [stack.relative(raw)] + ([stack.relative(pipeline)] if pipeline is not None else [])
    loaded = run.folder / LOADED / reload.source
    shutil.rmtree(loaded, ignore_errors=True)
    _reset(stack, found, run, run.folder / DISCARDED, only)
    shutil.rmtree(run.folder / DISCARDED, ignore_errors=True)
    window: dict[str, Any] = {"start": found.window.start.isoformat(), "end": found.window.end.isoformat()}
    with Worker("raw", cwd=stack.root, log=run.log, held=run.held) as worker:
        dated = [asdict(table) for table in reload.dated]
        worker.call("delete", raw=str(raw), dataset=reload.dataset, tables=dated, **window)
    command = argv(stack.source(reload.source).load.command or ())
    with Worker("load", cwd=stack.root, log=run.log, held=run.held) as worker:
        path = {"PYTHONPATH": python_path(stack)}
        worker.call("run", run.say, command=command, cwd=str(stack.root), env=env | path)
    _reset(stack, found, run, loaded, only)
    staging = loaded / stack.relative(raw)
    if not staging.is_file():
        raise StepFailed(f"the load of {reload.source} left {raw.name} as it was")
    return {"staging": str(staging.relative_to(run.folder))}


def _reset(stack: Stack, found: Facts, run: Run, aside: Path, only: list[str]) -> None:
    snapshots.restore(stack, found.snapshot, aside, consume=False, only=only, say=run.say, log=run.log, held=run.held)


def gate(stack: Stack, found: Facts, run: Run) -> Result:
    """Refuse a staged load that has too little, or that does not fit; see `gate.judge_source`."""
    history = measured(run, BEFORE)
    window: dict[str, Any] = {"start": found.window.start.isoformat(), "end": found.window.end.isoformat()}
    told: dict[str, Any] = {}
    for reload in found.reloads:
        with Worker("raw", cwd=stack.root, log=run.log, held=run.held) as worker:
            staged = worker.call(
                "staged",
                raw=str(stack.databases[reload.catalog]),
                staging=str(_staging(reload, run)),
                dataset=reload.dataset,
                tables=[asdict(table) for table in reload.dated],
                **window,
            )
        prefix = f"{reload.catalog}.{reload.dataset}."
        tables = [from_worker(prefix + name, value, history[prefix + name]["days"]) for name, value in staged.items()]
        limits = stack.config.gate
        refusals = judge_source(
            reload.source, tables, found.window, found.today, limits, allow_shrink=found.options.allow_shrink
        )
        if refusals:
            reasons = "; ".join(refusal.reason for refusal in refusals)
            raise Refused(reasons, refusals[0].way_out)
        told[reload.source] = {table.table: sum(table.days.values()) for table in tables}
    return {"staged": told}


def exchange(stack: Stack, found: Facts, reload: Reload, run: Run) -> Result:
    """Replace the window's rows by the staged ones in one transaction."""
    with Worker("raw", cwd=stack.root, log=run.log, held=run.held) as worker:
        done = worker.call(
            "swap",
            raw=str(stack.databases[reload.catalog]),
            staging=str(_staging(reload, run)),
            dataset=reload.dataset,
            tables=[asdict(table) for table in reload.dated],
            start=found.window.start.isoformat(),
            end=found.window.end.isoformat(),
        )
    return {"tables": done}


def restate(stack: Stack, found: Facts, run: Run) -> Result:
    """Restate the models that were planned, no others, and audit them."""
    if not found.restatements:
        return {"restated": {}, "audits": []}
    project = stack.config.sqlmesh
    with Worker("sqlmesh", cwd=stack.project, log=run.log, held=run.held) as worker:
        return cast(
            "Result",
            worker.call(
                "restate",
                run.say,
                project=str(stack.project),
                gateway=project.gateway,
                environment=project.environment,
                models=list(found.restate),
                start=found.window.start.isoformat(),
                end=found.window.end.isoformat(),
                expected={name: list(span) for name, span in found.restatements.items()},
                exclude=list(found.options.exclude),
                execution_time=None if stack.config.clock is None else stack.now().isoformat(),
            ),
        )


def seal(stack: Stack, run: Run) -> Result:
    """Write down the hash of every file, so that a later rollback knows whether anything has changed since."""
    stamps = snapshots.stamps(stack)
    clear(run.folder)
    return {"stamps": stamps}


def clear(folder: Path) -> None:
    """Throw away what was staged."""
    for name in (STAGING, LOADED, DISCARDED, ASIDE):
        shutil.rmtree(folder / name, ignore_errors=True)


def _staging(reload: Reload, run: Run) -> Path:
    return run.folder / str(run.results[f"load {reload.source}"]["staging"])


def _spec(table: Table) -> dict[str, Any]:
    return asdict(table)


def days(values: dict[str, Any]) -> dict[date, int]:
    """ISO day -> [rows, fingerprint] as day -> rows."""
    return {date.fromisoformat(day): value[0] for day, value in values.items() if day != "none"}
