"""Snapshots: named, verified, consistent copies of a state set, each with a manifest written last."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Busy, Refused, StepFailed, UsageError, nearest
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

SCHEMA = "ops-snapshot/1"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
MANIFEST = "manifest.json"
VERIFIED = "verified.json"
DAMAGED = "damaged.json"
CONSUMED = "consumed.json"
Say = Callable[[str], None]


def _quiet(text: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot. `bytes` is what it holds, `verified_at` when its files were last found to be what it says,
    `problems` what was wrong with them when they were read last.

    A `forensic` one holds a set as it was found, damage included: it can be put back, it is nothing to recover from.
    """

    name: str
    folder: Path
    created_at: datetime
    bytes: int
    why: str
    verified_at: datetime | None
    manifest: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def forensic(self) -> bool:
        """Whether it was taken of a set that may be damaged."""
        return bool(self.manifest.get("forensic"))


def holders(stack: Stack, crew: Crew | None = None) -> list[dict[str, Any]]:
    """Return `{file, pid, command}` for every database of the stack that another process has open."""
    with _hands(stack, crew) as hands:
        files = [str(path) for path in stack.duckdb_files]
        return cast("list[dict[str, Any]]", hands.call("files", "holders", files=files))


def refuse_foreign(stack: Stack, crew: Crew | None = None) -> None:
    """Raise `Busy`, naming the first other process that has one of the stack's databases open."""
    found = holders(stack, crew)
    if found:
        first = found[0]
        file = Path(first["file"]).name
        if first["pid"] < 1:
            raise Busy(f"{file} is held by a process in another container", "let it finish, or stop it there")
        reason = f"{file} is held by PID {first['pid']} ({first['command']})"
        raise Busy(reason, f"let it finish, or stop it: kill {first['pid']}")


