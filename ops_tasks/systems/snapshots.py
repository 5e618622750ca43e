"""Snapshots: named, verified, consistent copies of a state set, each with a manifest written last."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Busy, OpsError, Refused, StepFailed, UsageError, nearest
from ops_tasks.stack import Stack
from ops_tasks.systems import backends
from ops_tasks.systems.backends import Kept, crew_of
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.local_files import LocalFiles
from ops_tasks.systems.local_files import free_bytes as free_bytes
from ops_tasks.systems.local_files import set_bytes as set_bytes
from ops_tasks.systems.snapshot_files import CONSUMED, DAMAGED, MANIFEST, VERIFIED

SCHEMA = "ops-snapshot/1"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
MAKING = ".making"
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

    @property
    def kept(self) -> Kept:
        """What a backend has to know of it."""
        return Kept(self.folder, self.manifest)

    @property
    def backend(self) -> str:
        """Whose catalogs it holds."""
        return str(self.manifest.get("backend", "local"))


def holders(stack: Stack, crew: Crew | None = None) -> list[dict[str, Any]]:
    """Return `{file, pid, command}` for every database of the stack that another process has open."""
    with crew_of(stack, crew) as hands:
        files = [str(path) for path in stack.duckdb_files]
        return cast("list[dict[str, Any]]", hands.call("files", "holders", files=files))


def refuse_foreign(stack: Stack, crew: Crew | None = None, *, ours: Callable[[int], bool] | None = None) -> None:
    """Raise `Busy`, naming the first other process that has one of the stack's databases open.

    `ours` says of a PID whether the task ends that process itself.
    """
    found = [one for one in holders(stack, crew) if ours is None or not ours(int(one["pid"]))]
    if found:
        first = found[0]
        file = Path(first["file"]).name
        if first["pid"] < 1:
            raise Busy(f"{file} is held by a process in another container", "let it finish, or stop it there")
        reason = f"{file} is held by PID {first['pid']} ({first['command']})"
        raise Busy(reason, f"let it finish, or stop it: kill {first['pid']}")


def refuse_writers(stack: Stack) -> None:
    """Raise `Busy`, naming the first other process that has one of the stack's databases open for writing."""
    with crew_of(stack, None) as hands:
        hands.call("files", "refuse_writers", files=[str(path) for path in stack.duckdb_files])


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
    too small; a half-made snapshot has no name and is removed, of MotherDuck the next time if that cannot be reached.
    `log` and `held` are for a crew of its own. With `links` (databases that are going to be replaced, relative to the
    root) it is a forensic one: the set as it is, damage included, those databases linked instead of copied.
    """
    check_name(name)
    final = folder_of(stack, name)
    if final.exists():
        raise UsageError(f"a snapshot named {name!r} exists already", "choose another name")
    need, free = set_bytes(stack, without=links or ()), free_bytes(stack)
    if need > free:
        raise Refused(f"a snapshot needs {need:,} bytes and {free:,} are free on {stack.root}", "free some space")
    making, backend = final.with_name(f".{name}{MAKING}"), backends.of(stack)
    with crew_of(stack, crew, log, held) as hands:
        if making.exists():  # somebody was killed while making it
            backend.forget(name, hands)
            shutil.rmtree(making)
        backend.refuse_taken(name, hands)
        (making / "files").mkdir(parents=True, mode=0o700)
        try:
            told = backend.snapshot(name, making, hands, say, links)
            manifest = _manifest(stack, name, why) | told
            hands.call("files", "publish", folder=str(making), final=str(final), manifest=manifest)
        except BaseException:
            if making.is_dir():  # otherwise it has its name, and is whole
                _clear(backend, name, making, hands)
            raise
    return get(stack, name)


def _clear(backend: backends.Backend, name: str, making: Path, hands: Crew) -> None:
    """Give up what a snapshot that failed has made. Where that cannot be done now its folder stays, without the files.

    By the folder the next one of that name, or a prune, knows that there is something to give up.
    """
    shutil.rmtree(making / "files", ignore_errors=True)
    with suppress(OpsError):  # why the snapshot failed is what has to be told
        backend.forget(name, hands)
        shutil.rmtree(making, ignore_errors=True)


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
    root = str(stack.root) if to_put_back else None
    with crew_of(stack, crew) as hands:
        backend = _of(stack, snapshot)
        return backend.verify(snapshot.kept, hands, say, root=root, note=note and not to_put_back)


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
    untouched: bool = False,
) -> dict[str, Any]:
    """Make the state set byte-identical to a snapshot, what is there now being renamed into `quarantine`.

    `consume` moves the snapshot's files instead of copying them, for a disk without room. `only` names paths of the
    set (relative to the root). `kept` names the snapshot of what is there now: `StepFailed` where that is not (any
    more) what it holds. `untouched`: the operation whose own snapshot this is had written to nothing yet, so what
    differs is somebody else's, and stays as they wrote it (`theirs`). Raises `Busy` while anybody has a database open;
    can be repeated after a kill.
    """
    snapshot, over = published(stack, name), published(stack, kept).kept if kept else None
    with crew_of(stack, crew, log, held) as hands:
        backend = _of(stack, snapshot)
        names: dict[str, Any] = {"only": only, "over": over, "untouched": untouched}
        return backend.restore(snapshot.kept, quarantine, hands, say, consume=consume, **names)


def stamps(stack: Stack, crew: Crew | None = None) -> dict[str, str]:
    """Object -> digest of everything of the state set as it is now: paths of files, `md:catalog/schema.table`."""
    with crew_of(stack, crew) as hands:
        return backends.of(stack).measure(hands)


def databases_in(stack: Stack, snapshot: Path) -> dict[str, str]:
    """Catalog -> path of the copies in a snapshot folder, for those that it has: none of MotherDuck's."""
    return LocalFiles(stack).files_in(snapshot)


