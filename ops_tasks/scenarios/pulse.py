"""Whether a daemon lives: its heartbeat outlives it by minutes, and not every process that lives can be seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ops_tasks.scenarios import schedules
from ops_tasks.stack import Stack
from ops_tasks.systems import daemon
from ops_tasks.systems.crew import Crew

POLL = 1.0

Say = Callable[[str], object]


def lives(stack: Stack, hands: Crew, beats: Mapping[str, float | None], say: Say) -> bool:
    """Whether every part of the daemon was heard within `daemon_seconds`, and is there still.

    There: its process is, or the keeper that starts it again, or it is heard once more within the time in which it must
    be: a process of another account or of another container is not seen.
    """
    heard = [beat for beat in beats.values() if beat is not None]
    if not heard or len(heard) < len(beats) or time.time() - min(heard) > stack.config.watch.daemon_seconds:
        return False
    ahead = max(heard) - time.time() > schedules.SKEW  # the clock was set back: only what is heard from now on counts
    if not ahead and _is_there(stack):
        return True
    until = (time.time() if ahead else min(heard)) + daemon.FRESH
    if time.time() < until:
        why = "the clock was set back" if ahead else "the daemon was heard a moment ago, and no process of it is here"
        say(f"{why}: listening whether it is heard again")
    while time.time() < until:
        time.sleep(POLL)
        now = hands.call(schedules.hire(stack, hands), "beats")
        if any(now.get(name) != beat for name, beat in beats.items()):
            return True
    return False


def _is_there(stack: Stack) -> bool:
    return bool(daemon.processes(schedules.home_of(stack))) or daemon.kept(stack.home) is not None
