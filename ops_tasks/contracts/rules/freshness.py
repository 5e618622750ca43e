"""Rules about freshness: how old the newest row may be."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts.findings import ADDITIVE, BREAKING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.model import Check
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.thresholds import looser, tighter


@rule("FRESHNESS_LOOSENED", BREAKING)
def freshness_loosened(change: Change) -> Iterator[Hit]:
    """Data may be older, or its age is told by another column."""
    for old, new in _fresh(change):
        if old.date_column != new.date_column:
            told = f"the age is told by {new.date_column}, before by {old.date_column}"
            yield Hit(told, new.place, new.column)
        elif looser(old.threshold, new.threshold):
            yield Hit("data may be older than before", new.place, new.column)


@rule("FRESHNESS_TIGHTENED", ADDITIVE)
def freshness_tightened(change: Change) -> Iterator[Hit]:
    """Data has to be newer."""
    for old, new in _fresh(change):
        if old.date_column == new.date_column and tighter(old.threshold, new.threshold):
            yield Hit("data has to be newer than before", new.place, new.column)


def _fresh(change: Change) -> Iterator[tuple[Check, Check]]:
    return ((old, new) for old, new in change.checks if new.kind == "freshness")
