"""The rule about everything that promises nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops_tasks.contracts.findings import ADDITIVE
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules.registry import Hit, rule


@rule("META_CHANGED", ADDITIVE)
def meta_changed(change: Change) -> Iterator[Hit]:
    """Descriptions, attributes, names, schedules: words about the data, no promise of it."""
    if not (both := change.both):
        return
    if keys := _differing(both[0].rest, both[1].rest):
        yield Hit(f"{_told(keys)} changed", both[1].source.place(keys[0]))
    for old, new in change.columns:
        if keys := _differing(old.rest, new.rest):
            yield Hit(f"{_told(keys)} of {new.name} changed", new.at(keys[0]), new.name)
    for old, new in change.checks:
        labels = ["name"] if old.label != new.label else []
        if keys := sorted({*labels, *_differing(old.rest, new.rest)}):
            yield Hit(f"{_told(keys)} of the {new.title} changed", new.place, new.column)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def _told(keys: list[str]) -> str:
    return ", ".join(keys)
