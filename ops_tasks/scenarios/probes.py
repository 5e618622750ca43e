"""The questions that a diagnosis asks a stack, a function each. They read, with a time limit, and keep nobody out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from ops_tasks.operation.journal import unfinished
from ops_tasks.scenarios import backfill_diagnosis as window_diagnosis
from ops_tasks.scenarios import disk as watch_disk
from ops_tasks.scenarios import disk_history, heartbeat, schedules
from ops_tasks.scenarios.disk_forecast import days_to_full
from ops_tasks.scenarios.drills import last_drill
from ops_tasks.scenarios.file_health import LOCK, VERSION, FileHealth
from ops_tasks.scenarios.lost_state import lost_state
from ops_tasks.scenarios.observer import Observer
from ops_tasks.scenarios.signs import signs, told
from ops_tasks.scenarios.symptoms import Line, Symptom, counted
from ops_tasks.scenarios.verify import Say, audits, contract_files, contracts, drift, project
from ops_tasks.scenarios.window import clusters
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.questions import asked

FEW_INODES = 1000
FAR = 365.0
SLACK = timedelta(seconds=1)


def files(stack: Stack, seen: Sequence[FileHealth]) -> list[Line]:
    """A line per database file."""
    return [_file(file, remote=stack.remote) for file in seen]


def configuration(stack: Stack) -> Line:
    """What nobody has confirmed yet: values that `ops.init` had to guess."""
    symptoms = tuple(
        Symptom("question", f"{stack.file.name}:{line}", text, "set the value below it, then remove that comment")
        for line, text in asked(stack.file)
    )
    loads = sum(1 for source in stack.config.sources.values() if source.load is None)
    notes = (f"{counted(loads, 'source')} without a load: no backfill can be made of that",) if loads else ()
    said = counted(len(symptoms), "open question") if symptoms else "no open question"
    return Line("configuration", f"{counted(len(stack.config.sources), 'source')}, {said}", symptoms, notes)


def operations(stack: Stack) -> Line:
    """Operations that a person has to decide about."""
    symptoms = tuple(
        Symptom(
            "stopped",
            record.operation,
            f"{record.planned.get('title', '')} stopped {record.stopped_at}",
            f"invoke ops.rollback {record.operation}"
            if record.rollback_begun
            else f"invoke ops.retry {record.operation}, or invoke ops.rollback {record.operation}",
        )
        for record in unfinished(stack.home)
    )
    return Line("operations", f"{len(symptoms)} stopped" if symptoms else "none is stopped", symptoms)


def disk(stack: Stack) -> Line:
    """Room for what a recovery would need: a snapshot, a rebuild, a checkpoint of the largest file."""
    usage = shutil.disk_usage(stack.root)
    needs = watch_disk.needs(stack)
    whole = needs["a snapshot"]
    inodes = os.statvfs(stack.root).f_favail
    short = [f"{what} needs {_mb(need)}" for what, need in needs.items() if need > usage.free]
    symptoms: list[Symptom] = []
    if short:
        way_out = "free some space: invoke snapshot.prune --keep-last=1"
        symptoms.append(Symptom("disk-full", str(stack.root), f"{_mb(usage.free)} free, {', '.join(short)}", way_out))
    if inodes < FEW_INODES:
        symptoms.append(Symptom("disk-full", str(stack.root), f"{inodes} inodes left", "remove small files"))
    notes = [forecast] if (forecast := _coming(stack) or _forecast(stack, usage.free, whole)) else []
    said = f"{_mb(usage.free)} of {_mb(usage.total)} free, a snapshot needs {_mb(whole)}, {inodes:,} inodes"
    return Line("disk", said, tuple(symptoms), tuple(notes))


def versions() -> Line:
    """Versions that are known not to work together."""
    found = {name: _version(name) for name in ("duckdb", "sqlmesh")}
    said = ", ".join(f"{name} {number or 'not installed'}" for name, number in found.items())
    if found["sqlmesh"] and found["duckdb"].split(".")[0] not in ("0", "1"):
        # SQLMesh 0.236: `run` fails with ResourceInUseException as soon as there is an interval to compute.
        evidence = f"sqlmesh {found['sqlmesh']} cannot run on duckdb {found['duckdb']} (plans do, runs do not)"
        return Line("versions", said, (Symptom("version", "duckdb", evidence, "pip install 'duckdb<2'"),))
    return Line("versions", said)


def state(stack: Stack, hands: Crew, say: Say) -> Line:
    """SQLMesh's state against the warehouse, in every environment, and the audits."""
    hands.call("duck", "be_polite")
    if (lost := lost_state(stack, hands)) is not None:
        return Line("sqlmesh", "its state is lost", (lost,))
    worker = hands.worker("sqlmesh_checks", stack.sqlmesh_folder)
    worker.call("be_polite", **project(stack), files=[str(path) for path in stack.duckdb_files])
    seen = drift(stack, say, worker)
    symptoms = [
        Symptom(
            "drift",
            str(found["object"]),
            f"{found['environment']}: {found['model']}: {found['detail']}",
            "invoke ops.repair-state",
        )
        for found in seen.findings
    ]
    said = seen.said
    if not symptoms:
        audited = audits(stack, say, worker)
        said = f"{said}; {audited.said}"
        symptoms = [
            Symptom(
                "audit", str(found.get("model", "audits")), found["reason"], found["way_out"] or "invoke verify.audit"
            )
            for found in audited.findings
        ]
    leftovers = [str(left["object"]) for left in seen.more["leftovers"]]
    notes = [f"{counted(len(leftovers), 'table')} that no environment refers to ({leftovers[0]})"] if leftovers else []
    return Line("sqlmesh", said, tuple(symptoms), tuple(notes))


