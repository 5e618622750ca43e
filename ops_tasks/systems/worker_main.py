"""The child's side of `worker`: reads requests from standard input, answers on a descriptor of its own."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import IO, Any, cast

from ops_tasks.errors import OpsError

SCRATCH = "OPS_WORKER_SCRATCH"
_answers: IO[str] | None = None


def progress(text: str) -> None:
    """Tell the parent what is being done; outside a worker this does nothing."""
    _answer({"progress": text})


def scratch() -> Path:
    """A folder for what nobody needs when this worker has ended; should it be killed, its parent removes it."""
    folder = Path(os.environ[SCRATCH])
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _answer(value: dict[str, Any]) -> None:
    if _answers is not None:
        _answers.write(json.dumps(value, default=str) + "\n")
        _answers.flush()


def _watch_parent(source: int, requests: queue.Queue[str | None]) -> None:
    """Feed requests; when standard input ends and one is not done, the parent has died: die with all children."""
    for line in _lines(source):
        requests.put(line)
    if requests.unfinished_tasks:
        rmtree(os.environ[SCRATCH], ignore_errors=True)
        os.killpg(0, signal.SIGKILL)
    requests.put(None)


def _lines(source: int) -> Iterator[str]:
    """Lines of a raw descriptor.

    A thread that waits inside `sys.stdin` holds its lock, and a forked child (SQLMesh loads models in a pool of them)
    that closes its standard input would wait for that lock for ever.
    """
    pending = b""
    while chunk := os.read(source, 65536):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (line.decode() for line in whole)


def _function(system: str, name: str) -> Callable[..., Any]:
    """`swap` is a function of the worker's own module, `raw:swap` one of `raw_worker`."""
    other, _, function = name.rpartition(":")
    return cast("Callable[..., Any]", getattr(import_module(f"ops_tasks.systems.{other or system}_worker"), function))


def _reason(error: BaseException) -> str:
    """The first line of what it all began with: tools wrap their errors ("step extract failed") several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    first = next((line for line in str(error).splitlines() if line.strip()), "no message")
    return f"{type(error).__name__}: {first.strip()}"


def _serve(system: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": _function(system, request["function"])(**request["arguments"])}
    except OpsError as error:
        return {"error": type(error).__name__, "reason": error.reason, "way_out": error.way_out}
    except Exception as error:  # noqa: BLE001 - a third-party error becomes the parent's StepFailed, trace in the log
        traceback.print_exc()
        return {"error": "StepFailed", "reason": _reason(error), "way_out": ""}


def main(system: str, descriptor: int) -> None:
    """Serve requests for `ops_tasks.systems.<system>_worker` until standard input ends."""
    global _answers
    os.set_inheritable(descriptor, False)
    _answers = os.fdopen(descriptor, "w", encoding="utf-8")
    requests: queue.Queue[str | None] = queue.Queue()
    source = os.dup(0)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor, not a path
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_watch_parent, args=(source, requests), daemon=True).start()
    module = import_module(f"ops_tasks.systems.{system}_worker")
    # The tools are imported and may keep their byte code; looking at a project must not leave any in it.
    sys.dont_write_bytecode = True
    while (line := requests.get()) is not None:
        answer = _serve(system, cast("dict[str, Any]", json.loads(line)))
        requests.task_done()  # before the answer: who has it may end this worker, and it is to end gently then
        _answer(answer)
    if hasattr(module, "close"):
        module.close()
    rmtree(os.environ[SCRATCH], ignore_errors=True)
    sys.stdout.flush()
    # The libraries' own exit handlers wait for telemetry and thread pools; every connection is closed by now.
    os._exit(0)


if __name__ == "__main__":
    # `python -m` runs this file as __main__; the workers import it by name and must find the same channel.
    from ops_tasks.systems import worker_main

    worker_main.main(sys.argv[1], int(sys.argv[2]))
