"""Incidents on request: each one breaks a stack the way it breaks in life, by the stack's own commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.api import state as states
from sandbox.errors import choose


@dataclass(frozen=True)
class Broken:
    """What was done to a stack: `days` that are wrong now, `words` for people, `facts` for programs."""

    name: str
    words: str
    days: tuple[date, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


Break = Callable[..., Broken]


def apply(name: str, folder: Path | str, **options: Any) -> Broken:
    """Break the stack in `folder` by the incident `name`; options that are None count as not given.

    Raises `UsageError` for an unknown name or option and for a folder that is no sandbox.
    """
    known = registry()
    action = known[choose(name, known, "incident")]
    folder = Path(folder).expanduser().resolve()
    states.read(folder)
    return action(folder, **{key: value for key, value in options.items() if value is not None})


def registry() -> dict[str, Break]:
    """Every incident by name."""
    from sandbox.breaks import bad_window

    return {"bad-window": bad_window.apply}
