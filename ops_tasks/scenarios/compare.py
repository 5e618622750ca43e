"""What changed between two measurements, and whether anything changed that had no right to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios.window import Window
from ops_tasks.systems.sql import NO_PARENT, UNDATED

LOSS = (
    "a wider window loads what the raw tables lack; --exclude={table} leaves it as it is; "
    "--allow-history-loss if they may go"
)


@dataclass(frozen=True)
class Role:
    """What an operation may do to a table.

    `kind`: reloaded (raw), restated, or untouched. `may_change` are the days it was allowed to rewrite, None for all
    of them; rows without a parent go from what is reloaded besides. `keeps_rows` says that rows outside the window may
    change their values but must not vanish.
    """

    kind: str
    model_kind: str = ""
    may_change: Window | None = None
    keeps_rows: bool = False


@dataclass(frozen=True)
class Change:
    """One table before and after. `days` are those that differ, with rows before and after.

    `orphans` are rows whose parent is not there, before and after.
    """

    table: str
    role: Role
    rows: tuple[int, int]
    days: Mapping[str, tuple[int, int]]
    outside: tuple[str, ...]
    excluded: tuple[str, ...]
    dated: bool
    changed: bool
    orphans: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Comparison:
    """All tables, and what must not be."""

    changes: tuple[Change, ...]
    violations: tuple[Refusal, ...] = field(default_factory=tuple)

    @property
    def untouched(self) -> int:
        """How many tables are proven to be what they were."""
        return sum(not change.changed for change in self.changes)


def compare(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    roles: Mapping[str, Role],
    window: Window,
    *,
    allow_history_loss: bool,
    lost: Mapping[str, int] | None = None,
) -> Comparison:
    """Compare per table and day. A table without a role was to stay as it is.

    `lost` tells how many keys are gone of a table that must keep its rows: counts alone let gains hide losses.
    """
    changes: list[Change] = []
    violations: list[Refusal] = []
    for table in sorted({*before, *after}):
        role = roles.get(table, Role("untouched"))
        if table not in before or table not in after:
            word = "appeared" if table in after else "vanished"
            violations.append(Refusal(f"{table} has {word}", "look at the systems log of this operation"))
            continue
        change = _change(table, role, before[table], after[table], window)
        changes.append(change)
        violations += _violations(
            change, window, allow_history_loss=allow_history_loss, gone=(lost or {}).get(table, 0)
        )
    return Comparison(tuple(changes), tuple(violations))


def _change(table: str, role: Role, before: Mapping[str, Any], after: Mapping[str, Any], window: Window) -> Change:
    old, new = before["days"], after["days"]
    days = {
        day: (old.get(day, [0])[0], new.get(day, [0])[0])
        for day in sorted({*old, *new})
        if old.get(day) != new.get(day)
    }
    return Change(
        table,
        role,
        (before["rows"], after["rows"]),
        days,
        _strays(days, window),
        tuple(after["excluded"]),
        dated=bool(old or new),
        # a child row has no day in itself: moved with its parent, it leaves the total as it was
        changed=bool(days) or before["fingerprint"] != after["fingerprint"] or before["rows"] != after["rows"],
        orphans=(old.get(NO_PARENT, [0])[0], new.get(NO_PARENT, [0])[0]),
    )


def _strays(days: Iterable[str], window: Window) -> tuple[str, ...]:
    """Those that are no day of the window; rows without a day, or without a parent, are of none."""
    return tuple(day for day in days if day in UNDATED or date.fromisoformat(day) not in window)


def _violations(change: Change, window: Window, *, allow_history_loss: bool, gone: int) -> list[Refusal]:
    role, loss, way = change.role, LOSS.format(table=change.table), "look at the systems log of this operation"
    if role.kind == "untouched":
        return [Refusal(f"{change.table} was to stay as it is and has changed", way)] if change.changed else []
    if role.kind == "reloaded" and change.orphans[1]:
        # Their parents were loaded with children of their own: whoever counts the table counts them twice.
        return [Refusal(f"{change.table} has {change.orphans[1]} rows without a parent", way)]
    allowed = role.may_change
    if allowed is not None:
        may_go = NO_PARENT if role.kind == "reloaded" else ""
        strays = [day for day in _strays(change.days, allowed) if day != may_go]
        if strays:
            return [Refusal(f"{change.table} changed outside of {allowed}: {', '.join(strays[:3])}", way)]
    if role.keeps_rows and not allow_history_loss:
        if gone:
            return [Refusal(f"{change.table} would lose {gone} keys that it had", loss)]
        if not change.dated and change.rows[1] < change.rows[0]:
            lost = change.rows[0] - change.rows[1]
            return [Refusal(f"{change.table} would lose {lost} rows of its history", loss)]
        shrunk = [day for day in change.outside if change.days[day][1] < change.days[day][0]]
        if shrunk:
            return [Refusal(f"{change.table} would lose rows outside of {window}: {', '.join(shrunk[:3])}", loss)]
    return []
