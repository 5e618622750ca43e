"""Runs a source's own load command; being in a worker, it dies with the operation that started it."""

from __future__ import annotations

import os
import subprocess
from collections import deque

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.worker_main import progress

KEPT = 5


def run(command: list[str], cwd: str, env: dict[str, str] | None = None) -> dict[str, int]:
    """Run `command` in `cwd` with `env` added, passing its output on; raises `StepFailed` with its last line."""
    last: deque[str] = deque(maxlen=KEPT)
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise UsageError(f"the load command {command[0]!r} is not installed") from None
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)  # noqa: T201 - the parent writes it to the log
        if line.strip():
            last.append(line.strip())
            progress(line.strip()[:100])
    code = process.wait()
    if code:
        raise StepFailed(f"{' '.join(command)} failed (exit {code}): {last[-1] if last else 'it said nothing'}")
    return {"exit": code}
