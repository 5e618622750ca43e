"""Rules about thresholds: which measured values pass."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts.findings import ADDITIVE, BREAKING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules import validity
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.thresholds import looser, tighter


@rule("THRESHOLD_LOOSENED", BREAKING)
def threshold_loosened(change: Change) -> Iterator[Hit]:
    """A value passes that did not."""
    for old, new in change.checks:
        if new.kind != "freshness" and looser(old.threshold, new.threshold):
            yield Hit(f"the {new.title} lets more through", new.place, new.column)


@rule("THRESHOLD_TIGHTENED", ADDITIVE)
def threshold_tightened(change: Change) -> Iterator[Hit]:
    """A value does not pass that did, or fewer values are valid."""
    for old, new in change.checks:
        if new.kind != "freshness" and tighter(old.threshold, new.threshold):
            yield Hit(f"the {new.title} lets less through", new.place, new.column)
        for told in validity.differences(new.kind, new.settings, old.settings):
            yield Hit(f"the {new.title} is stricter: {told.words}", new.place, new.column)
        if less := old.allows - new.allows:
            yield Hit(f"the schema check has no {', '.join(sorted(less))} any more", new.place, new.column)
