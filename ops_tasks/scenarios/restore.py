"""Bringing something back: the whole set at a moment, a part of a snapshot, or a plain file in a database's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from ops_tasks.errors import Refused, UsageError, nearest
from ops_tasks.operation.journal import new_id
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios import apart, mending, recovery
from ops_tasks.scenarios import file_health as health
from ops_tasks.scenarios.differing import readable
from ops_tasks.scenarios.lineage import dated_raw
from ops_tasks.scenarios.moments import Past, shown
from ops_tasks.scenarios.recovery_facts import Bring, Facts, Options, Place
from ops_tasks.scenarios.undo import plan_undo
from ops_tasks.scenarios.verify import project
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot

TASK = "ops.restore"
PARTS = ("marts", "raw", "state")

recover = recovery.recover
validate = recovery.validate
rollback = plan_undo


def to_past(stack: Stack, past: Past, options: Options, hands: Crew, *, in_place: bool) -> Facts:
    """What bringing the whole set back to a moment does; raises `Refused` for a damaged snapshot."""
    if past.snapshot is None:
        base = replace(_facts(stack, options, f"restore of everything as of {shown(past.time)}"), compute=True)
        anew = apart.sources_apart(stack, past)
        return replace(base, past=past, in_place=in_place, anew=anew, notes=apart.notes(stack, past))
    found = from_snapshot(stack, snapshots.get(stack, past.snapshot), "", options, hands)
    found = replace(found, past=past, in_place=in_place, bring=())
    taken = snapshots.get(stack, past.snapshot)
    size = _differing(stack, taken) if in_place else taken.bytes
    if size <= found.free_bytes:
        return replace(found, bytes=size)
    what, way_out = "the files that differ need", "free some space"
    if not in_place:
        what = "a copy beside the present needs"
        less = _differing(stack, taken)
        way_out += f", or --in-place: that needs {less:,} bytes" if less <= found.free_bytes else ""
    reason = f"{what} {size:,} bytes and {found.free_bytes:,} are free"
    return replace(found, refusals=(*found.refusals, Refusal(reason, way_out)))


def _differing(stack: Stack, taken: Snapshot) -> int:
    """Bytes of the local files of a snapshot that are not as they are now; dlt's small ones all count."""
    changed = set(snapshots.changed_since(stack, taken))
    databases = set(taken.manifest["databases"])
    there = [path for path in databases if (stack.root / path).exists()]
    same = {path for path in there if path not in changed}
    return sum(entry["size"] for entry in taken.manifest["files"] if entry["path"] not in same)


def part_of(stack: Stack, past: Past, only: str, options: Options, hands: Crew) -> Facts:
    """What restoring a part does; only a snapshot of ours has parts."""
    if past.snapshot is None:
        raise UsageError("--only needs a snapshot of ours", "MotherDuck remembers all catalogs together")
    return from_snapshot(stack, snapshots.get(stack, past.snapshot), only, options, hands)


def from_snapshot(stack: Stack, taken: Snapshot, only: str, options: Options, hands: Crew) -> Facts:
    """What a restore of a whole snapshot, or of a part of it, does. Raises `Refused` for a damaged one."""
    if problems := snapshots.verify(stack, taken.name, crew=hands, note=False):
        raise Refused(f"snapshot {taken.name} is damaged: {problems[0]}", "snapshot.list shows the others")
    for path in snapshots.databases_in(stack, taken.folder).values():
        asked = hands.call("damage", "opened", path=path)
        if asked["cause"]:
            raise Refused(f"{Path(path).name} of {taken.name} cannot be opened: {asked['message']}", "choose another")
    base = _facts(stack, options, f"restore of {only or 'everything'} from {taken.name}")
    if not only:
        found = replace(base, bring=(Bring(taken.name),), manifest_rows=True, bytes=0)
        return replace(found, notes=tuple(_since(stack, taken, hands)), refusals=tuple(_ages(stack, taken)))
    paths = _part(stack, only)
    had = {entry["path"] for entry in taken.manifest["files"]}
    had |= {f"{MD}{name}" for name in taken.manifest.get("points", {})}
    if missing := [path for path in paths if path not in had]:
        raise Refused(f"{taken.name} does not have {', '.join(missing)}", "choose another snapshot")
    bring = (Bring(taken.name, tuple(paths)),)
    if only == "raw":
        folders = {stack.relative(folder) for folder in stack.folders} & set(taken.manifest["folders"])
        bring = (Bring(taken.name, (*paths, *sorted(folders))),)
        return replace(base, bring=bring, refills=tuple(stack.config.sources), compute=True, manifest_rows=True)
    if only == "state":
        copy = {str(stack.root / path): str(taken.folder / "files" / path) for path in paths}
        return replace(base, bring=bring, compute=True, refusals=tuple(_unsound(stack, copy, hands)))
    return replace(base, bring=bring, compute=True, everything=True, manifest_rows=True)


