"""The keeper: starts what has died again, gives up in time, ends with its child; and the pid file it is known by."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.operation.plan import Run
from ops_tasks.scenarios import resume_steps
from ops_tasks.sections import DagsterSection, OpsSection
from ops_tasks.stack import Stack
from ops_tasks.systems import daemon

LIVES = "import os, time; open('pids', 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {LIVES!r}], stdin=subprocess.DEVNULL).wait()
"""
DIES = "open('deaths', 'a').write('x'); raise SystemExit(3)"


def no_pause(_keeper: object, _seconds: float) -> None:
    """Start again at once."""


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def pids(folder: Path) -> list[int]:
    file = folder / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_what_has_died_is_started_again_and_ends_with_its_keeper(tmp_path: Path) -> None:
    keeper = daemon.start(tmp_path / ".ops", tmp_path, [sys.executable, "-c", LIVES], {})
    try:
        until(lambda: pids(tmp_path))
        assert daemon.kept(tmp_path / ".ops") == keeper
        os.kill(pids(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(pids(tmp_path)) == 2)
    finally:
        assert daemon.stop(tmp_path / ".ops")
    until(lambda: not alive(pids(tmp_path)[1]))
    assert daemon.kept(tmp_path / ".ops") is None
    assert not daemon.stop(tmp_path / ".ops")


def test_one_that_was_there_before_stays_and_one_that_came_since_ends_with_its_family(
    tmp_path: Path,
) -> None:
    home, began = tmp_path / ".ops", time.time()
    keeper = daemon.start(home, tmp_path, [sys.executable, "-c", PARENT], {})
    until(lambda: pids(tmp_path))
    assert not daemon.stop(home, since=time.time() + 60, family=True)
    (daemon.folder_of(home) / daemon.PID).unlink()
    assert [process.pid for process in daemon.keepers(home)] == [keeper]
    assert alive(pids(tmp_path)[0])
    assert daemon.stop(home, since=began, family=True)
    assert not alive(pids(tmp_path)[0])
    assert daemon.keepers(home) == []


@pytest.mark.parametrize("family", [False, True])
def test_what_a_killed_keeper_has_left_behind_ends_too(family: bool, tmp_path: Path) -> None:
    """Also what has a session of its own; with a daemon that is one by its words, and a loader that is none."""
    home, began = tmp_path / ".ops", time.time()
    module = tmp_path / "dagster-daemon"  # the words that a daemon is known by
    child = f"subprocess.Popen([sys.executable, '-c', {LIVES!r}], start_new_session=True)"
    module.write_text(f"import subprocess, sys\n{child}\n{LIVES}\n", encoding="utf-8")
    keeper = daemon.start(home, tmp_path, [sys.executable, str(module), "run"], {})
    until(lambda: len(pids(tmp_path)) == 2)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: daemon.kept(home) is None)
    assert [alive(pid) for pid in pids(tmp_path)] == [True, True]
    assert not daemon.stop(home, since=time.time() + 60, family=family)
    assert not daemon.stop(tmp_path / "other" / ".ops")
    assert daemon.stop(home, since=began, family=family)
    left = [pid for pid in pids(tmp_path) if alive(pid)]
    assert len(left) == (0 if family else 1)
    assert not daemon.stop(home, since=began, family=family)
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def test_whoever_was_started_by_the_daemon_does_not_end_itself(tmp_path: Path) -> None:
    """A run of the daemon, or a shell that has its environment, may be what rolls back."""
    home = tmp_path / ".ops"
    code = f"from pathlib import Path; from ops_tasks.systems import daemon; print(daemon.stop({home!r}, family=True))"
    code = code.replace("PosixPath", "Path")
    env = {**os.environ, daemon.MARK: str(daemon.folder_of(home).resolve())}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n")


def test_it_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ops_tasks.systems import daemon_keeper

    folder = tmp_path / "daemon"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(daemon_keeper.Keeper, "_pause", no_pause)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        assert daemon_keeper.Keeper(folder, [sys.executable, "-c", DIES]).keep() == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert (tmp_path / "deaths").read_text() == "x" * daemon_keeper.DEATHS
    assert not (folder / daemon.PID).exists()


@pytest.mark.parametrize("told", ["", "{", '{"pid": 999999999, "at": 1}', '{"pid": "x", "at": 1}', '{"pid": 1}'])
def test_a_pid_file_that_says_nothing(tmp_path: Path, told: str) -> None:
    daemon.folder_of(tmp_path).mkdir()
    (daemon.folder_of(tmp_path) / daemon.PID).write_text(told, encoding="utf-8")
    assert daemon.kept(tmp_path) is None


@pytest.mark.parametrize("at", [-3600, 3600])
def test_the_process_of_somebody_else_is_not_the_keeper_and_is_left_alone(tmp_path: Path, at: float) -> None:
    folder = daemon.folder_of(tmp_path)
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()", str(folder)], stdin=subprocess.PIPE) as other:
        told = json.dumps({"pid": other.pid, "at": time.time() + at})
        (folder / daemon.PID).write_text(told, encoding="utf-8")
        assert daemon.kept(tmp_path) is None
        assert not daemon.stop(tmp_path)
        assert alive(other.pid)
        other.communicate(b"\n")


def test_the_keeper_of_the_stack_that_this_one_was_copied_from_is_left_alone(tmp_path: Path) -> None:
    first, copied = tmp_path / "b" / ".ops", tmp_path / "b2" / ".ops"
    keeper = daemon.start(first, tmp_path, [sys.executable, "-c", LIVES], {})
    try:
        until(lambda: pids(tmp_path))
        shutil.copytree(first, copied)
        assert daemon.kept(copied) is None
        assert not daemon.stop(copied)
        assert alive(keeper)
        assert alive(pids(tmp_path)[0])
        second = daemon.start(copied, tmp_path, [sys.executable, "-c", LIVES], {})
        assert daemon.kept(copied) == second
        assert daemon.stop(copied)
        assert daemon.kept(first) == keeper
    finally:
        assert daemon.stop(first)


def test_a_process_that_has_the_number_of_a_hung_daemon_by_now_is_left_alone(tmp_path: Path) -> None:
    config = OpsSection.model_construct(dagster=DagsterSection(module="m"))
    stack = Stack(tmp_path / "invoke.yaml", tmp_path, config)
    run = Run("abc123", tmp_path, {}, lambda _text: None)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert resume_steps.end(stack, other.pid, run) == {"pid": other.pid, "ended": False}
        assert alive(other.pid)
        other.communicate(b"\n")


def test_a_program_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(StepFailed) as told:
        daemon.start(tmp_path / ".ops", tmp_path, [missing], {})
        until(lambda: daemon.kept(tmp_path / ".ops") is None)
        raise StepFailed(daemon.tail(tmp_path / ".ops"))
    assert "missing" in told.value.reason


@pytest.mark.parametrize(
    ("unit", "words"),
    [("dagster.service", "restart dagster.service"), ("user:dagster.service", "--user restart dagster.service")],
)
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, words: str) -> None:
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\necho "$@" >> "$0.told"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    daemon.tell_systemd("restart", unit)
    assert (tmp_path / "systemctl.told").read_text() == f"{words}\n"
    program.write_text("#!/bin/sh\necho Unit not found. >&2; exit 5\n", encoding="utf-8")
    with pytest.raises(StepFailed, match="Unit not found"):
        daemon.tell_systemd("restart", unit)


def test_a_machine_without_systemd_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="there is no systemctl here"):
        daemon.tell_systemd("start", "dagster.service")
