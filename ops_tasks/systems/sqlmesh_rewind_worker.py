"""The state of SQLMesh taken back to an instant, for a warehouse that was: what came since is to be computed again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.snapshot.definition import Interval, Intervals, merge_intervals, remove_interval
from sqlmesh.utils.date import to_timestamp

from ops_tasks.systems.sqlmesh_checks_worker import short
from ops_tasks.systems.sqlmesh_project_worker import context_of, deployed
from ops_tasks.systems.sqlmesh_project_worker import let_go as let_go
from ops_tasks.systems.worker_main import progress

Version = tuple[str, str]


class Rewound(TypedDict):
    """`ahead`: environment -> short name -> first instant that is to be computed again; `claimed`: how far the state
    reaches now, which is as far as the raw data of that time can be asked for."""

    ahead: dict[str, dict[str, str]]
    claimed: str | None


def rewind(project: str, gateway: str | None, until: str, write: bool = True) -> Rewound:
    """Make the state claim what it claimed at an instant (ISO), no more and no less; without `write` only say how.

    Every interval is written down with the time at which that was done; a compaction (`sqlmesh janitor`) forgets these
    times, and then everything from the last interval that had ended by then is taken out.
    """
    context = context_of(project, gateway, read_only=not write)
    then, ahead, last = to_timestamp(until), dict[str, dict[str, str]](), list[int]()
    claimed, compacted, since = _claimed(context, then)
    state: Any = context.state_sync
    for summary in context.state_reader.get_environments_summary():
        _, snapshots = deployed(context, summary.name)
        ahead[summary.name] = {}
        for snapshot in snapshots.values():
            key = (snapshot.name, str(snapshot.version))
            had = claimed.get(key, [])
            if key in compacted and snapshot.intervals:
                unit = snapshot.node.interval_unit.milliseconds
                start = min(since.get(key, then), then - then % unit - unit)
                had = _minus(snapshot.intervals, [(start, max(start, snapshot.intervals[-1][1]))])
            newer = _minus(snapshot.intervals, had)
            last += [end for _, end in had]
            if newer:
                if write:
                    progress(f"{summary.name}: taking {short(snapshot.name)} back to {until}")
                    state.remove_intervals([(snapshot, span) for span in newer])
                ahead[summary.name][short(snapshot.name)] = _iso(newer[0][0])
            for start, end in [] if key in compacted or not write else _minus(had, snapshot.intervals):
                state.add_interval(snapshot, start, end)
    return Rewound(ahead=ahead, claimed=_iso(max(last)) if last else None)


def _claimed(context: Context, then: int) -> tuple[dict[Version, Intervals], set[Version], dict[Version, int]]:
    """What each version's production table had at `then` by SQLMesh's own log, in the order in which SQLMesh reads it.

    Also whose log was compacted since, and the first instant of what was written after it.
    """
    sync: Any = context.state_sync
    while hasattr(sync, "state_sync"):  # SQLMesh (0.236) wraps a cache around it
        sync = sync.state_sync
    state = sync.interval_state
    dev, pending = exp.column("is_dev"), exp.column("is_pending_restatement")
    query = (
        exp.select("name", "version", "start_ts", "end_ts", "is_removed", "is_compacted", "created_ts")
        .from_(state.intervals_table)
        .where(dev.not_(), pending.not_())
        .order_by("created_ts", "is_removed")
    )
    had: dict[Version, Intervals] = {}
    compacted: set[Version] = set()
    since: dict[Version, int] = {}
    for name, version, start, end, removed, is_compacted, created in state.engine_adapter.fetchall(query):
        key, span = (str(name), str(version)), (int(start), int(end))
        if int(created) > then:
            if is_compacted:  # `sqlmesh run` compacts before it computes
                compacted.add(key)
            else:
                since[key] = min(span[0], since.get(key, span[0]))
        elif removed:
            had[key] = remove_interval(had.get(key, []), *span)
        else:
            had[key] = merge_intervals([*had.get(key, []), span])
    return had, compacted, since


def _minus(spans: Intervals, others: Intervals) -> list[Interval]:
    """What is in `spans` and in none of `others`: `[start, end)` in milliseconds."""
    for other in others:
        spans = remove_interval(spans, *other)
    return spans


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
