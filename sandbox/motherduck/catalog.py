"""What an account holds, as values: databases, snapshots, and how long the latter stay. Kept in one JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PLANS = {"business": 7, "lite": 1, "free": 0}
"""Plan -> default retention in days (docs: concepts/data-recovery). Lite, paid, cannot change it; free keeps none."""
LONGEST = 90
NATIVE, DUCKLAKE = "default", "ducklake"


@dataclass(frozen=True)
class Database:
    """A database; `seen` is the stamp of its file when it was captured last, `dropped` when it was dropped."""

    name: str
    uuid: str
    created: str
    retention: int
    kind: str = NATIVE
    transient: bool = False
    dropped: str | None = None
    seen: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Snapshot:
    """A snapshot; `superseded` is when a newer one of its database came, None for the active one."""

    id: str
    name: str | None
    database: str
    uuid: str
    created: str
    bytes: int
    written: int
    user: str
    superseded: str | None = None


@dataclass
class Catalog:
    """Everything, changed under the account's lock only. `offset`: seconds by which the server's clock is ahead."""

    plan: str
    token: str
    user: str
    offset: float = 0.0
    databases: list[Database] = field(default_factory=list[Database])
    snapshots: list[Snapshot] = field(default_factory=list[Snapshot])

    def now(self) -> datetime:
        """The server's present, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def database(self, name: str) -> Database | None:
        """The database of that name, if it is there."""
        return next((one for one in self.databases if one.name == name and one.dropped is None), None)

    def put(self, changed: Database) -> None:
        """Take a database in, in the place of the one with its uuid."""
        self.databases = [one for one in self.databases if one.uuid != changed.uuid] + [changed]

    def of(self, uuid: str) -> list[Snapshot]:
        """The snapshots of a database, oldest first."""
        return sorted((one for one in self.snapshots if one.uuid == uuid), key=lambda one: one.created)

    def change(self, snapshot: Snapshot) -> None:
        """Take a snapshot in, in the place of the one with its id."""
        self.snapshots = [one for one in self.snapshots if one.id != snapshot.id] + [snapshot]

    def supersede(self, uuid: str, at: str) -> None:
        """Whatever was the active snapshot of a database is history from now on."""
        for one in self.of(uuid):
            if one.superseded is None:
                self.change(replace(one, superseded=at))

    def collect(self) -> list[Snapshot]:
        """Take out, and return, what is retained no longer: unnamed, superseded for longer than its database says."""
        now = self.now()
        days = {one.uuid: one.retention for one in self.databases}
        gone = [one for one in self.snapshots if _is_over(one, days.get(one.uuid, 0), now)]
        self.snapshots = [one for one in self.snapshots if one not in gone]
        return gone

    def retention(self) -> int:
        """Days of retention that a new database gets."""
        return PLANS[self.plan]


def _is_over(one: Snapshot, days: int, now: datetime) -> bool:
    if one.name or one.superseded is None:
        return False
    return datetime.fromisoformat(one.superseded) + timedelta(days=days) <= now


def load(file: Path) -> Catalog:
    """Read the account."""
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    read = [(one, one.pop("seen")) for one in told.pop("databases")]
    databases = [Database(**one, seen=tuple(seen) if seen else None) for one, seen in read]
    snapshots = [Snapshot(**one) for one in told.pop("snapshots")]
    return Catalog(**told, databases=databases, snapshots=snapshots)


def save(file: Path, catalog: Catalog) -> None:
    """Write the account, as a whole or not at all."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(json.dumps(asdict(catalog)), encoding="utf-8")
    fresh.rename(file)
