"""Which database files are broken, how, and what of theirs: the first question of every recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops_tasks.scenarios.symptoms import counted
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

LOCK, WAL, ROT, CUT, VERSION, MISSING = "lock", "wal", "bit-rot", "truncation", "version", "missing"
UNREADABLE = (WAL, ROT, CUT, MISSING)  # a newer storage version is no damage: another client reads it


@dataclass(frozen=True)
class FileHealth:
    """One database file. `causes` are empty for a healthy one, each with its `evidence`; `notes` are harmless.

    `roles`: marts, raw, state; a single-file stack has one file with all of them. `tables` are those whose data is hit.
    """

    path: str
    catalogs: tuple[str, ...]
    roles: tuple[str, ...]
    size: int
    causes: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pid: int | None = None

    @property
    def broken(self) -> bool:
        """Whether what it holds cannot be had from it as it is."""
        return any(cause in UNREADABLE for cause in self.causes)

    @property
    def only_wal(self) -> bool:
        """Whether the file itself is whole and only the log beside it is not."""
        return self.broken and all(cause in (WAL, LOCK) for cause in self.causes)

    @property
    def gone(self) -> bool:
        """Whether another file has to take its place."""
        return self.broken and not self.only_wal


def examine(stack: Stack, hands: Crew) -> tuple[FileHealth, ...]:
    """Look at every database file of the stack: offline first, then DuckDB is asked what the scan cannot know."""
    files = [str(path) for path in stack.duckdb_files]
    seen = hands.call("health", "examine", files=files)
    return tuple(_judge(stack, Path(file), seen[file], hands) for file in files)


def roles(stack: Stack, path: Path) -> tuple[str, ...]:
    """What a file holds: raw data of a source, SQLMesh's state, or (everything else) marts."""
    raw = {stack.databases.get(source.catalog) for source in stack.config.sources.values()}
    found = ["raw"] if path in raw else []
    if path == stack.state_file:
        found.append("state")
    if (not stack.remote and path == main_file(stack)) or (not found and path in stack.databases.values()):
        found.append("marts")
        if stack.state_file is None:
            found.append("state")
    return tuple(found)


def main_file(stack: Stack) -> Path:
    """The file of the marts: the first database that is no source's, else the first."""
    raw = {source.catalog for source in stack.config.sources.values()}
    names = [name for name in stack.databases if name not in raw] or list(stack.databases)
    return stack.databases[names[0]]


def _judge(stack: Stack, path: Path, seen: Mapping[str, Any], hands: Crew) -> FileHealth:
    causes: list[tuple[str, str]] = []
    notes: list[str] = []
    tables: tuple[str, ...] = ()
    opens = False
    if not seen["exists"]:
        causes.append((MISSING, "the file does not exist" + (", its WAL is still there" if seen["wal"] else "")))
    elif seen["problem"].startswith("encrypted"):
        notes.append(seen["problem"])
    elif seen["problem"]:
        causes.append(_unreadable(seen))
    else:
        asked = hands.call("damage", "opened", path=str(path))
        opens = not asked["cause"]
        if asked["cause"]:
            causes.append((asked["cause"], asked["message"]))
        elif asked["free_blocks"]:
            notes.append(f"{asked['free_blocks']} of {counted(seen['blocks'], 'block')} are free")
    if seen["damaged"]:
        cause, tables = _damaged(path, seen, hands, opens=opens)
        causes.append(cause)
    elif seen["doubtful"] and seen["wal"] and opens:
        # Large inserts write their blocks at once, and only the log knows of them: DuckDB has to be asked.
        unread = hands.call("duck", "full_scan", databases={"database": str(path)})
        causes += [(ROT, unread[0])] if unread else []
    elif seen["doubtful"]:
        notes.append(f"leftovers in {counted(len(seen['doubtful']), 'free block')}: harmless")
    if seen["wal"] is not None and opens:
        torn = f", the last {seen['wal_torn']} bytes of it were not written to the end" if seen["wal_torn"] else ""
        notes.append(f"a WAL of {seen['wal']:,} bytes that replays{torn}")
    holder = seen["holder"]
    if holder is not None and opens:
        notes.append(f"open in PID {holder['pid']} ({holder['command']})")
    return FileHealth(
        stack.relative(path),
        tuple(name for name, file in stack.databases.items() if file == path),
        roles(stack, path),
        seen["size"],
        tuple(cause for cause, _ in causes),
        tuple(text for _, text in causes),
        tables,
        tuple(notes),
        holder["pid"] if holder else None,
    )


def _unreadable(seen: Mapping[str, Any]) -> tuple[str, str]:
    if seen["size"] == 0:
        return CUT, "it is empty (0 bytes)"
    if seen["size"] < 3 * 4096:
        return CUT, f"it ends inside its headers ({seen['size']} bytes)"
    return ROT, seen["problem"]


def _damaged(
    path: Path, seen: Mapping[str, Any], hands: Crew, *, opens: bool
) -> tuple[tuple[str, str], tuple[str, ...]]:
    """The cause, with the tables whose data is hit: blocks that are missing at the end, or have a wrong checksum."""
    blocks: list[int] = seen["damaged"]
    held = seen["blocks"] - seen["missing"]
    cut = [block for block in blocks if block >= held]
    shown = ", ".join(map(str, blocks[:5])) + (", ..." if len(blocks) > 5 else "")
    bad = f"{len(blocks)} of {counted(seen['blocks'], 'block')} " + (
        f"are behind the end of the file ({shown})" if cut else f"have a wrong checksum ({shown})"
    )
    cause = CUT if cut else ROT
    if not opens:
        return (cause, bad), ()
    asked = hands.call("damage", "owners", path=str(path), blocks=blocks)
    tables = tuple(sorted(asked["tables"]))
    if tables:
        return (cause, f"{bad}: data of {', '.join(tables[:3])}{' and others' if len(tables) > 3 else ''}"), tables
    if asked["catalog"]:
        return (cause, f"{bad}: DuckDB's own metadata"), ()
    return (cause, f"{bad}: no table's data{', perhaps an index' if asked['indexed'] else ''}"), ()
