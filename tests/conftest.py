"""One real stack is loaded once per run (and kept in the sandbox's cache); every test works on a copy of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.stack import Stack, find
from sandbox import account, stacks
from sandbox.api import state as states
from sandbox.api.server import serve

ROOT = Path(__file__).resolve().parents[1]
LONG = 400


def pytest_configure() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would whatever a test starts and interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def bare_stack(folder: Path, settings: str) -> Stack:
    """A stack of which nothing is there but its configuration, and a project that SQLMesh cannot open."""
    (folder / "project").mkdir()
    (folder / "project" / "config.yaml").write_text("")
    (folder / "invoke.yaml").write_text(settings)
    return find(str(folder))


@dataclass(frozen=True)
class Ran:
    """One command line that was run."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Sandbox:
    """A copy of the loaded stack, with its API served from this very process."""

    folder: Path

    @property
    def today(self) -> Any:
        """The stack's date."""
        return states.read(self.folder).today

    def fault(self, kind: str, source: str, start: Any, end: Any, seconds: float = 0.0) -> None:
        """Make the API misbehave, or (kind `corrected`) change its mind, for a window."""
        new = states.fault(kind, source, start, end, seconds)
        states.write(self.folder, states.with_fault(states.read(self.folder), new))

    def heal(self) -> None:
        """End every transient fault; corrections stay."""
        states.write(self.folder, states.cleared(states.read(self.folder)))

    def differences(self) -> list[Any]:
        """What the raw tables and marts hold that is not what the API says."""
        return stacks.truth(self.folder)

    def hashes(self) -> dict[str, str]:
        """Every file of the state set: databases, WALs, dlt's working state; of MotherDuck's catalogs the content."""
        files = [path for path in sorted((self.folder / "data").rglob("*")) if path.is_file()]
        found = {str(path.relative_to(self.folder)): sha256(path.read_bytes()).hexdigest() for path in files}
        return found | (contents(self.folder) if account.of(self.folder) else {})

    def invoke(self, *words: str, json_output: bool = True, env: dict[str, str] | None = None) -> Ran:
        """Run `invoke TASK ... --stack=...` as a user would."""
        flags = [f"--stack={self.folder}", *(["--json"] if json_output else [])]
        command = [sys.executable, "-m", "invoke", *words, *flags]
        return finish(command, env=account.environment(self.folder) | (env or {}))

    def killed(self, event: str, step: str, *words: str) -> Ran:
        """The same, killed with SIGKILL as soon as the journal holds `event` of `step`."""
        driver = str(ROOT / "tests" / "faults" / "kill_at.py")
        command = [sys.executable, driver, event, step, *words, f"--stack={self.folder}", "--json"]
        return finish(command, env=account.environment(self.folder))

    def backfill(self, *words: str, start: Any, end: Any, source: str = "ebird") -> Ran:
        """`invoke ops.backfill --yes` for one source and window."""
        return self.invoke("ops.backfill", f"--source={source}", f"--start={start}", f"--end={end}", "--yes", *words)

    def last_operation(self) -> dict[str, Any]:
        """The newest line of `ops.history`."""
        return self.invoke("ops.history").document["operations"][-1]


def contents(folder: Path) -> dict[str, str]:
    """`md:catalog/schema.name` -> what MotherDuck's files hold: definitions, rows whatever their order."""
    found: dict[str, str] = {}
    for catalog in account.CATALOGS:
        with duckdb.connect(str(account.file_of(folder, catalog)), read_only=True) as connection:
            for schema, name, sql in connection.execute(
                "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal"
            ).fetchall():
                found[f"md:{catalog}/{schema}.{name}"] = sql
            for schema, name, sql in connection.execute(
                "SELECT schema_name, table_name, sql FROM duckdb_tables()"
            ).fetchall():
                rows = connection.execute(f'SELECT count(*), sum(hash(t)) FROM "{schema}"."{name}" t').fetchall()[0]
                found[f"md:{catalog}/{schema}.{name}"] = f"{sql} {rows}"
    return found


def finish(command: list[str], *, env: dict[str, str] | None = None) -> Ran:
    """Run a command in the repository to its end, without a terminal."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded and validated stack; built by the first process that asks, copied by the others."""
    folder = tmp_path_factory.mktemp("loaded") / "stack"
    stacks.up(folder, serve=False, validate=False)
    return folder


@pytest.fixture(scope="session")
def loaded_remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its catalogs at MotherDuck, played by the double."""
    folder = tmp_path_factory.mktemp("remote") / "stack"
    stacks.up(folder, backend="motherduck", serve=False, validate=False)
    return folder


@pytest.fixture
def remote_sandbox(loaded_remote: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack of the test's own with an account of its own."""
    folder = stacks.copy(loaded_remote, tmp_path / "stack")
    with serve(folder):
        yield Sandbox(folder)


@pytest.fixture(params=["local", "motherduck"])
def both(request: pytest.FixtureRequest) -> Sandbox:
    """A stack of the test's own on either backend."""
    return request.getfixturevalue("sandbox" if request.param == "local" else "remote_sandbox")


@pytest.fixture
def sandbox(loaded: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """A stack of the test's own."""
    folder = stacks.copy(loaded, tmp_path / "stack")
    with serve(folder):
        yield Sandbox(folder)


@pytest.fixture
def leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No folder or file of ours is in the temporary folder when the test is over."""
    with tempfile.TemporaryDirectory() as temporary:  # a short path: Dagster has sockets there
        monkeypatch.setenv("TMPDIR", temporary)
        yield
        assert [path.name for path in Path(temporary).glob("*ops-*")] == []


@pytest.fixture
def stack(sandbox: Sandbox) -> Path:
    """The folder of a stack of the test's own."""
    return sandbox.folder
