"""Rows that were there when the last snapshot was taken and are not there now: what a bad write leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ops_tasks.scenarios.symptoms import Line, Symptom
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot

WEEK = timedelta(days=7)
# SQLMesh's name for a model's table: catalog.sqlmesh__SCHEMA.SCHEMA__MODEL__VERSION
PHYSICAL = re.compile(r"\w+\.sqlmesh__(\w+)\.\1__(\w+)__\d+")


def losses(stack: Stack, hands: Crew, _say: Say) -> Line:
    """Tables that have far fewer rows than in the newest snapshot (less than `gate.keep` percent).

    A model's table that is gone is drift, and told by another probe. That rows fell between two snapshots of the last
    week is a note: somebody may have meant it.
    """
    newest = snapshots.newest(stack)
    if newest is None:
        return Line("losses", "there is no snapshot to compare with")
    hands.call("duck", "be_polite")
    described = hands.call("duck", "describe", databases=stack.readable, state=None, environment="")
    now: dict[str, int] = described["rows"]
    raw = tuple(f"{source.catalog}.{source.dataset}." for source in stack.config.sources.values())
    held = {name: rows for name, rows in newest.manifest["rows"].items() if _is_kept(name, raw)}
    gone = {name: 0 for name in held if name.startswith(raw) and name not in now}
    keep, way_out = stack.config.gate.keep, f"invoke ops.restore --snapshot={newest.name} --plan"
    found = [
        Symptom("bad-write", shown(name), f"{words} in {newest.name}", way_out)
        for name, words in _fell(held, {**now, **gone}, keep)
    ]
    said = f"{len(held)} tables against {newest.name}" + (f": {len(found)} lost rows" if found else "")
    return Line("losses", said, tuple(found), tuple(_earlier(stack, newest, raw, keep)))


def _is_kept(name: str, raw: tuple[str, ...]) -> bool:
    """Whether a table's rows are meant to stay: raw tables and those of models, not what dlt needs while it works."""
    own = name.startswith(raw) and not name.rpartition(".")[2].startswith("_dlt_")
    return own or PHYSICAL.fullmatch(name) is not None


def shown(name: str) -> str:
    """A table as people know it: `schema.table` for SQLMesh's own names."""
    found = PHYSICAL.fullmatch(name)
    return f"{found[1]}.{found[2]}" if found else name


def _fell(before: Mapping[str, int], after: Mapping[str, int], keep: float) -> Iterator[tuple[str, str]]:
    """Table and words for those of both that have less than `keep` percent left, the largest loss first."""
    lost = {name: before[name] - rows for name, rows in after.items() if rows * 100 < before.get(name, 0) * keep}
    for name in sorted(lost, key=lambda one: -lost[one]):
        yield name, f"{after[name]:,} rows, {before[name]:,}"


def _earlier(stack: Stack, newest: Snapshot, raw: tuple[str, ...], keep: float) -> Iterator[str]:
    since = datetime.now(UTC) - WEEK
    taken = [one for one in snapshots.every(stack) if not one.forensic and one.backend == newest.backend]
    for older, younger in pairwise(one for one in taken if one.created_at >= since):
        before = {name: rows for name, rows in older.manifest["rows"].items() if _is_kept(name, raw)}
        for name, words in list(_fell(before, younger.manifest["rows"], keep))[:1]:
            yield f"{shown(name)} fell between two snapshots: {words} in {older.name} before {younger.name}"
