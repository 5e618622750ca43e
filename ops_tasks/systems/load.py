"""How a source is told which days to load."""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta

from ops_tasks.sections import WindowSection
from ops_tasks.stack import Stack

PERMISSION = "DLT_ALLOW_EXTERNAL_SCHEDULERS"


def window_env(window: WindowSection, start: date, end: date, today: date) -> dict[str, str]:
    """The variables that ask a load for `[start, end]`, both inclusive.

    dlt (1.31): `DLT_INTERVAL_END` is exclusive, and an interval reaches only cursors of a date or time type.
    """
    if window.start is not None and window.end is not None:
        return {window.start: start.isoformat(), window.end: end.isoformat()}
    if window.days_back is not None:
        return {window.days_back: str((today - start).days + 1)}
    if window.interval:
        return {
            PERMISSION: "true",
            "DLT_INTERVAL_START": f"{start.isoformat()}T00:00:00Z",
            "DLT_INTERVAL_END": f"{(end + timedelta(days=1)).isoformat()}T00:00:00Z",
        }
    return {}


def argv(command: tuple[str, ...]) -> list[str]:
    """A load command with `python` as the running interpreter."""
    return [sys.executable if word == "python" else word for word in command]


def python_path(stack: Stack) -> str:
    """The stack's own import path, before whatever the environment has."""
    own = [str(stack.root / path) for path in stack.config.python_path]
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH", "")])])
