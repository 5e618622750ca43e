"""Heavy or dangerous work in a process of its own.

DuckDB, SQLMesh, dlt and Soda never run in the process that plans and journals: SQLMesh caches connections by file, so
a swapped file needs a fresh process, and a process with a DuckDB connection that closes any other descriptor of the
same file drops DuckDB's lock (POSIX record locks). A worker serves one request after another until its standard
input ends, and dies with its whole process group when its parent does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from types import TracebackType
from typing import IO, Any, cast

from ops_tasks.errors import KINDS, StepFailed, UsageError
from ops_tasks.systems.outputs import has_ended, lines
from ops_tasks.systems.secrets import redact
from ops_tasks.systems.worker_main import SCRATCH

QUIET = {
    "SODA_CORE_TELEMETRY_ENABLED": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
TAIL = 20
TEMPORARY = "/tmp"  # noqa: S108


class Worker:
    """A child process that runs functions of `ops_tasks.systems.<system>_worker` modules, one request at a time.

    `log` receives everything the child's libraries print, secrets redacted. `held` are descriptors (the stack's lock)
    that stay open as long as the child lives, so that nobody takes the stack while it is still dying. After `limit`
    seconds the child is killed. Its scratch folder, if it has made one, is removed when it is closed, killed or not.
    """

    def __init__(
        self,
        system: str,
        *,
        cwd: Path,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        held: tuple[int, ...] = (),
        limit: float | None = None,
    ) -> None:
        """Start the child; its module begins to import at once, before the first request."""
        self.system = system
        self._limit = limit
        self._late = False
        self._tail: list[str] = []
        self._asked = 0
        self._log: IO[str] | None = None
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            self._log = log.open("a", encoding="utf-8")
        added = env or {}
        # Made by the child when it needs one: a full disk must not keep a worker from starting.
        given = Path(added.get("TMPDIR") or os.environ.get("TMPDIR") or TEMPORARY)
        self._scratch = (given if given.is_dir() else Path(TEMPORARY)) / f"ops-{token_hex(8)}"
        answers, child_answers = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops_tasks.systems.worker_main", system, str(child_answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=_environment({**added, SCRATCH: str(self._scratch)}),
            pass_fds=(child_answers, *held),
            start_new_session=True,
        )
        os.close(child_answers)
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._answered = lines(answers, partial(has_ended, self._process.pid))
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        self._timer = None if limit is None else threading.Timer(limit, self._expire)
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def call(self, function: str, on_progress: Callable[[str], None] | None = None, **arguments: Any) -> Any:
        """Run one function of the child's module and return its JSON result.

        Raises the `OpsError` the child raised, or `StepFailed` with the child's last line when it broke or died.
        """
        self.send(function, **arguments)
        self.settle(on_progress, leave=1)
        return self._answer(on_progress)

    def send(self, function: str, **arguments: Any) -> None:
        """Ask for something without waiting: `receive` brings the answer, `settle` and the next `call` drop it."""
        assert self._process.stdin is not None
        try:
            request = json.dumps({"function": function, "arguments": arguments}, default=str)
            self._process.stdin.write(f"{request}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        self._asked += 1

    @property
    def asked(self) -> int:
        """How many requests have not been answered yet."""
        return self._asked

    def receive(self, on_progress: Callable[[str], None] | None = None) -> Any:
        """Wait for the answer to the oldest request that was sent."""
        return self._answer(on_progress)

    def settle(self, on_progress: Callable[[str], None] | None = None, leave: int = 0) -> None:
        """Wait until all but `leave` requests are answered; raises what the first of them raised."""
        while self._asked > leave:
            self._answer(on_progress)

    def _answer(self, on_progress: Callable[[str], None] | None) -> Any:
        for line in self._answered:
            answer = cast("dict[str, Any]", json.loads(line))
            if "progress" in answer:
                if on_progress is not None:
                    on_progress(redact(answer["progress"]))
                continue
            self._asked -= 1
            if "error" in answer:
                kind = KINDS.get(answer["error"], StepFailed)
                raise kind(redact(answer["reason"]), redact(answer["way_out"]))
            return answer["result"]
        raise self._died()

    def close(self) -> None:
        """End the child and wait until it, and every lock it held, is gone."""
        if self._timer is not None:
            self._timer.cancel()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(timeout=5)
        self._answers.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None
        rmtree(self._scratch, ignore_errors=True)

    def kill(self) -> None:
        """Kill the child and everything it started."""
        if self._process.returncode is None:  # not reaped yet: until then nobody else can have its group's number
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _expire(self) -> None:
        self._late = True
        self.kill()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if kind is not None:
            self.kill()
        self.close()

    def _drain(self) -> None:
        assert self._process.stdout is not None
        for line in lines(self._process.stdout.fileno(), partial(has_ended, self._process.pid)):
            clean = redact(line)
            self._tail = [*self._tail[-TAIL + 1 :], clean.rstrip()]
            if self._log is not None:
                try:
                    self._log.write(clean)
                    self._log.flush()
                except (OSError, ValueError):
                    self._log = None

    def _died(self) -> StepFailed:
        if self._process.returncode is None:
            with suppress(ChildProcessError):  # the one who found it late has reaped it meanwhile
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self.kill()  # it has ended, what it has started may not have
        code = self._process.wait()
        self._reader.join(timeout=5)
        if self._late:
            return StepFailed(f"the {self.system} worker did not answer within {self._limit:.0f} s")
        said = next((line for line in reversed(self._tail) if line.strip()), "it said nothing")
        return StepFailed(f"the {self.system} worker died (exit {code}): {said}")


def call(system: str, function: str, *, cwd: Path, log: Path | None = None, **arguments: Any) -> Any:
    """Run one function in a fresh worker; see `Worker.call`."""
    with Worker(system, cwd=cwd, log=log) as worker:
        return worker.call(function, **arguments)


def require(module: str, extra: str) -> None:
    """Raise `UsageError` when a tool is not installed, naming the extra that brings it."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise UsageError(f"{module} is not installed", f"pip install 'ops-tasks[{extra}]'")


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """Ours, quiet, and with the folder of this very package first: a worker runs the same code as its parent."""
    env = {**os.environ, **QUIET, "PYTHONUNBUFFERED": "1", **added}
    here = str(Path(__file__).resolve().parents[2])
    return env | {"PYTHONPATH": os.pathsep.join(filter(None, [here, env.get("PYTHONPATH", "")]))}
