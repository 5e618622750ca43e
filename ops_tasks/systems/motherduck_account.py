"""What MotherDuck tells of an account, read: which moments it remembers, for how long, and by which plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from ops_tasks.systems.backends import Moment
from ops_tasks.systems.crew import Crew


def account(hands: Crew) -> dict[str, Any]:
    """What MotherDuck says of itself; see `motherduck_worker.Account`."""
    return cast("dict[str, Any]", hands.call("motherduck", "account"))


def lost(there: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """The catalogs of which MotherDuck does not have any more what a snapshot's manifest says is kept there."""
    known = {point["id"] for point in there["snapshots"]} | set(there["databases"])
    points = cast("dict[str, Any]", manifest.get("points", {}))
    return [name for name, point in points.items() if (point["clone"] or point["id"]) not in known]


def retentions(there: Mapping[str, Any], names: Sequence[str]) -> str:
    """For how long MotherDuck remembers the catalogs: `7 days`, or each by itself where they differ."""
    days = {name: there["databases"][name]["retention"] for name in names if name in there["databases"]}
    words = {name: "not told" if count is None else f"{count:g} days" for name, count in days.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{name} {word}" for name, word in words.items()) or "none of the catalogs is there"


def plan_of(there: Mapping[str, Any], names: Sequence[str]) -> str:
    """The plan as far as it can be told: names are Business, another retention than 0 or 1 day as well.

    https://motherduck.com/docs/concepts/data-recovery
    """
    if any(point["name"] for point in there["snapshots"]):
        return "Business (it has named snapshots)"
    days = {there["databases"][name]["retention"] for name in names if name in there["databases"]}
    if days - {0, 1, None}:
        return "Business, by the retention"
    if days == {0}:
        return "free, or Lite from its free days, by the retention: nothing but the present is kept"
    return "Lite or Business: not to be told by a retention of a day"


def moments(there: Mapping[str, Any], names: Sequence[str]) -> list[Moment]:
    """The moments of a set of catalogs, from the snapshots of each; see `MotherDuck.list`.

    A point says besides when the next one of its catalog came (`superseded_at`, None for the newest).
    """
    mine = {name: [point for point in there["snapshots"] if point["database"] == name] for name in names}
    times = sorted({datetime.fromisoformat(point["created_at"]) for points in mine.values() for point in points})
    found: list[Moment] = []
    for time in times:
        points: dict[str, Any] = {}
        ends: list[datetime] = []
        for name, own in mine.items():
            before = [index for index, one in enumerate(own) if datetime.fromisoformat(one["created_at"]) <= time]
            if before:
                later = own[before[-1] + 1 :]
                points[name] = {**own[before[-1]], "superseded_at": later[0]["created_at"] if later else None}
                ends += _end(own, before[-1], there["databases"].get(name, {}).get("retention"))
        if len(points) == len(names):
            found.append(Moment("automatic", time, min(ends, default=None), points))
    return found


def _end(points: list[Any], index: int, retention: float | None) -> list[datetime]:
    """When MotherDuck collects a snapshot: a named one never, the newest not yet, others some days after their end."""
    if points[index]["name"] or index + 1 == len(points) or retention is None:
        return []
    return [datetime.fromisoformat(points[index + 1]["created_at"]) + timedelta(days=retention)]
