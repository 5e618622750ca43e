"""What belongs to what in two versions of a contract: columns by name, checks by kind, column and label."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import TypeVar

from ops_tasks.contracts.model import Check, Column, Contract

SIMILAR = 0.6
T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """Two versions of one dataset's contract, matched. `old` is None for a new one, `new` for one that is gone.

    `renamed` maps old names of columns to new ones; `others` are the files of the new tree that speak of the same
    dataset as well.
    """

    old: Contract | None
    new: Contract | None
    columns: Sequence[tuple[Column, Column]] = ()
    removed: Sequence[Column] = ()
    added: Sequence[Column] = ()
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])
    checks: Sequence[tuple[Check, Check]] = ()
    removed_checks: Sequence[Check] = ()
    added_checks: Sequence[Check] = ()
    others: Sequence[str] = ()

    @property
    def both(self) -> tuple[Contract, Contract] | None:
        """Both versions, where there are two."""
        return (self.old, self.new) if self.old and self.new else None


def match(old: Contract | None, new: Contract | None, others: Sequence[str] = ()) -> Change:
    """Match two versions of a contract, either of which may be missing."""
    if old is None or new is None:
        return Change(old, new, others=others)
    same, gone, fresh = paired(old.columns, new.columns, lambda column: column.name)
    renames = _renames(gone, fresh)
    renamed = {before.name: after.name for before, after in renames}
    columns = sorted([*same, *renames], key=lambda pair: pair[1].index)
    kept = {before.name for before, _ in columns}
    before = [_under(check, renamed) for check in old.every_check if check.column is None or check.column in kept]
    new_names = {after.name for _, after in columns}
    after = [check for check in new.every_check if check.column is None or check.column in new_names]
    checks, less, more = _checks(before, after)
    return Change(
        old,
        new,
        columns,
        [column for column in gone if column.name not in renamed],
        [column for column in fresh if column.name not in renamed.values()],
        renamed,
        checks,
        less,
        more,
        others,
    )


def paired(
    old: Iterable[T], new: Iterable[T], key: Callable[[T], Hashable]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Pairs with the same key, in the order of `new`, then what is left of `old` and of `new`."""
    waiting: dict[Hashable, list[T]] = {}
    for one in old:
        waiting.setdefault(key(one), []).append(one)
    pairs: list[tuple[T, T]] = []
    added: list[T] = []
    for one in new:
        same = waiting.get(key(one))
        if same:
            pairs.append((same.pop(0), one))
        else:
            added.append(one)
    return pairs, [one for left in waiting.values() for one in left], added


def _renames(gone: Sequence[Column], fresh: Sequence[Column]) -> list[tuple[Column, Column]]:
    """Columns that only have another name: the same type and checks, and the same position or a similar name.

    A position counts from the nearest column before it that is in both versions.
    """
    found: list[tuple[Column, Column]] = []
    taken: set[str] = set()
    before, after = _anchors(gone), _anchors(fresh)
    for column in gone:
        alike = [one for one in fresh if one.name not in taken and _alike(column, one)]
        placed = [one for one in alike if before[column.name] == after[one.name]]
        named = [one for one in alike if _similarity(column.name, one.name) >= SIMILAR]
        best = placed or sorted(named, key=lambda one: -_similarity(column.name, one.name))
        if best:
            taken.add(best[0].name)
            found.append((column, best[0]))
    return found


def _anchors(columns: Sequence[Column]) -> dict[str, int]:
    """Position of each column, those that are in one version only left out of the count."""
    unmatched = sorted(column.index for column in columns)
    return {column.name: column.index - sum(1 for at in unmatched if at < column.index) for column in columns}


def _alike(old: Column, new: Column) -> bool:
    said = (new.data_type or "").lower() == (old.data_type or "").lower() and new.length == old.length
    return said and sorted(map(repr, (one.promise for one in old.checks))) == sorted(
        map(repr, (one.promise for one in new.checks))
    )


def _similarity(old: str, new: str) -> float:
    return SequenceMatcher(a=old.lower(), b=new.lower()).ratio()


def _under(check: Check, renamed: Mapping[str, str]) -> Check:
    """A check of the old version with the new names of its columns."""
    if not renamed:
        return check
    return replace(
        check,
        column=renamed.get(check.column, check.column) if check.column else None,
        keys=frozenset(renamed.get(key, key) for key in check.keys),
        date_column=renamed.get(check.date_column, check.date_column),
    )


def _checks(old: Sequence[Check], new: Sequence[Check]) -> tuple[list[tuple[Check, Check]], list[Check], list[Check]]:
    """Equal ones first, then by label, then whatever is left of the same kind on the same column, one to one."""
    rounds: list[Callable[[Check], Hashable]] = [
        lambda check: (check.column, check.label, repr(check.promise)),
        lambda check: (check.kind, check.column, check.scope, check.function, check.label),
        lambda check: (
            check.kind,
            check.column,
            check.scope,
            check.function,
            repr(sorted(check.keys)),
            repr(check.sql),
        ),
        lambda check: (check.kind, check.column, check.function),
    ]
    pairs: list[tuple[Check, Check]] = []
    for key in rounds:
        found, old, new = paired(old, new, key)
        pairs += found
    return sorted(pairs, key=lambda pair: (pair[1].place.line, pair[1].place.offset)), list(old), list(new)
