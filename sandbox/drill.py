"""The rehearsal: a real stack gets a bad ingest window and a rotten file, is diagnosed, mended, killed, rolled back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox import breaks, stacks
from sandbox.api import server
from sandbox.api import state as states
from sandbox.errors import SandboxError

PATIENCE = 120.0
POLL = 0.01


@dataclass(frozen=True)
class Stage:
    """One stage that went well, and what was seen."""

    name: str
    seconds: float
    seen: str


def run(folder: Path | None, say: Callable[[str], None]) -> list[Stage]:
    """Rehearse a bad window and a blown database on a stack of its own in `folder` (default: one that is removed).

    Raises `SandboxError`, naming the stage, as soon as something is not as it should be.
    """
    if folder is not None:
        return _rehearse(folder, say)
    with tempfile.TemporaryDirectory(prefix="ops-drill-") as temporary:
        return _rehearse(Path(temporary) / "stack", say)


def _rehearse(folder: Path, say: Callable[[str], None]) -> list[Stage]:
    stages: list[Stage] = []
    held: dict[str, Any] = {}

    def stage(name: str, action: Callable[[], str]) -> None:
        say(f"\n── {name}")
        began = time.monotonic()
        try:
            seen = action()
        except SandboxError as error:
            raise SandboxError(f"{name}: {error}") from error
        stages.append(Stage(name, round(time.monotonic() - began, 1), seen))
        say(f"OK  {name}: {seen} ({stages[-1].seconds} s)")

    try:
        stage("a stack is loaded from its APIs", lambda: _load(folder))
        stage("three days are ingested badly", lambda: _break(folder, held))
        stage("ops.backfill --plan finds them and changes nothing", lambda: _plan(folder, held))
        stage("while the API brings half of the rows, the load is refused", lambda: _refused(folder, held))
        stage("the API is well again: ops.backfill", lambda: _backfill(folder, held))
        stage("verify: contracts, audits, drift", lambda: _verify(folder))
        stage("ops.rollback", lambda: _rollback(folder, held))
        stage("a second backfill is killed during the restatement", lambda: _killed(folder, held))
        stage("ops.retry goes on where it was killed", lambda: _retry(folder, held))
        stage("a byte of the marts flips: ops.doctor names block, table and way out", lambda: _rot(folder, held))
        stage("ops.rebuild", lambda: _rebuild(folder, held))
        stage("ops.doctor finds nothing any more", lambda: _well(folder))
        stage("ops.rollback brings even the broken file back", lambda: _broken_again(folder, held))
    finally:
        server.stop(folder)
    say("\n   seconds  stage")
    for done in stages:
        say(f"OK {done.seconds:7.1f}  {done.name}")
    return stages


def _load(folder: Path) -> str:
    made = stacks.up(folder, fresh=True)
    return f"{made.state.days} days up to {made.state.last}, marts equal to what the APIs say"


def _break(folder: Path, held: dict[str, Any]) -> str:
    broken = breaks.apply("bad-window", folder)
    server.start(folder)
    held["days"] = [day.isoformat() for day in broken.days]
    held["broken"] = _hashes(folder)
    wrong = sorted({difference.table for difference in stacks.truth(folder)})
    _expect(bool(wrong), "the marts are still right")
    return f"{held['days'][0]}..{held['days'][-1]} are wrong in {len(wrong)} tables"


def _plan(folder: Path, held: dict[str, Any]) -> str:
    document = _invoke(folder, 0, "ops.backfill", "--source=ebird", "--plan")
    window = document["plan"]["window"]
    found = [window["start"], window["end"]]
    _expect(found == [held["days"][0], held["days"][-1]], f"found {found} instead of {held['days']}")
    _expect(_hashes(folder) == held["broken"], "the plan changed a file")
    return f"window {found[0]}..{found[1]}, {len(document['plan']['restatements'])} models to restate"


def _refused(folder: Path, held: dict[str, Any]) -> str:
    start, end = (date.fromisoformat(held["days"][n]) for n in (0, -1))
    half = states.fault("half", "ebird", start, end)
    states.write(folder, states.with_fault(states.read(folder), half))
    document = _invoke(folder, 3, "ops.backfill", "--source=ebird", "--yes")
    states.write(folder, states.cleared(states.read(folder)))
    _expect(_hashes(folder) == held["broken"], "the refused backfill changed a file")
    return str(document["findings"][0]["reason"])


def _backfill(folder: Path, held: dict[str, Any]) -> str:
    document = _invoke(folder, 0, "ops.backfill", "--source=ebird", "--yes")
    held["operation"] = document["operation"]
    _true(folder)
    changed = sum(change["changed"] for change in document["changes"])
    return (
        f"{changed} tables changed in the window, {len(document['changes']) - changed} proven untouched, truth reached"
    )


def _verify(folder: Path) -> str:
    for task in ("verify.contracts", "verify.audit", "verify.drift"):
        _invoke(folder, 0, task)
    return "all passed"


def _rollback(folder: Path, held: dict[str, Any]) -> str:
    _invoke(folder, 0, "ops.rollback", held["operation"], "--yes")
    _expect(_hashes(folder) == held["broken"], "files differ from before the backfill")
    return "every file is byte-identical to before the backfill"


def _killed(folder: Path, held: dict[str, Any]) -> str:
    """Kill the command with SIGKILL as soon as its journal says that the restatement has begun."""
    command = _command(folder, "ops.backfill", "--source=ebird", "--yes")
    before = set((folder / ".ops" / "operations").iterdir())
    process = subprocess.Popen(command, cwd=stacks.HOME, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for journal in set((folder / ".ops" / "operations").iterdir()) - before:
            if '"event": "started", "step": "restate"' in _text(journal / "journal.jsonl"):
                held["killed"] = journal.name
                process.send_signal(signal.SIGKILL)
        time.sleep(POLL)
    process.wait()
    _expect("killed" in held, "the restatement never began")
    _invoke(folder, 5, "ops.backfill", "--source=ebird", "--yes")
    return f"operation {held['killed']} is stopped, and the next command says so"


def _retry(folder: Path, held: dict[str, Any]) -> str:
    _invoke(folder, 0, "ops.retry", held["killed"], "--yes")
    _true(folder)
    return "truth reached"


def _rot(folder: Path, held: dict[str, Any]) -> str:
    breaks.apply("flip-bytes", folder)
    server.start(folder)
    held["rotten"] = _hashes(folder)
    document = _invoke(folder, 1, "ops.doctor")
    first = document["findings"][0]
    _expect(document["verdict"]["cause"] == "bit-rot", f"the verdict is {document['verdict']['words']}")
    _expect(first["way_out"].startswith("invoke ops.rebuild"), f"the way out is {first['way_out']}")
    _expect(_hashes(folder) == held["rotten"], "looking changed a file")
    return str(first["evidence"])


def _rebuild(folder: Path, held: dict[str, Any]) -> str:
    document = _invoke(folder, 0, "ops.rebuild", "--yes")
    held["rebuilt"] = document["operation"]
    _true(folder)
    return "the marts are made again, their histories taken over, truth reached"


def _well(folder: Path) -> str:
    document = _invoke(folder, 0, "ops.doctor")
    return f"{len(document['probes'])} probes, {document['verdict']['words']}"


def _broken_again(folder: Path, held: dict[str, Any]) -> str:
    _invoke(folder, 0, "ops.rollback", held["rebuilt"], "--yes")
    _expect(_hashes(folder) == held["rotten"], "files differ from before the rebuild")
    return "every file is byte-identical to before the rebuild"


def _invoke(folder: Path, code: int, *words: str) -> dict[str, Any]:
    """Run a task, its people's output shown, and return its JSON document; any other exit code is an error."""
    done = subprocess.run(
        _command(folder, *words),
        cwd=stacks.HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    _expect(done.returncode == code, f"{words[0]} ended with exit {done.returncode} instead of {code}")
    return json.loads(done.stdout)


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "invoke", *words, f"--stack={folder}", "--json"]


def _true(folder: Path) -> None:
    wrong = stacks.truth(folder)
    _expect(not wrong, f"still wrong: {', '.join(sorted({difference.table for difference in wrong}))}")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SandboxError(otherwise)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted((folder / "data").rglob("*")) if path.is_file())
    return {os.path.relpath(path, folder): sha256(path.read_bytes()).hexdigest() for path in files}
