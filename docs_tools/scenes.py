"""Real stacks, broken in the ways of the runbook, and what the real commands say of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from docs_tools.stable import stable
from sandbox import account, breaks, scheduler, stacks
from sandbox.api.server import serve

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 4, 23)
PROGRAM = "from invoke.program import Program; from ops_tasks import ns; Program(namespace=ns).run()"
LONG = 600


@dataclass(frozen=True)
class Told:
    """What one command said: the words to type, the exit code, and the JSON document in stable words."""

    words: str
    code: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """A stack to play on, and where everything that is told goes; `moving` ones live now, their days change."""

    folder: Path
    told: dict[str, Told]
    moving: bool = False

    def ask(self, name: str, *words: str, shown: str = "") -> dict[str, Any]:
        """Run a task in the folder of the stack, keep what it tells under `name`, and return it as it was told."""
        env = os.environ | account.environment(self.folder)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH", "")]))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words, "--json"],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * LONG,
            check=False,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}") from None
        if document["status"] not in ("ok", "findings"):
            raise RuntimeError(f"{' '.join(words)} is {document['status']}: {document['findings']}")
        found = json.loads(stable(json.dumps(document), str(self.folder), document, moving=self.moving))
        self.told[name] = Told(shown or f"invoke {' '.join(words)}", done.returncode, found)
        return document

    def doctor(self, name: str) -> None:
        """Ask the doctor, with all the time that a busy machine may need: a probe that is given up is a finding."""
        self.ask(name, "ops.doctor", f"--timeout={LONG}", shown="invoke ops.doctor")


Scene = Callable[[Stage], None]


def gather() -> dict[str, Told]:
    """Play every scene on a copy of one loaded stack that has a snapshot, two at a time."""
    with tempfile.TemporaryDirectory(prefix="ops-docs-") as name:
        place, told = Path(name), dict[str, Told]()
        kept = stacks.up(place / "kept", today=TODAY, serve=False, validate=False).folder
        Stage(kept, told).ask("snapshot", "snapshot.create", "--name=nightly")
        with ThreadPoolExecutor(max_workers=2) as pool:
            played = [pool.submit(_play, scene, kept, place, told) for scene in SCENES]
            try:
                for one in played:
                    one.result()
            finally:
                pool.shutdown(cancel_futures=True)
        return told


def _play(scene: Scene, kept: Path, place: Path, told: dict[str, Told]) -> None:
    folder = place / scene.__name__.strip("_")
    if scene in ELSEWHERE:
        stacks.up(folder, today=TODAY, backend="motherduck", serve=False, validate=False)
    else:
        stacks.copy(kept, folder)
        # A copy has no operations of its own; the snapshot is what it is copied for.
        shutil.copytree(kept / ".ops", folder / ".ops", dirs_exist_ok=True, symlinks=True)
    with serve(folder):
        scene(Stage(folder, told, moving=scene in MOVING))


def _blown_marts(stage: Stage) -> None:
    backup = stage.folder / "backup" / "databox.duckdb"
    backup.parent.mkdir()
    shutil.copy(stage.folder / "data" / "databox.duckdb", backup)
    breaks.apply("flip-bytes", stage.folder)
    stage.doctor("blown: doctor")
    stage.ask("rebuild marts", "ops.rebuild", "--plan")
    stage.ask(
        "restore file", "ops.restore", f"--file={backup}", "--plan", shown="invoke ops.restore --file=PATH --plan"
    )


def _blown_raw(stage: Stage) -> None:
    breaks.apply("flip-bytes", stage.folder, file="raw_ebird")
    stage.ask("rebuild raw", "ops.rebuild", "--plan")


def _blown_state(stage: Stage) -> None:
    breaks.apply("lost-state", stage.folder)
    stage.doctor("lost state: doctor")
    stage.ask("rebuild state", "ops.rebuild", "--plan")
    stage.ask("restore state", "ops.restore", "--snapshot=nightly", "--only=state", "--plan")


def _drift(stage: Stage) -> None:
    breaks.apply("dropped-view", stage.folder)
    stage.doctor("drift: doctor")
    stage.ask("repair", "ops.repair-state", "--plan")


def _bad_window(stage: Stage) -> None:
    breaks.apply("bad-window", stage.folder, start=date(2026, 4, 18), end=date(2026, 4, 20), mode="empty")
    stage.doctor("window: doctor")
    model = "--model=ebird.fct_daily_bird_observations"
    stage.ask("restate", "ops.restate", model, "--start=2026-04-16", "--plan")
    done = stage.ask("backfill", "ops.backfill", "--source=ebird", "--yes")
    stage.ask("rollback", "ops.rollback", str(done["operation"]), "--plan", shown="invoke ops.rollback ID --plan")


def _bad_write(stage: Stage) -> None:
    breaks.apply("mass-delete", stage.folder)
    stage.doctor("write: doctor")
    stage.ask("restore", "ops.restore", "--snapshot=nightly", "--plan")
    stage.ask("restore in place", "ops.restore", "--snapshot=nightly", "--in-place", "--plan")
    moment = f"--at={datetime.now(UTC):%Y-%m-%dT%H:%M:%S}+00:00"
    shown = "invoke ops.restore --at='YYYY-MM-DD HH:MM' --tz=ZONE --plan"
    stage.ask("restore at", "ops.restore", moment, "--plan", shown=shown)


def _dropped(stage: Stage) -> None:
    breaks.apply("dropped-schema", stage.folder)
    stage.doctor("dropped: doctor")


def _motherduck(stage: Stage) -> None:
    stage.ask("md snapshot", "snapshot.create", "--name=nightly")
    breaks.apply("mass-delete", stage.folder)
    stage.ask("md restore", "ops.restore", "--snapshot=nightly", "--plan")
    stage.ask("md restore in place", "ops.restore", "--snapshot=nightly", "--in-place", "--plan")


def _stood_still(stage: Stage) -> None:
    process = scheduler.start(stage.folder)
    try:
        _hang(process.pid, stage.folder)
        stage.ask("hung: heartbeat", "watch.heartbeat")
        stage.ask("resume hung", "ops.resume", "--plan")
    finally:
        scheduler.kill(process)
        scheduler.stop_all(stage.folder)
    breaks.apply("stopped-daemon", stage.folder, days=2)
    stage.doctor("dead: doctor")
    stage.ask("resume dead", "ops.resume", "--plan")


def _hang(pid: int, folder: Path) -> None:
    """Stop a daemon by a signal, and make its last word older than a day, so that every schedule has missed a fire."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            scheduler.shift(folder, timedelta(hours=30))
            return
        except sqlite3.OperationalError:  # it was stopped while it wrote
            os.kill(pid, signal.SIGCONT)


def _unprotected(stage: Stage) -> None:
    subprocess.run(["git", "init", "--quiet", str(stage.folder)], check=True)  # noqa: S607
    stage.ask("prevention", "ops.prevention")


SCENES: tuple[Scene, ...] = (
    _bad_window,
    _stood_still,
    _bad_write,
    _blown_marts,
    _blown_state,
    _drift,
    _dropped,
    _motherduck,
    _blown_raw,
    _unprotected,
)
ELSEWHERE, MOVING = (_motherduck,), (_stood_still,)
