"""Rehearsals on record: which snapshot was proven restorable, when, how, and how long it took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from ops_tasks.stack import Stack

DRILLS = "drills.jsonl"


def record(stack: Stack, drill: dict[str, Any]) -> None:
    """Write a drill down."""
    stack.home.mkdir(parents=True, exist_ok=True)
    with (stack.home / DRILLS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(drill, default=str) + "\n")


def drills(stack: Stack) -> list[dict[str, Any]]:
    """Every drill on record, oldest first; a line that a crash has torn is left out."""
    file: Path = stack.home / DRILLS
    found: list[dict[str, Any]] = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            found.append(cast("dict[str, Any]", json.loads(line)))
        except json.JSONDecodeError:
            continue
    return found


def last_drill(stack: Stack) -> dict[str, Any] | None:
    """The newest drill that succeeded."""
    good = [drill for drill in drills(stack) if drill["proven"]]
    return good[-1] if good else None
