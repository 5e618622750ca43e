"""Dagster's daemon as a process: found, started under a keeper of its own, told to systemd, ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.dagster_processes import finish
from ops_tasks.systems.worker import QUIET

if TYPE_CHECKING:
    import psutil

PID, LOG = "dagster-daemon.pid", "dagster-daemon.log"
KEEPER = "ops_tasks.systems.daemon_keeper"
USER = "user:"
MARK = "OPS_TASKS_DAEMON"  # in the environment of whatever comes of a keeper: the folder that it keeps
ENDING = 20.0
POLL = 0.1
FRESH = 45.0
SLACK = 2.0  # a process's beginning is told to the hundredth, and reckoned from when the machine began
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Process:
    """A process that serves a DAGSTER_HOME; `kept` when a keeper of ours looks after it, `stopped` by a signal.

    `since` is when it began (epoch seconds).
    """

    pid: int
    command: str
    kept: bool
    stopped: bool
    since: float = 0.0


def folder_of(home: Path) -> Path:
    """Where the keeper writes its pid file and its log; `home` is the stack's own folder (`.ops`)."""
    return home / "daemon"


def processes(dagster_home: Path) -> list[Process]:
    """Every daemon (`dagster-daemon run`, or the one inside `dagster dev`) that works for this DAGSTER_HOME."""
    import psutil

    found: list[Process] = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        words: list[str] = process.info["cmdline"] or []
        if not _is_daemon(words):
            continue
        with suppress(psutil.Error, OSError):
            where = process.environ().get("DAGSTER_HOME", "")
            if where and Path(where).resolve() == dagster_home:
                kept = any("daemon_keeper" in word for parent in process.parents() for word in _words(parent))
                stopped = process.info["status"] == psutil.STATUS_STOPPED
                found.append(Process(process.info["pid"], " ".join(words), kept, stopped, process.create_time()))
    return found


def _words(process: psutil.Process) -> list[str]:
    import psutil

    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _is_daemon(words: list[str]) -> bool:
    """`dagster-daemon run`, `python -m dagster._daemon run`; a keeper has these words behind its own."""
    if any("daemon_keeper" in word for word in words):
        return False
    names = [Path(word).name for word in words[:2]]
    return ("dagster-daemon" in names or "dagster._daemon" in words[:4]) and "run" in words


def command(module: str, root: Path) -> list[str]:
    """The daemon over the configured code location, or over all of the stack's `workspace.yaml` when it has one."""
    place = (
        ["-w", str(root / "workspace.yaml")] if (root / "workspace.yaml").is_file() else ["-m", module, "-d", str(root)]
    )
    return [sys.executable, "-m", "dagster._daemon", "run", *place]