def promises(stack: Stack, hands: Crew, say: Say) -> Line:
    """Every contract, then how late the marts are."""
    if stack.config.contracts is None:
        return Line("contracts", "none is configured")
    hands.warm("soda")
    hands.call("soda", "duck:be_polite")
    worker = hands.worker("soda")
    kept = contracts(stack, say, freshness=False, shared=worker)
    fresh = contracts(stack, say, freshness=True, shared=worker)
    symptoms = [
        Symptom("contract", str(found.get("dataset", "contracts")), found["reason"], "invoke verify.contracts")
        for found in kept.findings
    ]
    symptoms += [
        Symptom("late", str(found.get("dataset", "freshness")), found["reason"], "invoke full-refresh")
        for found in fresh.findings
        if found.get("dataset")
    ]
    said = f"{kept.said}; freshness: {fresh.said}" if contract_files(stack) else kept.said
    return Line("contracts", said, tuple(symptoms))


def loads(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Loads that failed or wait, and databases that are older than what dlt remembers of them."""
    datasets = {name: [source.catalog, source.dataset] for name, source in stack.config.sources.items()}
    if not datasets:
        return Line("loads", "no source is configured")
    folders = {name: str(folder) for name in datasets if (folder := stack.pipeline_dir(name)) is not None}
    hands.warm("dlt_health")
    hands.call("dlt_health", "duck:be_polite")
    databases = stack.catalogs
    asked = hands.call("dlt_health", "loads", databases=databases, datasets=datasets, folders=folders)
    symptoms: list[Symptom] = []
    for name, one in asked.items():
        again = f"invoke ops.rebuild --reload={name}"
        if one["failed"]:
            symptoms.append(
                Symptom(
                    "load", name, f"{counted(len(one['failed']), 'load')} did not end well ({one['failed'][-1]})", again
                )
            )
        if one["pending"]:
            symptoms.append(Symptom("load", name, f"{one['pending'][0]} was never loaded to the end", again))
        if one["extracted"] and (one["last"] is None or _later(one["extracted"], one["last"])):
            newest = f"the newest load that the database has is of {one['last'][:19]}" if one["last"] else "it has none"
            evidence = f"dlt extracted at {one['extracted'][:19]}, {newest}"
            symptoms.append(Symptom("load", name, evidence, again))
    ended = max((str(one["last"]) for one in asked.values() if one["last"]), default="never")
    return Line("loads", f"{counted(len(asked), 'source')}, the newest load {ended[:16]}", tuple(symptoms))


def days(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Days with no, few or too many rows for their weekday."""
    names = tuple(
        name for name, source in stack.config.sources.items() if any(t.date_column for t in source.tables.values())
    )
    if not names:
        return Line("days", "no source has a dated table")
    observer = Observer(stack, hands)
    hands.call("duck", "be_polite")
    if lost_state(stack, hands) is not None:
        return Line("days", "not run: SQLMesh's state is lost")
    hands.call("sqlmesh", "sqlmesh_checks:be_polite", **project(stack), files=[str(f) for f in stack.duckdb_files])
    symptoms: list[Symptom] = []
    for name in names:
        flags = window_diagnosis.suspicious(stack, window_diagnosis.survey(observer, (name,)))
        raw = [flag for flag in flags if flag.table.startswith(f"{stack.source(name).catalog}.")]
        for found in clusters(flag.day for flag in raw)[-1:]:
            first = next(flag for flag in raw if found.start <= flag.day <= found.end)
            evidence = f"{first.table} has {first.rows} rows on {first.day}, {first.usual:.0f} are usual ({found})"
            way_out = f"invoke ops.backfill --source={name} --start={found.start} --end={found.end}"
            symptoms.append(Symptom("window", name, evidence, way_out))
    return Line(
        "days", f"{counted(len(names), 'source')} looked at" if not symptoms else "suspicious days", tuple(symptoms)
    )


def scheduler(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Whether Dagster's daemon lives and has fired what was due, and how its runs have ended; by its storage alone."""
    if stack.config.dagster is None:
        return Line("scheduler", "no dagster is configured")
    if not schedules.was_used(schedules.home_of(stack)):
        return Line("scheduler", "no daemon has ever run here", notes=("invoke ops.resume starts one",))
    truth = schedules.read(stack, hands)
    owed = heartbeat.missing(stack, hands, truth)
    found = signs(truth, owed, stack.config.watch, stack.config.dagster)
    on = [one.name for one in truth.schedules if one.on]
    off = [one.name for one in truth.schedules if not one.on]
    last = max((one.last for one in truth.schedules if one.last is not None), default=None)
    ages = ", ".join(
        f"{name} {told(truth.now - beat)}" for name, beat in sorted(truth.beats.items()) if beat is not None
    )
    said = f"{counted(len(on), 'schedule')} on, {len(off)} off; last tick {schedules.clock(last) if last else 'never'}"
    notes = [f"last heard: {ages}"] if ages else []
    notes += [f"runs without a schedule in the code: {', '.join(truth.undeclared)}"] if truth.undeclared else []
    symptoms = [Symptom(one.cause, one.object, one.reason, one.way_out) for one in found]
    return Line("scheduler", said, tuple(symptoms), tuple(notes))


def copies(stack: Stack) -> Line:
    """How old the newest verified snapshot is, and whether anybody has proven that one can be restored."""
    newest = snapshots.newest(stack)
    if newest is None:
        return Line("snapshots", "there is none", notes=("take one: invoke snapshot.create --name=NAME",))
    age = datetime.now(UTC) - newest.created_at
    said = f"{newest.name}, {_age(age)} old, verified"
    drill = last_drill(stack)
    if stack.remote:
        return Line("snapshots", said)
    if drill is None:
        return Line("snapshots", said, notes=("none was ever proven restorable: invoke ops.drill",))
    proven = datetime.now(UTC) - datetime.fromisoformat(drill["at"])
    return Line(
        "snapshots", f"{said}; {drill['snapshot']} proven restorable {_age(proven)} ago in {drill['seconds']:.0f} s"
    )


def deep(stack: Stack, hands: Crew, say: Say) -> Line:
    """Read every value of every table."""
    hands.warm("duck")
    hands.call("duck", "be_polite")
    unread = hands.call("duck", "full_scan", say, databases=stack.catalogs)
    symptoms = tuple(Symptom("bit-rot", text.split(":")[0], text, "invoke ops.rebuild") for text in unread)
    return Line("deep", f"{counted(len(stack.catalogs), 'database')} read", symptoms)


def _file(file: FileHealth, *, remote: bool) -> Line:
    found = zip(file.causes, file.evidence, strict=True)
    symptoms = tuple(
        Symptom(cause, file.path, evidence, _way_out(file, cause, remote=remote)) for cause, evidence in found
    )
    return Line(file.path, f"{_mb(file.size)}, {', '.join(file.roles)}", symptoms, file.notes)


def _way_out(file: FileHealth, cause: str, *, remote: bool) -> str:
    if cause == LOCK:
        return f"let it finish, or stop it: kill {file.pid}" if file.pid else "let it finish"
    if cause == VERSION:
        return "install a DuckDB that reads it: pip install --upgrade duckdb; it is not corrupt"
    if remote:  # of the set only SQLMesh's state is a file there
        return "invoke ops.restore --only=state --snapshot=NAME (snapshot.list shows them)"
    return "invoke ops.rebuild"


def _coming(stack: Stack) -> str:
    """Days until the disk is full, where `watch.disk` has looked for a day."""
    now, history = datetime.now(UTC).timestamp(), disk_history.read(stack.home)
    found = {disk: days_to_full(history, disk, now) for disk in {one.disk for one in history}}
    soon = {disk: days for disk, days in found.items() if days is not None and days < FAR}
    return ", ".join(f"{disk} is full in {days:,.0f} days" for disk, days in sorted(soon.items()))


def _forecast(stack: Stack, free: int, need: int) -> str:
    """Days until there is no room for a snapshot, by the growth between the oldest and the newest one."""
    taken = [one for one in snapshots.every(stack) if not one.forensic]
    if len(taken) < 2:
        return ""
    days = (taken[-1].created_at - taken[0].created_at) / timedelta(days=1)
    growth = taken[-1].bytes - taken[0].bytes
    if days < 1 or growth <= 0:
        return ""
    left = (free - need) / (growth / days)
    return f"the set grows by {_mb(round(growth / days))} a day: room for {left:,.0f} days"


def _later(extracted: str, last: str) -> bool:
    return datetime.fromisoformat(extracted) > datetime.fromisoformat(last) + SLACK


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _mb(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _age(age: timedelta) -> str:
    return f"{age.days} days" if age.days else f"{age.seconds // 3600} h {age.seconds % 3600 // 60} min"
