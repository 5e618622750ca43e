"""What MotherDuck says of a stack's catalogs: are they there, how long are they remembered, what is left over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ops_tasks.scenarios.symptoms import Line, Symptom
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import motherduck_account
from ops_tasks.systems.crew import Crew

# What operations make beside a catalog; of the first two a person decides, the others are left by a kill.
LEFT = re.compile(r"__(?:broken|aside|past|loaded|look|check)_[a-z0-9_]+\Z")
NOTHING_KEPT = "MotherDuck keeps nothing but the present of it: only snapshot.create makes a way back"


def account(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Catalogs that are gone, the retention, and clones of earlier operations that are still there (and billed)."""
    there = motherduck_account.account(hands)
    names = list(stack.catalogs)
    gone = tuple(
        Symptom(
            "missing",
            f"{MD}{name}",
            "MotherDuck has no such database",
            f"UNDROP DATABASE {name} in MotherDuck while it is retained, or invoke ops.restore --at=TIME --in-place",
        )
        for name in names
        if name not in there["databases"]
    )
    notes = [f"{MD}{name}: {NOTHING_KEPT}" for name in names if _retention(there, name) == 0]
    if left := leftovers(there, names):
        notes.append(f"{len(left)} databases of earlier operations are still there: {', '.join(left[:4])}")
        notes.append("when nobody needs them any more: DROP DATABASE, each by its name")
    said = f"{len(names) - len(gone)} of {len(names)} catalogs, retention {motherduck_account.retentions(there, names)}"
    return Line("motherduck", f"{said}, plan: {motherduck_account.plan_of(there, names)}", gone, tuple(notes))


def leftovers(there: Mapping[str, Any], names: list[str]) -> list[str]:
    """Databases that operations have made beside the catalogs, and nobody has dropped."""
    prefixes = tuple(f"{name}__" for name in names)
    return sorted(name for name in there["databases"] if name.startswith(prefixes) and LEFT.search(name))


def _retention(there: Mapping[str, Any], name: str) -> float | None:
    return there["databases"].get(name, {}).get("retention")