def from_file(stack: Stack, source: Path, catalog: str, options: Options, hands: Crew) -> Facts:
    """What putting a plain file in a database's place does: it has no state with it, so everything below is mended."""
    target = _target(stack, source, catalog)
    if source.resolve() == target.resolve():
        raise UsageError(f"{source} is the live database itself", "--file is a backup of it")
    seen = hands.call("health", "examine", files=[str(source)])[str(source)]
    asked = hands.call("damage", "opened", path=str(source)) if seen["exists"] and not seen["problem"] else None
    if asked is None or asked["cause"]:
        why = asked["message"] if asked else seen["problem"] or "it does not exist"
        raise Refused(f"{source} is no whole DuckDB file: {why}", "choose another backup")
    if seen["damaged"] or (seen["doubtful"] and seen["wal"]):
        unread = hands.call("duck", "full_scan", databases={"backup": str(source)})
        if unread or seen["damaged"]:
            why = unread[0] if unread else f"{len(seen['damaged'])} blocks in use have a wrong checksum"
            raise Refused(f"{source} is damaged: {why}", "choose another backup")
    with source.open("rb") as file:
        place = Place(str(source), file_digest(file, "sha256").hexdigest(), stack.relative(target))
    base = replace(_facts(stack, options, f"restore of {place.target} from {source.name}"), place=place, compute=True)
    parts = health.roles(stack, target)
    age = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    notes = [
        f"{source.name} was last written {age:%Y-%m-%d %H:%M} UTC and has no state with it: what hangs on it is mended"
    ]
    refills = [name for name, one in stack.config.sources.items() if stack.databases[one.catalog] == target]
    refusals: list[Refusal] = []
    if "state" in parts and "marts" not in parts:
        refusals = _unsound(stack, {str(target): str(source)}, hands)
    found = replace(base, notes=tuple(notes), refusals=tuple(refusals), everything="marts" in parts)
    return replace(found, refills=() if "marts" in parts else tuple(refills))


def _facts(stack: Stack, options: Options, title: str) -> Facts:
    operation = new_id()
    return Facts(
        task=TASK,
        operation=operation,
        title=title,
        snapshot=f"pre_restore_{stack.now():%Y%m%d}_{operation}",
        forensic=True,
        options=options,
        free_bytes=snapshots.free_bytes(stack),
    )


def _part(stack: Stack, only: str) -> list[str]:
    """Paths of the databases of one part; a file that holds several parts cannot be restored by halves."""
    if only not in PARTS:
        raise UsageError(f"--only={only}", nearest(only, list(PARTS)))
    if stack.remote and only != "state":
        raw = {source.catalog for source in stack.config.sources.values()}
        return [f"{MD}{name}" for name in stack.catalogs if (name in raw) == (only == "raw")]
    found: list[str] = []
    for path in stack.duckdb_files:
        parts = health.roles(stack, path)
        if only in parts:
            if len(parts) > 1:
                shared = " and ".join(parts)
                raise UsageError(
                    f"{stack.relative(path)} holds {shared}: they can only be restored together", "no --only"
                )
            found.append(stack.relative(path))
    if not found:
        raise UsageError(f"this stack has no {only} of its own", f"known: {', '.join(PARTS)}")
    return found


