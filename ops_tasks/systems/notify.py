"""Messages to people, by Apprise: only when something has changed, so that a watch of every minute is no flood."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops_tasks import whole_files
from ops_tasks.systems.secrets import redact

ADDRESSES = "OPS_NOTIFY"
REPEAT = 24 * 3600.0


@dataclass(frozen=True)
class Before:
    """What a watch last said: whether it was well (None: nobody knows), of what it spoke, when it told people."""

    well: bool | None = None
    about: tuple[str, ...] = ()
    told: float = 0.0


def remembered(file: Path) -> Before:
    """What is written down; a file that is not there, or torn, is nothing known."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Before(bool(kept["well"]), tuple(str(one) for one in kept["about"]), float(kept["told"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Before()


def due(before: Before, about: Sequence[str], now: float) -> str | None:
    """What is to be told now: `found`, `recovered`, or None.

    Findings are told when they begin, when they are others, and once a day while they last; the end is told once.
    """
    if not about:
        return "recovered" if before.well is False else None
    same = before.well is False and set(about) == set(before.about)
    return None if same and 0 <= now - before.told < REPEAT else "found"


def remember(file: Path, about: Sequence[str], told: float) -> None:
    """Write down what was said, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    whole_files.write(file, json.dumps({"well": not about, "about": list(about), "told": told}))


def send(title: str, text: str) -> str | None:
    """Send to every address of `OPS_NOTIFY`; returns why that failed, if it did. Addresses are secrets."""
    addresses = os.environ.get(ADDRESSES, "").split()
    if not addresses:
        return None
    try:
        import apprise
    except ImportError:
        return f"{ADDRESSES} is set, and apprise is not installed: pip install 'ops-tasks[notify]'"
    sender: Any = apprise.Apprise()
    for number, address in enumerate(addresses, 1):
        if not sender.add(address):
            return f"address {number} of {ADDRESSES} is none that apprise knows"
    return None if sender.notify(title=title, body=redact(text)) else f"not every address of {ADDRESSES} took it"


def change(file: Path, title: str, about: Sequence[str], text: str) -> str | None:
    """Tell people what has changed since the last time, and write it down; returns why they could not be told."""
    now, before = time.time(), remembered(file)
    kind = due(before, about, now)
    failed = send(f"{title}: {'recovered' if kind == 'recovered' else 'findings'}", text) if kind else None
    try:
        remember(file, about, before.told if kind is None or failed else now)
    except OSError as error:
        return failed or f"{file} cannot be written: {error.strerror}"
    return failed
