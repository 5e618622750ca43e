"""Which snapshots testify to the rows that a table should have, and how many that are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from ops_tasks.operation.journal import Record
from ops_tasks.scenarios.account_changes import changes
from ops_tasks.scenarios.restore import TASK as RESTORE
from ops_tasks.scenarios.routine import PROMOTE, REFRESH
from ops_tasks.scenarios.watching import OWN
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.snapshots import Snapshot

TWICE = 2
# An operation's own snapshot: `pre_`, what it is about, and an id.
BEFORE = re.compile(r"pre_[a-z0-9_.-]+_[0-9a-f]{6}")
# SQLMesh's name for a model's table: catalog.sqlmesh__SCHEMA.SCHEMA__MODEL__VERSION
PHYSICAL = re.compile(r"(\w+)\.sqlmesh__(\w+)\.\2__(\w+)__\d+")


@dataclass(frozen=True)
class Witness:
    """A snapshot, and the rows of each table that nothing done since explains away."""

    name: str
    rows: Mapping[str, int]


def standing(stack: Stack, done: Sequence[Record]) -> list[Snapshot]:
    """The verified snapshots of the lookback that speak of the present, oldest first; the newest where it has none.

    `done` is the history. A restore makes what it brought back the beginning; a rollback takes back what was made after
    its operation began.
    """
    every = snapshots.trusted(stack)
    for record in done if every else ():
        every = [one for one in every if _stands(one, record)]
    since = datetime.now(UTC) - stack.config.watch.lookback
    return [one for one in every if one.created_at >= since] or every[-1:]


def witnesses(stack: Stack, taken: Sequence[Snapshot], done: Sequence[Record]) -> list[Witness]:
    """Those of the standing snapshots that count: from the newest on that a person has named, who agrees to it.

    Operations that measure take the rows away that they found too many.
    """
    named = [one.created_at for one in taken if named_by_a_person(one.name)]
    taken = [one for one in taken if not named or one.created_at >= named[-1]]
    good = [one for one in done if one.status == "succeeded"]
    return [Witness(one.name, _rows(stack, one, good)) for one in taken]


def habits(taken: Sequence[Snapshot], keep: float) -> dict[str, int]:
    """Tables that come and go by themselves (they fell under `keep` percent and rose again, twice) -> their low."""
    names = {name for one in taken for name in one.manifest["rows"]}
    found = {name: _lows([one.manifest["rows"].get(name, 0) for one in taken], keep) for name in names}
    return {name: min(lows) for name, lows in found.items() if len(lows) >= TWICE}


def _lows(counts: Sequence[int], keep: float) -> list[int]:
    """The lowest count of each fall that was followed by a rise."""
    lows: list[int] = []
    top, low = 0, None
    for count in counts:
        if count * 100 < top * keep:
            low = count if low is None else min(low, count)
            continue
        if low is not None:
            lows, low = [*lows, low], None
        top = max(top, count)
    return lows


def fullest(seen: Sequence[Witness], table: str) -> Witness | None:
    """The witness that has the most rows of a table; of several the one that lacks fewest others, the newest of them.

    What an operation has kept of a stack that was broken already is a witness, too: it is not the one to go back to.
    """
    found = [one for one in seen if table in one.rows]
    most = max((one.rows[table] for one in found), default=0)
    full = [one for one in found if one.rows[table] == most]
    names = {name for one in seen for name, rows in one.rows.items() if rows}
    return min(reversed(full), key=lambda one: sum(not one.rows.get(name) for name in names), default=None)


def named_by_a_person(name: str) -> bool:
    """Whether somebody has chosen a snapshot's name: no watch, and no operation for itself."""
    return not OWN.fullmatch(name) and not BEFORE.fullmatch(name)


def model_of(table: str) -> str | None:
    """`catalog.schema.model` of a table that SQLMesh has named, else None."""
    found = PHYSICAL.fullmatch(table)
    return ".".join(found.groups()) if found else None


def _stands(taken: Snapshot, record: Record) -> bool:
    """Whether a snapshot speaks of the present, for all that an operation has done."""
    if record.status == "rolled_back":
        return taken.name == _own(record) or not record.began <= taken.created_at <= record.ended
    if not _restored(record) or _parts(record) is not None:
        return True
    return taken.created_at > record.ended or taken.name in _brought(record)


def _own(record: Record) -> str:
    return str(_arguments(record).get("snapshot", ""))


def _arguments(record: Record) -> dict[str, Any]:
    return cast("dict[str, Any]", record.planned.get("arguments", {}))


def _restored(record: Record) -> bool:
    return record.status == "succeeded" and record.planned.get("task") == RESTORE


def _brought(record: Record) -> set[str]:
    """The snapshot that a restore has made the present of."""
    told = _arguments(record)
    found = {one["snapshot"] for one in told.get("bring") or ()}
    return found | ({past["snapshot"]} if (past := told.get("past")) else set())


def _parts(record: Record) -> set[str] | None:
    """The databases that a restore brought back (paths, `md:catalog`), None for all of them."""
    told = _arguments(record)
    if place := told.get("place"):
        return {place["target"]}
    parts = [one.get("only") for one in told.get("bring") or ()]
    return {path for only in parts for path in only} if parts and None not in parts else None


def _rows(stack: Stack, taken: Snapshot, done: Sequence[Record]) -> dict[str, int]:
    """Rows per table as the snapshot has them, less those that operations have taken away since."""
    rows: dict[str, int] = dict(taken.manifest["rows"])
    for record in done:
        if record.ended < taken.created_at:
            continue
        parts = (_parts(record) or set()) if _restored(record) else set[str]()
        if parts or record.planned.get("task") in (REFRESH, PROMOTE):  # models were computed anew
            rows = {name: count for name, count in rows.items() if model_of(name) is None}
        other = {name for name, path in stack.databases.items() if stack.relative(path) in parts}
        other |= {path.removeprefix(MD) for path in parts if path.startswith(MD)}
        rows = {name: count for name, count in rows.items() if name.partition(".")[0] not in other}
        _explain(rows, record)
    return rows


def _explain(rows: dict[str, int], record: Record) -> None:
    """Take away from `rows` what an operation has measured to be less after it."""
    fell = {one.table.replace('"', ""): one for one in changes(record, record.status).changes}
    for name in rows if fell else ():
        model = model_of(name) or name
        one = fell.get(model) or fell.get(model.partition(".")[2])
        if one is not None and one.before is not None and one.after is not None:
            rows[name] -= max(0, one.before - one.after)