def set_bytes(stack: Stack, without: Sequence[str] = ()) -> int:
    """Bytes of the state set as it is now, some databases left out: what a snapshot will need."""
    databases = [path for path in stack.duckdb_files if stack.relative(path) not in without]
    files = [file for path in databases for file in (path, _wal(path)) if file.is_file()]
    files += [file for folder in stack.folders for file in folder.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def free_bytes(stack: Stack) -> int:
    """Free bytes on the stack's volume."""
    return shutil.disk_usage(stack.root).free


def check_name(name: str) -> None:
    """Raise `UsageError` for a name that is no safe folder name."""
    if not NAME.fullmatch(name):
        raise UsageError(f"bad snapshot name {name!r}", "lower-case letters, digits, '_', '-' and '.', at most 100")


def folder_of(stack: Stack, name: str) -> Path:
    """Where a snapshot of that name is, or would be."""
    return stack.home / "snapshots" / name


def create(
    stack: Stack,
    name: str,
    *,
    why: str,
    say: Say = _quiet,
    crew: Crew | None = None,
    log: Path | None = None,
    held: tuple[int, ...] = (),
    links: Sequence[str] | None = None,
) -> Snapshot:
    """Take and verify a named snapshot of the whole state set.

    Raises `Busy` while anybody has a database open for writing, `Refused` when a database is damaged or the disk is
    too small; a half-made snapshot has no name and is removed. `log` and `held` are for a crew of its own. With
    `links` (databases that are going to be replaced, relative to the root) it is a forensic one: the set as it is,
    damage included, those databases linked instead of copied.
    """
    check_name(name)
    final = folder_of(stack, name)
    if final.exists():
        raise UsageError(f"a snapshot named {name!r} exists already", "choose another name")
    need, free = set_bytes(stack, without=links or ()), free_bytes(stack)
    if need > free:
        raise Refused(f"a snapshot needs {need:,} bytes and {free:,} are free on {stack.root}", "free some space")
    making = final.with_name(f".{name}.making")
    shutil.rmtree(making, ignore_errors=True)
    (making / "files").mkdir(parents=True, mode=0o700)
    databases = [stack.relative(path) for path in stack.duckdb_files]
    folders = [stack.relative(folder) for folder in stack.folders]
    copies = {"root": str(stack.root), "target": str(making / "files")}
    try:
        with _hands(stack, crew, log, held) as hands:
            hands.warm("duck")
            copied = hands.call("files", "copy_set", say, **copies, files=databases, folders=folders, links=links)
            entries = cast("list[dict[str, Any]]", copied)
            manifest = _manifest(stack, name, why, entries, databases, folders)
            if links is None:
                _judge(making / "files", entries, hands)
                manifest |= _described(stack, making / "files", hands)
            else:
                manifest["forensic"] = True
            hands.call("files", "publish", folder=str(making), final=str(final), manifest=manifest)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return get(stack, name)


def every(stack: Stack) -> list[Snapshot]:
    """All published snapshots whose manifest can be read, oldest first; see `unreadable` for the others."""
    readable = (_readable(folder) for folder in _folders(stack))
    return sorted((found for found in readable if isinstance(found, Snapshot)), key=lambda found: found.created_at)


def unreadable(stack: Stack) -> list[str]:
    """A line per published snapshot whose manifest is not there or cannot be read."""
    home = stack.home / "snapshots"
    shown = [path for path in sorted(home.iterdir()) if not path.name.startswith(".")] if home.is_dir() else []
    none = [path for path in shown if path.is_dir() and not (path / MANIFEST).is_file()]
    damaged = [found for folder in _folders(stack) if isinstance(found := _readable(folder), str)]
    return [*damaged, *(f"snapshot {path.name} is damaged: it has no manifest" for path in none)]


def get(stack: Stack, name: str) -> Snapshot:
    """One snapshot; an unknown name is a usage error that names the nearest."""
    folder = folder_of(stack, name)
    if not NAME.fullmatch(name) or not _whole(folder):
        raise UsageError(f"unknown snapshot {name!r}", nearest(name, [snapshot.name for snapshot in every(stack)]))
    return _read(folder)


def verify(
    stack: Stack,
    name: str,
    say: Say = _quiet,
    crew: Crew | None = None,
    *,
    to_put_back: bool = False,
    note: bool = True,
) -> list[str]:
    """Read a snapshot back and compare it with its manifest; return what is wrong with it.

    `to_put_back` asks only for what would have to be put back: not for files that are the stack's own still. The
    answer is written down with the snapshot, unless that was not the whole question, or `note` is off: plans only read.
    """
    snapshot = get(stack, name)
    asked = {"root": str(stack.root) if to_put_back else None, "note": note and not to_put_back}
    with _hands(stack, crew) as hands:
        return cast("list[str]", hands.call("files", "verify", say, folder=str(snapshot.folder), **asked)["problems"])


def restore(
    stack: Stack,
    name: str,
    quarantine: Path,
    *,
    consume: bool,
    only: list[str] | None = None,
    kept: str = "",
    say: Say = _quiet,
    crew: Crew | None = None,
    log: Path | None = None,
    held: tuple[int, ...] = (),
) -> dict[str, Any]:
    """Make the state set byte-identical to a snapshot, what is there now being renamed into `quarantine`.

    `consume` moves the snapshot's files instead of copying them, for a disk without room. `only` names paths of the
    set (relative to the root). `kept` names the snapshot of what is there now: `StepFailed` where that is not (any
    more) what it holds. Raises `Busy` while anybody has a database open; can be repeated after a kill.
    """
    with _hands(stack, crew, log, held) as hands:
        done = hands.call(
            "files",
            "restore",
            say,
            folder=str(folder_of(stack, name)),
            root=str(stack.root),
            quarantine=str(quarantine),
            consume=consume,
            only=only,
            kept=str(folder_of(stack, kept)) if kept else None,
        )
    return cast("dict[str, Any]", done)


def stamps(stack: Stack, crew: Crew | None = None) -> dict[str, str]:
    """Path -> sha256 of every file of the state set as it is now."""
    files = [stack.relative(path) for path in stack.duckdb_files]
    folders = [stack.relative(folder) for folder in stack.folders]
    with _hands(stack, crew) as hands:
        found = hands.call("files", "stamps", root=str(stack.root), files=files, folders=folders)
    return cast("dict[str, str]", found)


def databases_in(stack: Stack, snapshot: Path) -> dict[str, str]:
    """Catalog -> path of the copies in a snapshot folder, for those that it has."""
    copies = {name: snapshot / "files" / stack.relative(path) for name, path in stack.databases.items()}
    return {name: str(path) for name, path in copies.items() if path.is_file()}


@contextmanager
def _hands(stack: Stack, crew: Crew | None, log: Path | None = None, held: tuple[int, ...] = ()) -> Generator[Crew]:
    """The crew that was given, or one for this call alone."""
    if crew is not None:
        yield crew
        return
    with Crew(stack.root, log, held) as own:
        yield own


def _judge(copies: Path, entries: list[dict[str, Any]], hands: Crew) -> None:
    """A damaged database is no basis for anything: refuse, unless nothing uses any of the bad or missing blocks.

    Where a log may have put something into free blocks, DuckDB says whether it can read everything.
    """
    logged = {entry["path"].removesuffix(".wal") for entry in entries if entry["kind"] == "wal"}
    for entry in (entry for entry in entries if entry["kind"] == "duckdb"):
        reason = entry["problem"]
        if entry["damaged_blocks"]:
            reason = f"block {entry['damaged_blocks'][0]} is missing or does not match its checksum"
        elif entry["doubtful_blocks"] and entry["path"] in logged:
            reason = next(iter(hands.call("duck", "full_scan", databases={"copy": str(copies / entry["path"])})), "")
        if reason:
            raise Refused(f"{entry['path']} is damaged: {reason}", "restore an older snapshot")


def _described(stack: Stack, copies: Path, hands: Crew) -> dict[str, Any]:
    """Rows per table, and what SQLMesh's state says of itself."""
    state = None if stack.state_file is None else copies / stack.relative(stack.state_file)
    described = hands.call(
        "duck",
        "describe",
        databases=databases_in(stack, copies.parent),
        state=str(state) if state is not None and state.is_file() else None,
        environment=stack.config.sqlmesh.environment,
    )
    return cast("dict[str, Any]", described)


def _manifest(
    stack: Stack, name: str, why: str, entries: list[dict[str, Any]], databases: list[str], folders: list[str]
) -> dict[str, Any]:
    from ops_tasks.systems.git import commit

    return {
        "schema": SCHEMA,
        "name": name,
        "why": why,
        "created_at": datetime.now(UTC).isoformat(),
        "databases": databases,
        "folders": folders,
        "directories": _directories(stack),
        "files": entries,
        "git": commit(stack.root),
    }


def newest(stack: Stack, before: datetime | None = None) -> Snapshot | None:
    """The newest verified snapshot that one can recover from, taken at or before an instant."""
    found = [s for s in every(stack) if s.verified_at and not s.forensic and (before is None or s.created_at <= before)]
    return found[-1] if found else None


def published(stack: Stack, name: str) -> Snapshot:
    """One snapshot, also when a restore that was killed has begun to move its files; see `get`."""
    return _read(folder_of(stack, name)) if (folder_of(stack, name) / CONSUMED).exists() else get(stack, name)


def _read(folder: Path) -> Snapshot:
    verified: datetime | None = None
    problems: tuple[str, ...] = ()
    try:
        manifest = cast("dict[str, Any]", json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        if (folder / DAMAGED).is_file():
            problems = tuple(json.loads((folder / DAMAGED).read_text(encoding="utf-8"))["problems"])
        elif (folder / VERIFIED).is_file():
            verified = datetime.fromisoformat(json.loads((folder / VERIFIED).read_text(encoding="utf-8"))["at"])
        taken = datetime.fromisoformat(manifest["created_at"]).astimezone(UTC)
        held = sum(entry["size"] for entry in manifest["files"])
        return Snapshot(folder.name, folder, taken, held, manifest["why"], verified, manifest, problems)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"snapshot {folder.name} is damaged: its manifest cannot be read ({type(error).__name__}: {error})"
        raise StepFailed(reason, f"move {folder} out of the way") from None


def _folders(stack: Stack) -> list[Path]:
    folder = stack.home / "snapshots"
    return [path for path in sorted(folder.iterdir()) if _whole(path)] if folder.is_dir() else []


def _readable(folder: Path) -> Snapshot | str:
    try:
        return _read(folder)
    except StepFailed as error:
        return error.reason


def _directories(stack: Stack) -> list[str]:
    """Every directory of dlt's working state, the empty ones too: dlt (1.31) fails where one is missing."""
    return [
        stack.relative(path)
        for folder in stack.folders
        for path in (folder, *sorted(folder.rglob("*")))
        if path.is_dir()
    ]


def is_used_up(stack: Stack, name: str) -> bool:
    """Whether a restore has begun to move the snapshot's files into place: what is left of it is still right."""
    return (folder_of(stack, name) / CONSUMED).exists()


def _whole(folder: Path) -> bool:
    """Published, and not used up by a restore that moved its files."""
    return (folder / MANIFEST).is_file() and not (folder / CONSUMED).exists() and not folder.name.startswith(".")


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