def _target(stack: Stack, source: Path, catalog: str) -> Path:
    """Which database a file is a backup of: the one named, else the one of the same file name."""
    state = stack.state_file
    known = dict(stack.databases) | ({state.stem: state} if state is not None else {})
    if catalog:
        if stack.remote and catalog in stack.catalogs:
            reason = f"{catalog} is a database of MotherDuck's: a plain file cannot take its place"
            raise Refused(reason, "upload it there under another name; --snapshot or --at bring what we have kept")
        if catalog not in known:
            raise UsageError(f"unknown catalog {catalog!r}", nearest(catalog, list(known)))
        return known[catalog]
    same = [path for path in known.values() if source.name.startswith(path.name) or source.stem == path.stem]
    if len(same) != 1:
        raise UsageError(f"which database is {source.name} a backup of?", f"--catalog={'|'.join(known)}")
    return same[0]


def _since(stack: Stack, taken: Snapshot, hands: Crew) -> list[str]:
    """What has been added since the snapshot, as far as the present can be read."""
    now: dict[str, int] = {}
    for name, where in readable(stack, hands).items():
        arguments: dict[str, Any] = {"databases": {name: where}, "state": None, "environment": ""}
        now |= hands.call("duck", "describe", **arguments)["rows"]
    rows: dict[str, int] = taken.manifest["rows"]
    more = {name: count - rows.get(name, 0) for name, count in now.items() if count > rows.get(name, 0)}
    if not more:
        return []
    most = sorted(more, key=lambda name: -more[name])[:3]
    shown = ", ".join(f"{more[name]:,} of {name}" for name in most)
    return [f"rows that the snapshot of {taken.created_at:%Y-%m-%d %H:%M:%S} UTC does not have: {shown}"]


def _ages(stack: Stack, taken: Snapshot) -> list[Refusal]:
    """A database that the snapshot does not know would stay as it is, beside others of another age."""
    if stack.remote:
        return _remote_ages(stack, taken)
    known = set(taken.manifest["databases"])
    others = [
        stack.relative(path) for path in stack.duckdb_files if stack.relative(path) not in known and path.exists()
    ]
    return [
        Refusal(f"{path} is not in {taken.name}: its age would differ from the rest", "choose a newer snapshot")
        for path in others
    ]


def _remote_ages(stack: Stack, taken: Snapshot) -> list[Refusal]:
    """The same of MotherDuck's databases, and one that is no database of the stack any more: nobody would bring it."""
    points: Mapping[str, Any] = taken.manifest["points"]
    age = f"is not in {taken.name}: its age would differ from the rest"
    found = [Refusal(f"{MD}{name} {age}", "choose a newer snapshot") for name in stack.catalogs if name not in points]
    way = "name it in ops.databases again, or choose a newer snapshot"
    gone = [f"{MD}{name} of {taken.name}" for name in points if name not in stack.catalogs]
    return [
        *found,
        *(Refusal(f"{name} is no database of the stack any more", way) for name in gone),
    ]


def _unsound(stack: Stack, instead: dict[str, str], hands: Crew) -> list[Refusal]:
    """A state is sound where every table that it speaks of is there."""
    name = hands.warm("sqlmesh_mend", cwd=stack.sqlmesh_folder)
    models = mending.from_worker(hands.call(name, "survey", **project(stack), raw=dated_raw(stack), instead=instead))
    hands.call(name, "let_go")
    gone: Sequence[mending.Model] = mending.lost(models)
    if not gone:
        return []
    reason = f"that state speaks of {len(gone)} tables that are not there ({gone[0].table})"
    return [Refusal(reason, "restore the marts with it, or invoke ops.rebuild")]
