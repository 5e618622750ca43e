"""Runs a source's own load command; being in a worker, it dies with the operation that started it."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Sequence

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.outputs import has_ended, lines
from ops_tasks.systems.worker_main import progress

KEPT = 12


def run(command: list[str], cwd: str, env: dict[str, str] | None = None) -> dict[str, int]:
    """Run `command` in `cwd` with `env` added, passing its output on; raises `StepFailed` with its last line.

    It ends when the command does: what that left running in the background is not waited for.
    """
    last: deque[str] = deque(maxlen=KEPT)
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except FileNotFoundError:
        raise UsageError(f"the load command {command[0]!r} is not installed") from None
    with process:
        assert process.stdout is not None
        for line in lines(process.stdout.fileno(), lambda: has_ended(process.pid)):
            print(line, end="", flush=True)  # noqa: T201 - the parent writes it to the log
            if line.strip():
                last.append(line.strip())
                progress(line.strip()[:100])
    code = process.returncode
    if code:
        raise StepFailed(f"{' '.join(command)} failed (exit {code}): {_telling(last)}")
    return {"exit": code}


def _telling(last: Sequence[str]) -> str:
    """The last line that speaks of an error, else the last one with words; SQL errors end with a mere caret."""
    words = [line for line in last if any(letter.isalnum() for letter in line)]
    errors = [line for line in words if "error" in line.lower()]
    return (errors or words or ["it said nothing"])[-1]
