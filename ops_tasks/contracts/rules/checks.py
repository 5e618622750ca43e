"""Rules about which checks there are, at which level, and which rows they look at."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts.findings import ADDITIVE, BREAKING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.model import Check
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.sqltext import same
from ops_tasks.contracts.thresholds import FAIL


@rule("CHECK_REMOVED", BREAKING)
def check_removed(change: Change) -> Iterator[Hit]:
    """Something is not checked any more."""
    if both := change.both:
        for check in change.removed_checks:
            columns = {column.name: column for _, column in change.columns}
            column = columns.get(check.column or "")
            at = column.place if column else both[1].source.place("checks")
            yield Hit(f"the {check.title} is gone", at, check.column)


@rule("CHECK_ADDED", ADDITIVE)
def check_added(change: Change) -> Iterator[Hit]:
    """Something is checked that was not."""
    if change.both:
        yield from (Hit(f"the {check.title} is new", check.place, check.column) for check in change.added_checks)


@rule("CHECK_DEMOTED", BREAKING)
def check_demoted(change: Change) -> Iterator[Hit]:
    """A check only warns that used to fail."""
    for old, new in change.checks:
        if _fails(old) and not _fails(new):
            yield Hit(f"the {new.title} only warns now", new.place, new.column)


@rule("CHECK_PROMOTED", ADDITIVE)
def check_promoted(change: Change) -> Iterator[Hit]:
    """A check fails that only warned."""
    for old, new in change.checks:
        if _fails(new) and not _fails(old):
            yield Hit(f"the {new.title} fails now, before it warned", new.place, new.column)


@rule("CHECK_FILTER_CHANGED", BREAKING)
def check_filter_changed(change: Change) -> Iterator[Hit]:
    """A check looks at other rows."""
    for old, new in change.checks:
        if not same(old.filter, new.filter) or not same(old.scope_filter, new.scope_filter) or old.scope != new.scope:
            yield Hit(f"the {new.title} looks at {_rows(new)}, before at {_rows(old)}", new.place, new.column)


@rule("KEY_CHANGED", BREAKING)
def key_changed(change: Change) -> Iterator[Hit]:
    """Other columns together are promised to be unique."""
    for old, new in change.checks:
        if old.keys != new.keys:
            told = f"{', '.join(sorted(new.keys))} (before: {', '.join(sorted(old.keys))})"
            yield Hit(f"unique is now {told}", new.place, new.column)


@rule("SCHEMA_CHECK_LOOSENED", BREAKING)
def schema_check_loosened(change: Change) -> Iterator[Hit]:
    """The schema check lets through what it did not."""
    for old, new in change.checks:
        if more := new.allows - old.allows:
            yield Hit(f"the schema check has {', '.join(sorted(more))} now", new.place, new.column)


def _fails(check: Check) -> bool:
    """Whether it has a level that fails; a check without a threshold of its own, and the schema check, fail."""
    return not check.threshold.levels or FAIL in check.threshold.levels


def _rows(check: Check) -> str:
    where = " and ".join(one for one in (check.scope_filter, check.filter) if one)
    told = f"rows where {where}" if where else "all rows"
    return f"{told} of scope {check.scope}" if check.scope else told