@contextmanager
def copies(stack: Stack, name: str, crew: Crew) -> Generator[dict[str, str]]:
    """Catalog -> what DuckDB attaches to look at what a snapshot holds, for as long as the block lasts."""
    snapshot = published(stack, name)
    with _of(stack, snapshot).copies(snapshot.kept, crew) as found:
        yield found


def clone(stack: Stack, name: str, beside: Path, say: Say, crew: Crew) -> dict[str, str]:
    """Lay a snapshot beside the present, by itself and complete; returns catalog -> what DuckDB attaches."""
    snapshot = get(stack, name)
    return _of(stack, snapshot).clone(snapshot.kept, beside, crew, say)


def changed_since(stack: Stack, snapshot: Snapshot) -> list[str]:
    """What of the set (files, `md:catalog`) is not as a snapshot holds it; see the backends for how that is told."""
    return _of(stack, snapshot).changed_since(snapshot.kept, snapshot.created_at)


def give_up(stack: Stack, folder: Path, crew: Crew | None = None) -> None:
    """Give up what a snapshot, a used-up or a half-made one keeps outside of its folder, before that is removed.

    What a published snapshot keeps as well stays: a new one of the same name may have what an old one had. A folder
    without a manifest has nothing but its name to go by, so it has to have the one it was made under still.
    """
    if folder.parent != stack.home / "snapshots":
        return
    backend, snapshot = backends.of(stack), _readable(folder)
    with crew_of(stack, crew) as hands:
        if isinstance(snapshot, str):
            if label := _label(folder):
                backend.forget(label, hands)
        elif snapshot.backend == stack.backend:
            points = snapshot.manifest.get("points", {})
            others = _points(stack, without=folder)
            own = {name: point for name, point in points.items() if _identity(point) not in others}
            backend.release(Kept(folder, {**snapshot.manifest, "points": own}), hands)


def is_described(folder: Path) -> bool:
    """Whether a folder has a manifest that can be read: it says what the snapshot keeps, whatever its name is."""
    return isinstance(_readable(folder), Snapshot)


def _label(folder: Path) -> str:
    """What a half-made snapshot was to be called; nothing for a folder that was given up before it was renamed."""
    if not folder.name.startswith("."):
        return folder.name
    return folder.name[1:].removesuffix(MAKING) if folder.name.endswith(MAKING) else ""


def _points(stack: Stack, without: Path) -> set[tuple[str, ...]]:
    """Identities of what published snapshots keep outside of their folders, those that are being moved back too."""
    shown = (path for path in without.parent.iterdir() if path != without and not path.name.startswith("."))
    found = (_readable(path) for path in shown if (path / MANIFEST).is_file())
    read = (one for one in found if isinstance(one, Snapshot) and one.backend == stack.backend)
    return {_identity(point) for one in read for point in one.manifest.get("points", {}).values()}


def _identity(point: Mapping[str, Any]) -> tuple[str, ...]:
    """A snapshot of MotherDuck's is its id, a clone its name and when it was made."""
    return (point["id"],) if point["id"] else (point["clone"], point["created_at"])


def _of(stack: Stack, snapshot: Snapshot) -> backends.Backend:
    """The backend of the stack; a snapshot of the other one is no snapshot of what the stack has now."""
    if snapshot.backend != stack.backend:
        reason = f"snapshot {snapshot.name} is of {snapshot.backend}, and the stack's backend is {stack.backend} now"
        raise UsageError(reason, f"DATABOX_BACKEND={snapshot.backend}, if that is meant")
    return backends.of(stack)


def _manifest(stack: Stack, name: str, why: str) -> dict[str, Any]:
    from ops_tasks.systems.git import commit

    return {
        "schema": SCHEMA,
        "name": name,
        "why": why,
        "created_at": datetime.now(UTC).isoformat(),
        "git": commit(stack.root),
    }


def trusted(stack: Stack) -> list[Snapshot]:
    """The verified snapshots that one can recover from, of the backend that the stack has now, oldest first."""
    return [one for one in every(stack) if one.verified_at and not one.forensic and one.backend == stack.backend]


def newest(stack: Stack, before: datetime | None = None) -> Snapshot | None:
    """The newest snapshot that one can recover from, taken at or before an instant."""
    found = [one for one in trusted(stack) if before is None or one.created_at <= before]
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


def is_used_up(stack: Stack, name: str) -> bool:
    """Whether a restore has begun to move the snapshot's files into place: what is left of it is still right."""
    return (folder_of(stack, name) / CONSUMED).exists()


def _whole(folder: Path) -> bool:
    """Published, and not used up by a restore that moved its files."""
    return (folder / MANIFEST).is_file() and not (folder / CONSUMED).exists() and not folder.name.startswith(".")
