"""The process that Soda runs in: one for all checks of a run that follow each other, gone when nobody asks any more.

Importing Soda takes ten times as long as verifying a contract. Between two calls the process holds no database.
"""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import StepFailed
from ops_tasks.systems.crew import Crew

IDLE = 15.0
_turn = threading.Lock()
_crews: dict[tuple[int, Path], Crew] = {}
_ending: list[threading.Timer] = []


def check(root: Path, seconds: float, **arguments: Any) -> list[dict[str, Any]]:
    """`soda_worker.check` with these arguments, in the stack's folder; raises what it raises.

    Raises `StepFailed` when there is no answer within `seconds`; the process is killed then.
    """
    with _turn:
        _stay()
        # A process that was forked off this one must not speak to its worker.
        crew = _crews.setdefault((os.getpid(), root), Crew(root))
        late = threading.Event()
        worker = crew.worker("soda")

        def expire() -> None:
            late.set()
            worker.kill()

        alarm = threading.Timer(seconds, expire)
        alarm.daemon = True
        alarm.start()
        try:
            return cast("list[dict[str, Any]]", crew.call("soda", "check", **arguments))
        except StepFailed:
            if late.is_set():
                raise StepFailed(f"Soda did not answer within {seconds:g} s") from None
            raise
        finally:
            alarm.cancel()
            _end_later()


def _stay() -> None:
    while _ending:
        _ending.pop().cancel()


def _end_later() -> None:
    timer = threading.Timer(IDLE, end)
    timer.daemon = True
    timer.start()
    _ending.append(timer)


@atexit.register
def end() -> None:
    """End the process; the next check starts another."""
    with _turn:
        _stay()
        for (pid, _), crew in list(_crews.items()):
            if pid == os.getpid():
                crew.release()
        _crews.clear()
