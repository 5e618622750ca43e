"""An account on disk: made, looked at and moved in time by tests; its statements are carried out by its clients."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox.motherduck import catalog as catalogs
from sandbox.motherduck.catalog import NATIVE, PLANS, Catalog, Database, Snapshot

VARIABLE = "MOTHERDUCK_DOUBLE"
TOKEN = "motherduck_token"  # noqa: S105 - the name of a variable
SITE = Path(__file__).resolve().parent / "site"


@dataclass(frozen=True)
class Server:
    """The account in `folder`."""

    folder: Path

    @contextmanager
    def locked(self) -> Generator[Catalog]:
        """The catalog, nobody else changing it meanwhile; what is changed is written down at the end of the block."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            catalog = catalogs.load(self._file)
            yield catalog
            for gone in catalog.collect():
                remove(self.snapshot_file(gone.id))
            catalogs.save(self._file, catalog)

    @property
    def _file(self) -> Path:
        return self.folder / "catalog.json"

    @property
    def plan(self) -> str:
        """The account's plan: business, lite or free."""
        return self.read().plan

    def read(self) -> Catalog:
        """The catalog as it is."""
        with self.locked() as catalog:
            return catalog

    def set_plan(self, plan: str) -> None:
        """Change the plan: databases keep the retention that they were created with."""
        with self.locked() as catalog:
            catalog.plan = _known(plan)

    def move_clock(self, span: timedelta) -> None:
        """Let the server's clock go on by a span; what was written until now was written before."""
        self.capture_all()
        with self.locked() as catalog:
            catalog.offset += span.total_seconds()

    def set_now(self, now: datetime | None) -> None:
        """Set the server's clock, which goes on from there; None sets it right."""
        self.capture_all()
        with self.locked() as catalog:
            catalog.offset = 0.0 if now is None else (now - datetime.now(UTC)).total_seconds()

    def add_database(self, name: str, from_file: Path | None = None, kind: str = NATIVE) -> Database:
        """Upload a database, or create an empty one."""
        with self.locked() as catalog:
            if catalog.database(name) is not None:
                raise ValueError(f"there is a database {name!r} already")
            made = Database(name, str(uuid4()), catalog.now().isoformat(), catalog.retention(), kind)
            target = self.data_file(made.uuid)
            target.parent.mkdir(exist_ok=True)
            if from_file is None:
                _empty(target)
            else:
                copy(from_file, target)
            catalog.put(made)
            self.capture(catalog, made)
            return made

    def snapshots(self, database: str) -> list[Snapshot]:
        """The snapshots of a database by name, oldest first."""
        self.capture_all()
        catalog = self.read()
        found = catalog.database(database)
        return [] if found is None else catalog.of(found.uuid)

    def databases(self) -> list[str]:
        """Names of the databases that are there."""
        return sorted(one.name for one in self.read().databases if one.dropped is None)

    def file_of(self, database: str) -> Path:
        """The DuckDB file behind a database."""
        found = self.read().database(database)
        if found is None:
            raise ValueError(f"there is no database {database!r}")
        return self.data_file(found.uuid)

    def data_file(self, uuid: str) -> Path:
        """Where a database is kept."""
        return self.folder / "databases" / f"{uuid}.duckdb"

    def snapshot_file(self, snapshot: str) -> Path:
        """Where a snapshot is kept."""
        return self.folder / "snapshots" / f"{snapshot}.duckdb"

    def capture_all(self) -> None:
        """Capture every database that nobody has open for writing."""
        for one in self.databases():
            self.capture_quiet(one)

    def capture_quiet(self, name: str) -> None:
        """Capture a database that this process does not have open, unless somebody writes to it just now."""
        catalog = self.read()
        found = catalog.database(name)
        if found is None or not self._changed(catalog, found):
            return
        with _shared(self.data_file(found.uuid)) as quiet:
            if quiet:
                with self.locked() as catalog:
                    if (found := catalog.database(name)) is not None:
                        self.capture(catalog, found)

    def _changed(self, catalog: Catalog, database: Database) -> bool:
        return _stamp(self.data_file(database.uuid)) != database.seen or not catalog.of(database.uuid)

    def capture(self, catalog: Catalog, database: Database, name: str | None = None) -> Snapshot:
        """Make the present of a database its active snapshot, if it is not yet; it may not be written to meanwhile.

        With a `name` the active snapshot gets that name, a new one where it has another.
        """
        file = self.data_file(database.uuid)
        seen, own = _stamp(file), catalog.of(database.uuid)
        active = own[-1] if own else None
        if active is None or seen != database.seen or (name and active.name):
            at = self._written_at(catalog, file, active, fresh=seen == database.seen)
            size = file.stat().st_size
            made = Snapshot(str(uuid4()), name, database.name, database.uuid, at, size, size, catalog.user)
            copy(file, self.snapshot_file(made.id))
            catalog.supersede(database.uuid, at)
            catalog.change(made)
            catalog.put(replace(database, seen=seen))
            return made
        if name:
            active = replace(active, name=name)
            catalog.change(active)
        return active

    def _written_at(self, catalog: Catalog, file: Path, active: Snapshot | None, *, fresh: bool) -> str:
        """The time of the last write by the server's clock, after the snapshot before."""
        at = catalog.now()
        if not fresh:
            times = [one.stat().st_mtime for one in (file, wal(file)) if one.exists()]
            at = min(at, datetime.fromtimestamp(max(times), UTC) + timedelta(seconds=catalog.offset))
        if active is not None:
            at = max(at, datetime.fromisoformat(active.created) + timedelta(microseconds=1))
        return at.isoformat()

    def lose_connection(
        self, at: int, when: str = "before", *, times: int = 1, matching: str = "", scope: str = "commands"
    ) -> None:
        """Let the `at`-th counted statement (1 is the next), and `times` - 1 more, lose its connection.

        `when`: before or after its work is done. `scope`: commands, or all statements of sessions with MotherDuck.
        """
        told = {"at": at, "when": when, "times": times, "matching": matching, "scope": scope, "seen": 0}
        self.set_faults(told)

    def find_connection(self) -> int:
        """End the losses; returns how many statements were counted since they were asked for."""
        told = self.faults()
        (self.folder / "faults.json").unlink(missing_ok=True)
        return int(told.get("seen", 0))

    def faults(self) -> dict[str, Any]:
        """What `lose_connection` was told last, and what was counted since; empty without it."""
        try:
            return json.loads((self.folder / "faults.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def set_faults(self, told: dict[str, Any]) -> None:
        """Write that down as a whole: others read it at any time."""
        fresh = self.folder / f".faults.json.{os.getpid()}"
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.rename(self.folder / "faults.json")

    def statements(self) -> list[str]:
        """Every MotherDuck command that the account was sent, oldest first."""
        file = self.folder / "statements.log"
        return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


def create(folder: Path, plan: str = "business", token: str = "", user: str = "me") -> Server:
    """Make a new account; without a token it gets one of its own."""
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    (folder / "databases").mkdir(parents=True)
    (folder / "snapshots").mkdir()
    made = Catalog(_known(plan), token or f"md_token_{uuid4().hex}", user)
    catalogs.save(folder / "catalog.json", made)
    return Server(folder)


def environment(folder: Path) -> dict[str, str]:
    """What a process needs in its environment to be a client of the account."""
    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != str(SITE)]
    return {
        VARIABLE: str(folder),
        TOKEN: Server(folder).read().token,
        "PYTHONPATH": os.pathsep.join([str(SITE), *path]),
    }


def copy(source: Path, target: Path) -> None:
    """Copy a database file, its log along, by another process: a descriptor closed here would drop DuckDB's locks.

    The old log goes before the new file comes: killed in between, no log lies beside a file that it is not of.
    """
    target.parent.mkdir(exist_ok=True)
    files = [(one, other) for one, other in ((source, target), (wal(source), wal(target))) if one.exists()]
    for one, other in files:
        subprocess.run(["cp", "--reflink=auto", str(one), str(_fresh(other))], check=True)  # noqa: S607
    wal(target).unlink(missing_ok=True)
    for _, other in files:
        _fresh(other).rename(other)


def _fresh(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def remove(file: Path) -> None:
    """Remove a database file and its log."""
    file.unlink(missing_ok=True)
    wal(file).unlink(missing_ok=True)


def wal(file: Path) -> Path:
    """The log beside a database file."""
    return file.with_name(f"{file.name}.wal")


def _stamp(file: Path) -> tuple[int, ...]:
    told = [one.stat() for one in (file, wal(file)) if one.exists()]
    return tuple(number for one in told for number in (one.st_size, one.st_mtime_ns))


def _plain() -> Any:
    """DuckDB's own `connect`."""
    import duckdb

    return getattr(duckdb, "connect_to_a_file", duckdb.connect)


def _empty(file: Path) -> None:
    _plain()(str(file)).close()


@contextmanager
def _shared(file: Path) -> Generator[bool]:
    """Whether nobody has a file open for writing, who cannot during the block either."""
    import duckdb

    with _plain()(":memory:") as connection:
        try:
            connection.execute(f"ATTACH '{str(file).replace(chr(39), chr(39) * 2)}' AS looked_at (READ_ONLY)")
        except (duckdb.IOException, duckdb.BinderException):
            yield False
        else:
            yield True


def _known(plan: str) -> str:
    if plan not in PLANS:
        raise ValueError(f"{plan!r} is no plan: {', '.join(PLANS)}")
    return plan


def forget(folder: Path) -> None:
    """Remove an account with everything in it."""
    shutil.rmtree(folder)
