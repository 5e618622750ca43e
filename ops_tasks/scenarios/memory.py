"""What MotherDuck remembers of a stack by itself, and whether it still has what our snapshots say it keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ops_tasks.durations import told
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import motherduck_account, snapshots
from ops_tasks.systems.crew import Crew


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
    known = {point["id"] for point in there["snapshots"]} | set(there["databases"])
    lost = [
        f"snapshot {one.name}: MotherDuck does not have its {MD}{name} any more"
        for one in snapshots.every(stack)
        for name, point in one.manifest.get("points", {}).items()
        if (point["clone"] or point["id"]) not in known
    ]
    return {
        "retention": motherduck_account.retentions(there, names),
        "plan": motherduck_account.plan_of(there, names),
        "moments": moments,
        "lost": lost,
    }
