"""Work in a process of its own: its answers, its errors, its death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ops_tasks.errors import Busy, Refused, StepFailed, UsageError
from ops_tasks.operation import lock
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.worker import Worker, call, require

ROOT = Path(__file__).resolve().parents[2]
TRICKS = '''
"""What a worker's module may do to us."""
import os, subprocess, sys, time
from pathlib import Path
from ops_tasks.errors import Busy, Refused
from ops_tasks.systems.worker_main import progress, scratch

def echo(**arguments): return arguments
def pid(): return os.getpid()
def told():
    for n in range(3): progress(f"{n} of 3")
def prints(text):
    print(text); print("to stderr", file=sys.stderr)
    os.write(1, b"raw bytes \\xff\\n"); subprocess.run(["echo", "from a child"])
    return "done"
def refuses(): raise Refused("too few rows", "look at the source")
def busy(): raise Busy("PID 7 holds it")
def breaks():
    try:
        try: {}["x"]
        except KeyError as error: raise ValueError("step extract failed") from error
    except ValueError: raise RuntimeError("pipeline failed")
def leaves(): sys.exit("out of here")
def dies(): print("last words"); sys.stdout.flush(); os.kill(os.getpid(), 9)
def hangs(note=None):
    child = subprocess.Popen(["sleep", "60"])
    if note: Path(note).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)
def dies_with_child(note):
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Path(note).write_text(f"{os.getpid()} {child.pid}")
    os.kill(os.getpid(), 9)
def writes(path): Path(path).touch()
def leaves_one_behind(note):
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    Path(note).write_text(f"{os.getpid()} {child.pid}")
    print("last words", flush=True)
    if os.fork() == 0: os.setsid(); time.sleep(8); os._exit(0)  # keeps every descriptor, the answers' too
    time.sleep(60)
def keeps_scratch():
    folder = scratch()
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    return str(folder)
def hangs_with_scratch(note):
    keeps_scratch(); hangs(note)
def imports(folder):
    import sys
    sys.path.insert(0, folder)
    import of_the_project
    return of_the_project.VALUE


