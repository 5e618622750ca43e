"""The backend of local DuckDB files: copies, renames, hashes. Of a MotherDuck stack it has what is local even then."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import Refused
from ops_tasks.stack import Stack
from ops_tasks.systems.backends import Kept, Moment, Say
from ops_tasks.systems.crew import Crew

# A snapshot's time is that of its manifest, written when its files are free again.
MARGIN = timedelta(seconds=5)


class LocalFiles:
    """Database files with their WALs, SQLMesh's state, dlt's working state; see `backends.Backend`."""

    def __init__(self, stack: Stack) -> None:
        """Nothing is looked at yet."""
        self.stack = stack

    @property
    def databases(self) -> list[str]:
        """Every database file of the set, relative to the root."""
        return [self.stack.relative(path) for path in self.stack.duckdb_files]

    @property
    def folders(self) -> list[str]:
        """Every folder of the set, relative to the root."""
        return [self.stack.relative(folder) for folder in self.stack.folders]

    def measure(self, hands: Crew) -> dict[str, str]:
        """Path -> sha256 of every file of the set as it is now."""
        found = hands.call("files", "stamps", root=str(self.stack.root), files=self.databases, folders=self.folders)
        return cast("dict[str, str]", found)

    def refuse_taken(self, name: str, hands: Crew) -> None:
        """Nobody but the snapshots' own folder gives names to files."""

    def snapshot(self, name: str, making: Path, hands: Crew, say: Say, links: Sequence[str] | None) -> dict[str, Any]:
        """Copy the files as of one moment and judge the copies: a damaged database is no basis for anything."""
        hands.warm("duck")
        copied = hands.call(
            "files",
            "copy_set",
            say,
            root=str(self.stack.root),
            target=str(making / "files"),
            files=self.databases,
            folders=self.folders,
            links=links,
        )
        entries = cast("list[dict[str, Any]]", copied)
        told: dict[str, Any] = {"databases": self.databases, "folders": self.folders, "files": entries}
        told["directories"] = directories(self.stack)
        if links is not None:
            return told | {"forensic": True}
        judge(making / "files", entries, hands)
        return told | self._described(making, hands)

    def verify(self, kept: Kept, hands: Crew, say: Say, *, root: str | None, note: bool) -> list[str]:
        """Presence, size, sha256 and block checksums of every file; see `files_worker.verify`."""
        told = hands.call("files", "verify", say, folder=str(kept.folder), root=root, note=note)
        return cast("list[str]", told["problems"])

    def list(self, hands: Crew) -> list[Moment]:
        """Files remember nothing by themselves."""
        return []

    def clone(self, kept: Kept, beside: Path, hands: Crew, say: Say) -> dict[str, str]:
        """Copy the snapshot's files into the folder `beside`, comparing each with its manifest."""
        hands.call("beside", "lay_out", say, folder=str(kept.folder), target=str(beside))
        return self.files_in(beside)

    @contextmanager
    def copies(self, kept: Kept, hands: Crew) -> Generator[dict[str, str]]:
        """The snapshot's own files: nobody writes to them."""
        yield self.files_in(kept.folder)

    def files_in(self, folder: Path) -> dict[str, str]:
        """Catalog -> path of the copies in a snapshot's folder, for those that it has."""
        copies = {name: folder / "files" / self.stack.relative(path) for name, path in self.stack.databases.items()}
        return {name: str(path) for name, path in copies.items() if path.is_file()}

    def restore(
        self,
        kept: Kept,
        quarantine: Path,
        hands: Crew,
        say: Say,
        *,
        consume: bool,
        only: list[str] | None,
        over: Kept | None,
        untouched: bool = False,
    ) -> dict[str, Any]:
        """Rename what is there into `quarantine` and the snapshot's files into place; see `restoring_worker.restore`.

        After an operation that had written to nothing yet (`untouched`), what differs is told and stays.
        """
        if untouched:
            where = {"folder": str(kept.folder), "root": str(self.stack.root)}
            return cast("dict[str, Any]", hands.call("files", "leaving:leave", say, **where))
        done = hands.call(
            "files",
            "restoring:restore",
            say,
            folder=str(kept.folder),
            root=str(self.stack.root),
            quarantine=str(quarantine),
            consume=consume,
            only=only,
            kept=str(over.folder) if over else None,
        )
        return cast("dict[str, Any]", done)

    def has_begun(self, quarantine: Path) -> bool:
        """It has made its quarantine, before the first rename."""
        return quarantine.is_dir()

    def release(self, kept: Kept, hands: Crew) -> None:
        """A snapshot of files is its folder."""

    def forget(self, name: str, hands: Crew) -> None:
        """A half-made copy is its folder."""

    def forensics(self, label: str, kept: Kept, hands: Crew) -> dict[str, str]:
        """What the operation's own snapshot has kept, damage included, is files that can be opened."""
        return self.files_in(kept.folder)

    def set_aside(self, catalog: str, folder: Path, hands: Crew) -> str:
        """A file that is replaced goes to the quarantine."""
        return str(folder / self.stack.relative(self.stack.databases[catalog]))

    def tidy(self, operation: str, hands: Crew, *, everything: bool = False) -> None:
        """What an operation makes for its own use lies in its folder."""

    def changed_since(self, kept: Kept, created_at: datetime) -> list[str]:
        """Databases and WALs (relative to the root) that are not what the snapshot holds.

        By their sizes and times first, which cost nothing; where those are not older than the snapshot (a copy that
        keeps its age has a later change of status), by their hashes, in another process: closing a descriptor here
        would drop DuckDB's lock on the file. A snapshot from the future says nothing by its time.
        """
        held = {entry["path"]: entry["sha256"] for entry in kept.manifest["files"]}
        sizes = {entry["path"]: entry["size"] for entry in kept.manifest["files"]}
        trusted = (created_at - MARGIN).timestamp() if created_at <= datetime.now(UTC) else 0.0
        live = [path for path in self.stack.duckdb_files if path.exists()]
        logs = [log for path in live if (log := wal(path)).exists() and log.stat().st_size]
        names = [self.stack.relative(path) for path in (*live, *logs)]
        gone = [name for name in kept.manifest["databases"] if name in held and name not in names]
        files = {name: self.stack.root / name for name in names}
        later = [
            name for name, file in files.items() if touched(file) >= trusted or sizes.get(name) != file.stat().st_size
        ]
        if not later:
            return gone
        with Crew(self.stack.root) as hands:
            stamps = LocalFiles.measure(self, hands)
        return sorted([*gone, *(name for name in later if stamps.get(name) != held.get(name))])

    def written_after(self, moment: datetime) -> list[str]:
        """Files that were written to, or put in place, later: an old copy moved in keeps its own age."""
        files = [name for path in self.stack.duckdb_files for name in (path, wal(path))]
        files += [file for folder in self.stack.folders for file in sorted(folder.rglob("*")) if file.is_file()]
        return [self.stack.relative(path) for path in files if path.exists() and touched(path) > moment.timestamp()]

    def _described(self, making: Path, hands: Crew) -> dict[str, Any]:
        """Rows per table, and what SQLMesh's state says of itself."""
        state = self.stack.state_file
        copy = None if state is None else making / "files" / self.stack.relative(state)
        described = hands.call(
            "duck",
            "describe",
            databases=self.files_in(making),
            state=str(copy) if copy is not None and copy.is_file() else None,
            environment=self.stack.config.sqlmesh.environment,
        )
        return cast("dict[str, Any]", described)


def judge(copies: Path, entries: list[dict[str, Any]], hands: Crew) -> None:
    """Raise `Refused` for a damaged database, unless nothing uses any of the bad or missing blocks.

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


def set_bytes(stack: Stack, without: Sequence[str] = ()) -> int:
    """Bytes of the files of the set as it is now, some databases left out: what a snapshot of it will need here."""
    databases = [path for path in stack.duckdb_files if stack.relative(path) not in without]
    files = [file for path in databases for file in (path, wal(path)) if file.is_file()]
    files += [file for folder in stack.folders for file in folder.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def free_bytes(stack: Stack) -> int:
    """Free bytes on the stack's volume."""
    return shutil.disk_usage(stack.root).free


def directories(stack: Stack) -> list[str]:
    """Every directory of dlt's working state, the empty ones too: dlt (1.31) fails where one is missing."""
    return [
        stack.relative(path)
        for folder in stack.folders
        for path in (folder, *sorted(folder.rglob("*")))
        if path.is_dir()
    ]


def wal(path: Path) -> Path:
    """The log beside a database file."""
    return path.with_name(f"{path.name}.wal")


def touched(path: Path) -> float:
    """When a file was last written to or put in place."""
    told = path.stat()
    return max(told.st_mtime, told.st_ctime)
