"""What MotherDuck remembers of a stack by itself, and whether it still has what our snapshots say it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ops_tasks.durations import told
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import motherduck_account, snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot


def with_losses(stack: Stack, taken: Sequence[Snapshot]) -> list[Snapshot]:
    """The same snapshots, a damaged one for each of which MotherDuck has lost something; asks it once, only reads."""
    if not stack.remote or not taken:
        return list(taken)
    with Crew(stack.root) as hands:
        there = motherduck_account.account(hands)
    losses = {one.name: motherduck_account.lost(there, one.manifest) for one in taken}
    return [
        replace(one, verified_at=None, problems=_with(one, losses[one.name])) if losses[one.name] else one
        for one in taken
    ]


def _with(snapshot: Snapshot, lost: Sequence[str]) -> tuple[str, ...]:
    told = (f"{MD}{name}: MotherDuck does not have it any more" for name in lost)
    return tuple(dict.fromkeys((*snapshot.problems, *told)))


def memory(stack: Stack) -> dict[str, Any]:
    """Return `retention`, `plan`, `moments` (`created_at`, `databases` that had changed then, `expires_at`,
    `expires_in`) and `lost`: lines on snapshots of ours of which something is gone there."""
    with Crew(stack.root) as hands:
        there = motherduck_account.account(hands)
    names, now = list(stack.catalogs), datetime.now(UTC)
    moments = [
        {
            "created_at": one.created_at.isoformat(),
            "databases": [
                name
                for name, point in one.points.items()
                if datetime.fromisoformat(point["created_at"]) == one.created_at
            ],
            "expires_at": one.expires_at.isoformat() if one.expires_at else None,
            "expires_in": told(one.expires_at - now) if one.expires_at else None,
        }
        for one in motherduck_account.moments(there, names)
    ]
    lost = [
        f"snapshot {one.name}: MotherDuck does not have its {MD}{name} any more"
        for one in snapshots.every(stack)
        for name in motherduck_account.lost(there, one.manifest)
    ]
    return {
        "retention": motherduck_account.retentions(there, names),
        "plan": motherduck_account.plan_of(there, names),
        "moments": moments,
        "lost": lost,
    }
