"""Rules about which columns there are, and whether they have to be."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts.findings import ADDITIVE, BREAKING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules.registry import Hit, rule


@rule("COLUMN_REMOVED", BREAKING)
def column_removed(change: Change) -> Iterator[Hit]:
    """A column is not promised any more."""
    if both := change.both:
        at = both[1].source.place("columns")
        yield from (Hit(f"the column {column.name} is gone", at, column.name) for column in change.removed)


@rule("COLUMN_RENAMED", BREAKING)
def column_renamed(change: Change) -> Iterator[Hit]:
    """A column has another name."""
    for old, new in change.columns:
        if old.name != new.name:
            yield Hit(f"the column {old.name} is named {new.name} now", new.at("name"), old.name)


@rule("COLUMN_OPTIONALIZED", BREAKING)
def column_optionalized(change: Change) -> Iterator[Hit]:
    """A column may be missing that had to be there."""
    for old, new in change.columns:
        if new.optional and not old.optional:
            yield Hit(f"the column {new.name} may be missing now", new.at("optional"), new.name)


@rule("COLUMN_ADDED", ADDITIVE)
def column_added(change: Change) -> Iterator[Hit]:
    """A column is promised that was not."""
    if change.both:
        yield from (Hit(f"the column {column.name} is new", column.place, column.name) for column in change.added)


@rule("COLUMN_REQUIRED", ADDITIVE)
def column_required(change: Change) -> Iterator[Hit]:
    """A column has to be there that could be missing."""
    for old, new in change.columns:
        if old.optional and not new.optional:
            yield Hit(f"the column {new.name} has to be there now", new.at("optional"), new.name)
