"""A moment that MotherDuck remembers is made of catalogs each of which has a time of its own: are the marts of its raw?

MotherDuck takes its snapshots some time after a write: what was written last may be in one catalog, not in another.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ops_tasks.durations import told
from ops_tasks.scenarios.moments import Past, shown
from ops_tasks.stack import Stack

# SQLMesh (0.236) stamps an interval with the clock of the machine that ran it, MotherDuck a snapshot with its own. By a
# clock that is so far behind, what was computed after the marts' snapshot seems to have been computed before it; too
# much that is taken out of the state is only computed again.
CLOCKS = timedelta(minutes=5)


def marts_at(stack: Stack, past: Past) -> datetime:
    """The time of the marts: SQLMesh's state can claim what was computed by then, and nothing later."""
    return min(_times(stack, past))


def rewinding(stack: Stack, past: Past) -> dict[str, Any]:
    """Where SQLMesh's state goes back to, in the words of `sqlmesh_rewind_worker.rewind`."""
    return {"until": marts_at(stack, past).isoformat(), "margin": CLOCKS.total_seconds()}


def sources_apart(stack: Stack, past: Past) -> tuple[str, ...]:
    """Sources whose raw tables may not be those that the marts were computed from.

    The raw catalog became what it is after the marts did; or it became something else so soon after them that they may
    have been computed from that, see `motherduck.BETWEEN`.
    """
    from ops_tasks.systems.motherduck import BETWEEN

    first, last = min(_times(stack, past)), max(_times(stack, past))
    found: list[str] = []
    for name, source in stack.config.sources.items():
        point = _points(past)[source.catalog]
        ended = point.get("superseded_at")
        newer = datetime.fromisoformat(point["created_at"]) > first
        if newer or (ended is not None and datetime.fromisoformat(ended) - BETWEEN <= last):
            found.append(name)
    return tuple(found)


def notes(stack: Stack, past: Past) -> tuple[str, ...]:
    """What follows from that, in sentences."""
    time = shown(marts_at(stack, past))
    said = [
        f"SQLMesh's state is taken back to {time}, the marts' time: the next sqlmesh run computes what came after it, "
        f"and again what was computed less than {told(CLOCKS)} before it"
    ]
    if names := sources_apart(stack, past):
        catalogs = ", ".join(sorted({stack.source(name).catalog for name in names}))
        said.append(
            f"{catalogs} may hold other rows than the marts were computed from: what hangs on them is computed anew"
        )
    return tuple(said)


def _times(stack: Stack, past: Past) -> list[datetime]:
    raw = {source.catalog for source in stack.config.sources.values()}
    points = _points(past)
    marts = [name for name in points if name not in raw] or list(points)
    return [datetime.fromisoformat(points[name]["created_at"]) for name in marts]


def _points(past: Past) -> dict[str, Any]:
    return dict(past.points or {})