def start(home: Path, root: Path, words: list[str], environment: Mapping[str, str]) -> int:
    """Start a daemon that goes on when this process ends, under a keeper that starts it again when it dies.

    Returns the keeper's pid. Raises `StepFailed` with the end of its log when it has died at once.
    """
    folder = folder_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    keeper = [sys.executable, "-P", "-m", KEEPER, str(folder.resolve()), "--", *words]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            keeper,
            cwd=root,
            env={**os.environ, **QUIET, **environment, MARK: str(folder.resolve())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(process)  # it outlives us, which subprocess would complain of
    deadline = time.monotonic() + ENDING
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StepFailed(f"the daemon did not start: {tail(home)}", f"its log: {folder / LOG}")
        if kept(home) == process.pid:
            return process.pid
        time.sleep(POLL)
    raise StepFailed("the daemon's keeper did not answer", f"its log: {folder / LOG}")


def kept(home: Path) -> int | None:
    """The pid of the keeper of this stack, if one lives.

    A pid file proves nothing: it comes along when a stack is copied, and its number may be anybody's by now. So the
    process must say itself that it keeps this very folder.
    """
    import psutil

    try:
        told = json.loads((folder_of(home) / PID).read_text(encoding="utf-8"))
        process = psutil.Process(int(told["pid"]))
        mine = process.status() != psutil.STATUS_ZOMBIE and keeps(process, folder_of(home))
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return int(told["pid"]) if mine else None


def keeps(process: psutil.Process, folder: Path) -> bool:
    """Whether a process is a keeper whose pid file and log are in this folder, by its own command line."""
    words = process.cmdline()
    if KEEPER not in words:
        return False
    place = words[words.index(KEEPER) + 1 :][:1]
    return [Path(process.cwd(), word).resolve() for word in place] == [folder.resolve()]


def stop(home: Path, *, since: float | None = None, family: bool = False) -> bool:
    """End the keeper and with it the daemon; whether there was one.

    `since`: only one that began then or later (epoch seconds). `family`: whatever came of it ends as well, the code
    servers with the runs that they execute; otherwise those end when they have done what they do. A keeper that was
    killed has left its daemon behind: that ends too.
    """
    ended = stays = False
    for keeper in keepers(home):
        if since is not None and keeper.create_time() < since - SLACK:
            stays = True
            continue
        before = _family(keeper) if family else []
        sessions = {keeper.pid} | {session for one in before if (session := _session(one.pid)) is not None}
        end(keeper.pid)
        finish(before)
        while family and (left := _of(sessions - {os.getsid(0)})):  # begun while the others ended
            finish(left)
        ended = True
    while not stays and (left := _orphans(home, since or 0.0, family=family)):
        ended = True
        for one in left if not family else ():
            end(one.pid)
        finish(left)
    if ended:
        (folder_of(home) / PID).unlink(missing_ok=True)
    return ended


def keepers(home: Path) -> list[psutil.Process]:
    """Every keeper of this stack, also one that has not come to writing its pid file."""
    import psutil

    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and keeps(process, folder_of(home)):
                found.append(process)
    return found


def _orphans(home: Path, since: float, *, family: bool) -> list[psutil.Process]:
    """What has come of a keeper of this stack that is gone: its daemon, and with `family` whatever came of that."""
    import psutil

    me = psutil.Process()  # a run of the daemon may well have started us
    not_meant = {me.pid, *(parent.pid for parent in me.parents())}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            gone = process.pid in not_meant or process.status() == psutil.STATUS_ZOMBIE
            if gone or process.create_time() < since - SLACK:
                continue
            ours = process.environ().get(MARK) == str(folder_of(home).resolve())
            if ours and (family or _is_daemon(process.cmdline())):
                found.append(process)
    return found


def _family(keeper: psutil.Process) -> list[psutil.Process]:
    """Whatever a keeper has started, and so on, also those whose parents have died: it leads a session of its own."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        return list({*keeper.children(recursive=True), *_of({keeper.pid})} - {keeper})
    return []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _of(sessions: set[int]) -> list[psutil.Process]:
    """Every process of these sessions that lives."""
    import psutil

    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            if _session(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end(pid: int) -> None:
    """End a process, by force when it does not listen (a stopped one does not), and wait until it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        stopped = process.status() == psutil.STATUS_STOPPED
        process.terminate()
        if not stopped and _gone(process, ENDING):
            return
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        if not _gone(process, ENDING):
            raise StepFailed(f"process {pid} could not be ended", f"kill -9 {pid}")
    except psutil.NoSuchProcess:
        return
    except psutil.Error as error:
        raise StepFailed(f"process {pid} could not be ended: {error}", f"kill -9 {pid}") from error


def _gone(process: psutil.Process, within: float) -> bool:
    """Whether a process ends in time; one that nobody has asked for its exit code yet (a zombie) has ended."""
    import psutil

    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(POLL)
    return False


def tail(home: Path, lines: int = 3) -> str:
    """The end of the daemon's log."""
    try:
        told = (folder_of(home) / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it has no log"
    return " | ".join(told[-lines:]) or "its log is empty"


def unit_command(verb: str, unit: str) -> list[str]:
    """`systemctl VERB UNIT`; `user:NAME` is a unit of the account's own."""
    scope = ["--user"] if unit.startswith(USER) else []
    return ["systemctl", *scope, verb, unit.removeprefix(USER)]


def tell_systemd(verb: str, unit: str) -> None:
    """Start, stop or restart the unit that runs the daemon."""
    words = unit_command(verb, unit)
    if shutil.which(words[0]) is None:
        raise UsageError("ops.dagster.unit is set, and there is no systemctl here", "leave `unit` out of ops.dagster")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=90)
    if done.returncode:
        raise StepFailed(
            f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}", f"run it yourself: {' '.join(words)}"
        )
