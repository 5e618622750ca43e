"""The state of SQLMesh taken back to an instant, for a warehouse that was: what came since is to be computed again."""

from __future__ import annotations

from typing import Any, cast

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.snapshot import Snapshot
from sqlmesh.utils.date import to_timestamp

from ops_tasks.systems.sqlmesh_checks_worker import short
from ops_tasks.systems.sqlmesh_worker import _context as context_of  # pyright: ignore[reportPrivateUsage]
from ops_tasks.systems.sqlmesh_worker import _deployed as deployed  # pyright: ignore[reportPrivateUsage]
from ops_tasks.systems.sqlmesh_worker import let_go as let_go
from ops_tasks.systems.worker_main import progress

Version = tuple[str, str]


def rewind(project: str, gateway: str | None, until: str) -> dict[str, dict[str, str]]:
    """Take out of the state what was computed, or was asked to be computed again, after an instant (ISO).

    Returns environment -> short name -> first instant that is to be computed again. Every interval is written down with
    the time at which that was done; a compaction (`sqlmesh janitor`) forgets these times, and then the last interval
    that had ended by then is taken out as well.
    """
    context = context_of(project, gateway, read_only=False)
    then, ahead = to_timestamp(until), dict[str, dict[str, str]]()
    since, compacted = _written_after(context, then)
    for summary in context.state_reader.get_environments_summary():
        _, snapshots = deployed(context, summary.name)
        spans: list[tuple[Snapshot, tuple[int, int]]] = []
        for snapshot in snapshots.values():
            if not snapshot.intervals:
                continue
            unit, key = snapshot.node.interval_unit.milliseconds, (snapshot.name, str(snapshot.version))
            first, last = snapshot.intervals[0][0], snapshot.intervals[-1][1]
            begun = then - then % unit
            start = min(since.get(key, begun), begun - unit if key in compacted else begun)
            if max(start, first) < last:
                spans.append((snapshot, (max(start, first), last)))
        if spans:
            progress(f"{summary.name}: taking {len(spans)} models back to {until}")
            cast("Any", context.state_sync).remove_intervals(spans)
        ahead[summary.name] = {short(snapshot.name): _iso(span[0]) for snapshot, span in spans}
    return ahead


def _written_after(context: Context, then: int) -> tuple[dict[Version, int], set[Version]]:
    """By (name, version): the first instant of what was added or removed after `then`, and what was compacted since."""
    sync: Any = context.state_sync
    while hasattr(sync, "state_sync"):  # SQLMesh (0.236) wraps a cache around it
        sync = sync.state_sync
    state = sync.interval_state
    query = (
        exp.select("name", "version", "start_ts", "is_compacted")
        .from_(state.intervals_table)
        .where(exp.column("created_ts") > then)
    )
    since: dict[Version, int] = {}
    compacted: set[Version] = set()
    for name, version, start, is_compacted in state.engine_adapter.fetchall(query):
        key = (str(name), str(version))
        if is_compacted:
            compacted.add(key)
        else:
            since[key] = min(int(start), since.get(key, int(start)))
    return since, compacted


def _iso(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