def environment(name): return os.environ.get(name)
def close(): Path("closed").touch()
'''
SLOW = "import time; time.sleep(0.7)\nfrom pathlib import Path\ndef writes(path): Path(path).touch()\n"


@pytest.fixture
def tricks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which workers find `tricks_worker` and `slow_worker` among the systems."""
    package = tmp_path / "path"
    package.mkdir()
    (package / "tricks_worker.py").write_text(TRICKS)
    (package / "slow_worker.py").write_text(SLOW)
    (package / "sitecustomize.py").write_text(f"import ops_tasks.systems as s; s.__path__.append({str(package)!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(package))
    yield tmp_path


@pytest.fixture
def worker(tricks: Path) -> Iterator[Worker]:
    with Worker("tricks", cwd=tricks, log=tricks / "systems.log") as made:
        yield made


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that is soon true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(*pids: int) -> bool:
    """Whether all of these processes have ended."""
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def noted(note: Path) -> list[int]:
    until(lambda: note.exists() and len(note.read_text().split()) == 2)
    return [int(word) for word in note.read_text().split()]


def test_one_process_serves_many_requests(worker: Worker) -> None:
    assert worker.call("echo", a=1, b=["x", None], c={"d": "ü\n"}) == {"a": 1, "b": ["x", None], "c": {"d": "ü\n"}}
    assert worker.call("pid") == worker.call("tricks:pid") != os.getpid()


def test_answers_come_in_the_order_of_the_questions(worker: Worker) -> None:
    for n in range(3):
        worker.send("echo", n=n)
    assert worker.asked == 3
    assert worker.receive() == {"n": 0}
    assert worker.call("echo", n=9) == {"n": 9}
    assert worker.asked == 0


def test_progress_is_told(worker: Worker) -> None:
    seen: list[str] = []
    worker.call("told", seen.append)
    assert seen == ["0 of 3", "1 of 3", "2 of 3"]


def test_what_libraries_print_goes_to_the_log_without_secrets(tricks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "very-secret")
    log = tricks / "deep" / "systems.log"
    assert call("tricks", "prints", cwd=tricks, log=log, text="with very-secret inside") == "done"
    written = log.read_text(encoding="utf-8")
    for words in ("with *** inside", "to stderr", "raw bytes", "from a child"):
        assert words in written


@pytest.mark.parametrize(
    ("function", "kind", "reason", "way_out"),
    [
        ("refuses", Refused, "too few rows", "look at the source"),
        ("busy", Busy, "PID 7 holds it", ""),
        ("breaks", StepFailed, "KeyError: 'x'", ""),
        ("not_there", StepFailed, "AttributeError: module 'ops_tasks.systems.tricks_worker' has no attribute", ""),
    ],
)
def test_errors_come_through_and_the_worker_lives_on(
    worker: Worker, tricks: Path, function: str, kind: type[Exception], reason: str, way_out: str
) -> None:
    with pytest.raises(kind) as caught:
        worker.call(function)
    assert reason in str(caught.value)
    assert way_out in str(caught.value)
    assert worker.call("echo", n=1) == {"n": 1}
    if kind is StepFailed:
        until(lambda: "Traceback" in (tricks / "systems.log").read_text())


def test_secrets_in_errors_are_hidden(tricks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "not_there")
    with Worker("tricks", cwd=tricks) as worker, pytest.raises(StepFailed) as caught:
        worker.call("not_there")
    assert "not_there" not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("dies", r"the tricks worker died \(exit -9\): last words"),
        ("leaves", r"the tricks worker died \(exit 1\): out of here"),
    ],
)
def test_a_worker_that_dies_leaves_its_last_words(worker: Worker, function: str, reason: str) -> None:
    for _ in range(2):
        with pytest.raises(StepFailed, match=reason):
            worker.call(function)


def test_a_module_that_cannot_be_imported(tricks: Path) -> None:
    with (
        Worker("nobody", cwd=tricks) as worker,
        pytest.raises(StepFailed, match=r"died \(exit 1\): ModuleNotFoundError.*nobody_worker"),
    ):
        worker.call("x")


def test_a_dead_worker_leaves_nobody_behind(worker: Worker, tricks: Path) -> None:
    """A loader that goes on writing after its worker has died would write into what is put back."""
    with pytest.raises(StepFailed):
        worker.call("dies_with_child", note=str(tricks / "note"))
    pids = noted(tricks / "note")
    until(lambda: gone(*pids), 2)


def test_a_hanging_worker_is_killed_with_its_children(tricks: Path) -> None:
    pids: list[int] = []
    with pytest.raises(ZeroDivisionError), Worker("tricks", cwd=tricks) as worker:
        worker.send("hangs", note=str(tricks / "note"))
        pids += noted(tricks / "note")
        raise ZeroDivisionError
    until(lambda: gone(*pids), 2)


def test_what_a_late_worker_has_put_into_the_background_does_not_hold_us(tricks: Path) -> None:
    began = time.monotonic()
    with (
        pytest.raises(StepFailed, match="did not answer within 1 s"),
        Worker("tricks", cwd=tricks, log=tricks / "systems.log", limit=1) as worker,
    ):
        worker.call("leaves_one_behind", note=str(tricks / "note"))
    worker_pid, child = noted(tricks / "note")
    os.kill(child, signal.SIGKILL)
    assert gone(worker_pid)
    assert time.monotonic() - began < 5
    assert "last words" in (tricks / "systems.log").read_text()


@pytest.mark.parametrize("end", ["closed", "killed", "orphaned"])
def test_a_worker_leaves_no_scratch_folder(tricks: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    temporary = tricks / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    note = str(tricks / "note")
    if end == "orphaned":
        process, _ = parent(tricks, "tricks", "hangs_with_scratch", "note", note)
        with process:
            noted(tricks / "note")
            assert list(temporary.iterdir())
            process.send_signal(signal.SIGKILL)
            process.wait()
        until(lambda: not list(temporary.iterdir()), 2)
        return
    with Worker("tricks", cwd=tricks) as worker:
        assert [str(one) for one in temporary.iterdir()] == []
        assert Path(worker.call("keeps_scratch")).parent == temporary
        assert oct(next(temporary.iterdir()).stat().st_mode)[-3:] == "700"
        if end == "killed":
            worker.kill()
    assert list(temporary.iterdir()) == []


def test_closing_a_worker_at_work_ends_it(tricks: Path) -> None:
    pids: list[int] = []
    with Worker("tricks", cwd=tricks) as worker:
        worker.send("hangs", note=str(tricks / "note"))
        pids = noted(tricks / "note")
    until(lambda: gone(*pids), 2)


def test_a_gentle_end_lets_the_module_close(tricks: Path) -> None:
    for _ in range(5):
        assert call("tricks", "echo", cwd=tricks) == {}
        assert (tricks / "closed").exists()
        (tricks / "closed").unlink()


PARENT = """
import os, sys, time
from pathlib import Path
from ops_tasks.operation import lock
from ops_tasks.systems.worker import Worker
folder, system, function, argument, value = sys.argv[1:]
with lock.held(Path(folder) / "home", "ops.test", "abc123") as descriptor:
    worker = Worker(system, cwd=Path(folder), held=(descriptor,))
    worker.send(function, **{argument: value})
    print("sent", worker._process.pid, flush=True)
    time.sleep(60)
"""


def parent(folder: Path, *words: str) -> tuple[subprocess.Popen[str], int]:
    """A process that has sent a worker to work and waits; and the worker's PID."""
    command = [sys.executable, "-c", PARENT, str(folder), *words]
    path = os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]])
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline().split()[1])


def test_when_the_parent_is_killed_the_worker_dies_with_its_children(tricks: Path) -> None:
    process, _ = parent(tricks, "tricks", "hangs", "note", str(tricks / "note"))
    with process:
        pids = noted(tricks / "note")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with lock.held(tricks / "home", "ops.next", "def456"):
        assert gone(*pids[:1])
    until(lambda: gone(*pids), 2)


def test_a_request_of_a_dead_parent_is_not_begun(tricks: Path) -> None:
    """The parent is killed while the worker is still importing; the lock is held until it is gone."""
    process, pid = parent(tricks, "slow", "writes", "path", str(tricks / "written"))
    with process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not gone(pid)
    with lock.held(tricks / "home", "ops.next", "def456"):
        assert gone(pid)
    assert not (tricks / "written").exists()


def test_workers_are_quiet_and_leave_no_byte_code(tricks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project = tricks / "project"
    project.mkdir()
    (project / "of_the_project.py").write_text("VALUE = 7\n")
    with Worker("tricks", cwd=tricks, env={"MINE": "x"}) as worker:
        assert worker.call("environment", name="SODA_CORE_TELEMETRY_ENABLED") == "false"
        assert worker.call("environment", name="RUNTIME__DLTHUB_TELEMETRY") == "false"
        assert worker.call("environment", name="MINE") == "x"
        assert worker.call("imports", folder=str(project)) == 7
    assert not list(project.rglob("*.pyc"))


def test_a_crew_starts_each_once_and_ends_all(tricks: Path) -> None:
    with Crew(tricks) as crew:
        crew.warm("tricks")
        first = crew.call("tricks", "pid")
        other = crew.warm("tricks", name="second")
        pids = [first, crew.call(other, "pid")]
        assert crew.call("tricks", "pid") == first != pids[1]
        crew.send(other, "echo", n=1)
        assert crew.is_asked(other)
        crew.settle(other)
        assert not crew.is_asked(other)
        crew.dismiss("tricks", "nobody")
        assert gone(first)
    assert gone(*pids)


def test_a_crew_kills_whose_call_fails(tricks: Path) -> None:
    with Crew(tricks) as crew:
        first = crew.call("tricks", "pid")
        with pytest.raises(Refused):
            crew.call("tricks", "refuses")
        assert gone(first)
        assert crew.call("tricks", "pid") != first


def test_what_is_not_installed_is_named_with_its_extra() -> None:
    require("duckdb", "x")
    with pytest.raises(UsageError, match="no_such_tool is not installed") as caught:
        require("no_such_tool", "sqlmesh")
    assert caught.value.way_out == "pip install 'ops-tasks[sqlmesh]'"
