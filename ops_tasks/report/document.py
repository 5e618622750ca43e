"""The one JSON document of a task: the same keys for every task, so that a program can read any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "ops/1"
EXITS = {"ok": 0, "findings": 1, "refused": 3, "put_back": 4, "stopped": 5, "error": 5, "busy": 6}


@dataclass(frozen=True)
class Document:
    """What a task has to say. `more` holds the keys of this task alone; `exit_code` overrides the status' own."""

    task: str
    status: str
    operation: str | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    exit_code: int | None = None

    @property
    def code(self) -> int:
        """The exit code of the process."""
        return EXITS[self.status] if self.exit_code is None else self.exit_code

    def json(self, told: Callable[[dict[str, Any]], Any] = dict[str, Any]) -> str:
        """The document as text; `told` may put its texts otherwise."""
        head = {"schema": SCHEMA, "task": self.task, "status": self.status, "operation": self.operation}
        body = {"steps": list(self.steps), "findings": list(self.findings), **self.more}
        return json.dumps(told(head | body), indent=1, default=str)
