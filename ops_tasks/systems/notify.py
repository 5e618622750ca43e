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
    """What people were last told of a watch: whether it was well (None: nothing yet), of what, and when.

    `missed` are the addresses, by their numbers from 1, that have not taken it yet.
    """

    well: bool | None = None
    about: tuple[str, ...] = ()
    told: float = 0.0
    missed: tuple[int, ...] = ()


def remembered(file: Path) -> Before:
    """What is written down; a file that is not there, or torn, is nothing known."""
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        well, about, told = bool(kept["well"]), tuple(str(one) for one in kept["about"]), float(kept["told"])
        return Before(well, about, told, tuple(int(one) for one in kept.get("missed", ())))
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


def remember(file: Path, about: Sequence[str], told: float, missed: Sequence[int] = ()) -> None:
    """Write down what was said, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    note = {"well": not about, "about": list(about), "told": told, "missed": list(missed)}
    whole_files.write(file, json.dumps(note))


def addresses() -> list[str]:
    """Whom `OPS_NOTIFY` names."""
    return os.environ.get(ADDRESSES, "").split()


def send(title: str, text: str, numbers: Sequence[int]) -> dict[int, str]:
    """Send to the addresses of these numbers (from 1); returns number -> why that one has not taken it.

    Each is sent to by itself, so that one that is broken keeps no other from hearing. Addresses are secrets.
    """
    chosen = {number: address for number, address in enumerate(addresses(), 1) if number in numbers}
    if not chosen:
        return {}
    try:
        import apprise
    except ImportError:
        return dict.fromkeys(
            chosen, f"{ADDRESSES} is set, and apprise is not installed: pip install 'ops-tasks[notify]'"
        )
    failed: dict[int, str] = {}
    for number, address in chosen.items():
        sender: Any = apprise.Apprise()
        if not sender.add(address):
            failed[number] = f"address {number} of {ADDRESSES} is none that apprise knows"
        elif not sender.notify(title=title, body=redact(text)):
            failed[number] = f"address {number} of {ADDRESSES} did not take it; the next run tries again"
    return failed


def change(file: Path, title: str, about: Sequence[str], text: str) -> str | None:
    """Tell people what has changed since they were last told, and write that down; returns why they could not be told.

    What nobody has taken counts as not told: the next run tries again, and so it does for those who have missed it.
    """
    now, before = time.time(), remembered(file)
    kind = due(before, about, now)
    everybody = range(1, len(addresses()) + 1)
    failed = send(f"{title}: {'findings' if about else 'recovered'}", text, everybody if kind else before.missed)
    why = "; ".join(dict.fromkeys(failed.values())) or None
    if kind and failed and len(failed) == len(everybody):
        return why
    try:
        remember(file, about, now if kind else before.told, list(failed))
    except OSError as error:
        return why or f"{file} cannot be written: {error.strerror}"
    return why
