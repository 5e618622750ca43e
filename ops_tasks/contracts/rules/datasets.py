"""Rules about whole datasets and their contracts."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts import validity
from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.source import Place
from ops_tasks.contracts.sqltext import same


@rule("DATASET_REMOVED", BREAKING)
def dataset_removed(change: Change) -> Iterator[Hit]:
    """A dataset has no contract any more."""
    if change.old and not change.new:
        yield Hit(f"the contract of {change.old.dataset} is gone", Place())


@rule("DATASET_RENAMED", BREAKING)
def dataset_renamed(change: Change) -> Iterator[Hit]:
    """A contract speaks of another dataset than before."""
    if (both := change.both) and both[0].dataset != both[1].dataset:
        yield Hit(f"{both[0].dataset} is {both[1].dataset} now", both[1].source.place("dataset"))


@rule("CONTRACT_INVALID", BREAKING)
def contract_invalid(change: Change) -> Iterator[Hit]:
    """A contract is not what Soda takes for one: nothing of it will be checked."""
    if change.new:
        yield from (Hit(fault.message, fault.place, None) for fault in validity.faults(change.new.source))


@rule("DUPLICATE_DATASET", BREAKING)
def duplicate_dataset(change: Change) -> Iterator[Hit]:
    """Two contract files speak of one dataset."""
    if change.new and change.others:
        also = ", ".join(change.others)
        yield Hit(f"{change.new.dataset} has another contract in {also}", change.new.source.place("dataset"))


@rule("DATASET_FILTER_CHANGED", WARNING)
def dataset_filter_changed(change: Change) -> Iterator[Hit]:
    """The filter of the whole contract selects other rows."""
    if (both := change.both) and not same(both[0].filter, both[1].filter):
        told = f"rows are checked where {both[1].filter}" if both[1].filter else "all rows are checked"
        before = f"where {both[0].filter}" if both[0].filter else "all of them"
        yield Hit(f"{told} (before: {before})", both[1].source.place("filter"))


@rule("DATASET_ADDED", ADDITIVE)
def dataset_added(change: Change) -> Iterator[Hit]:
    """A dataset has a contract that had none."""
    if change.new and not change.old and not change.others:
        yield Hit(f"{change.new.dataset} has a contract now", change.new.source.place("dataset"))


@rule("CONTRACT_MOVED", ADDITIVE)
def contract_moved(change: Change) -> Iterator[Hit]:
    """A contract stands in another file."""
    if (both := change.both) and both[0].file != both[1].file:
        yield Hit(f"moved here from {both[0].file}", Place())
