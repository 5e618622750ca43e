"""What the breaks share: which file or database is meant, where its parts lie, and what DuckDB says of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sandbox import account, run
from sandbox.errors import SandboxError, UsageError, choose

FILES = ("databox", "raw_ebird", "raw_noaa", "raw_usgs", "sqlmesh_state")
HERE = Path(__file__).resolve().parent
TOOL = HERE / "duck_tool.py"

# The layout of a DuckDB file, as in `ops_tasks/systems/block_scan.py`.
HEADER = 4096
HEADERS = 3 * HEADER
BLOCK = 262144
MAGIC = b"DUCK"


@dataclass(frozen=True)
class Scan:
    """What a full scan met: why the file does not open, or which tables cannot be read (name -> DuckDB's error)."""

    problem: str
    tables: dict[str, str]

    @property
    def error(self) -> str:
        """DuckDB's first error, empty for a file that is whole."""
        return self.problem or next(iter(self.tables.values()), "")


def database(folder: Path, name: str, known: Iterable[str] = FILES) -> Path:
    """The file of a database of the stack; raises `UsageError` for an unknown name or a file that is not there."""
    file = folder / "data" / f"{choose(name, known, 'file')}.duckdb"
    if not file.is_file():
        raise UsageError(f"{shown(folder, file)} is not there any more; make a new stack with sandbox.up --fresh")
    return file


def address(folder: Path, catalog: str) -> str:
    """What DuckDB connects to for a catalog of the stack; raises `UsageError` for a file that is gone."""
    return account.address(catalog) if account.of(folder) else str(database(folder, catalog))


def sound(folder: Path, catalog: str) -> str:
    """The same, after a look at the whole file, where it is one; raises `UsageError` for one that is broken."""
    where = address(folder, catalog)
    if not account.of(folder):
        whole(folder, Path(where))
    return where


def wal(file: Path) -> Path:
    """The write-ahead log that belongs to a database file."""
    return file.with_name(f"{file.name}.wal")


def shown(folder: Path, file: Path | str) -> str:
    """A file as people and programs are told: relative to the stack. An address of MotherDuck is told as it is."""
    return str(file) if str(file).startswith(account.PREFIX) else str(Path(file).relative_to(folder))


def whole(folder: Path, file: Path) -> None:
    """Raise `UsageError` unless every table of the file can be read, so that a break is the only one."""
    error = scan(folder, file).error
    if error:
        raise UsageError(f"{shown(folder, file)} is broken already: {error}")


def scan(folder: Path, file: Path) -> Scan:
    """Let DuckDB read every table."""
    told = cast("dict[str, Any]", ask(folder, "scan", file))
    return Scan(told["open"], told["tables"])


def ask(folder: Path, command: str, file: Path | str, *arguments: str) -> Any:
    """Run a command of `duck_tool.py` in a process of its own; raises `SandboxError` with DuckDB's words."""
    return json.loads(run.python(folder, str(TOOL), command, str(file), *arguments))


def killed(folder: Path, *arguments: str, more: Mapping[str, str] | None = None) -> None:
    """Run a script that ends itself with SIGKILL; raises `SandboxError` when it ends in any other way."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=run.environment(folder, more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != -signal.SIGKILL:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise SandboxError(f"{' '.join(arguments)} was to be killed and ended with exit {done.returncode}: {said}")
