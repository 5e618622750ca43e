"""What the `sandbox.*` tasks share: Invoke's decorator with types, the one way to end, and the reading of options."""

from __future__ import annotations

import json as jsons
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from invoke import tasks
from invoke.exceptions import Exit
from invoke.tasks import Task

from sandbox.errors import SandboxError, UsageError

DIR = "Folder of the stack (default: .sandbox/stack of this repository)."
JSON = "One JSON document on standard output; text for people goes to standard error."
EXITS = {"ok": 0, "findings": 1}

Told = Callable[[str], None]
Answer = tuple[str, dict[str, Any]]


def task(**options: Any) -> Callable[[Callable[..., None]], Task[Callable[..., Any]]]:
    """Invoke's own decorator, which has no types."""
    return cast("Any", tasks).task(**options)


def finish(name: str, body: Callable[[Told], Answer], *, json: bool) -> None:
    """Run a task's body, print, and leave with its exit code."""
    stream = sys.stderr if json else sys.stdout

    def say(line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    head: dict[str, Any] = {"schema": "ops/1", "task": name, "status": "error", "operation": None, "steps": []}
    head["findings"] = []
    code = 0
    try:
        status, more = body(say)
        head |= {"status": status} | more
        code = EXITS[status]
    except SandboxError as error:
        head["findings"] = [{"reason": str(error)}]
        sys.stderr.write(f"✗ {error}\n")
        code = error.code
    if json:
        sys.stdout.write(jsons.dumps(head, indent=1, default=str) + "\n")
    if code:
        raise Exit(code=code)


def folder(text: str) -> Path:
    """The stack of `--dir`."""
    from sandbox.stacks import DEFAULT

    return Path(text).expanduser().resolve() if text else DEFAULT


def quoted(value: str) -> str:
    """A value as a shell reads it back, always in single quotes."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def day(flag: str, text: str) -> date | None:
    """An ISO day, None where nothing is given."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a day (YYYY-MM-DD)") from None


def whole(flag: str, text: str) -> int | None:
    """A whole number, None where nothing is given."""
    if text and not text.isdecimal():
        raise UsageError(f"{flag}: {text!r} is not a whole number")
    return int(text) if text else None


def number(flag: str, text: str) -> float:
    """A number, 0 where nothing is given."""
    try:
        return float(text) if text else 0.0
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a number") from None
