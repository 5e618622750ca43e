"""The state of SQLMesh taken back to an instant, for a warehouse that was: what came since is to be computed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.snapshot import Snapshot
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


@dataclass
class Log:
    """What SQLMesh's interval log says of an instant, by the production table's version.

    `sure`: what was claimed by then, whatever the clocks; `claimed`: by the clocks as they are. `compacted`: whose log
    was compacted since, `since`: the first instant of what was written after it.
    """

    sure: dict[Version, Intervals] = field(default_factory=dict[Version, Intervals])
    claimed: dict[Version, Intervals] = field(default_factory=dict[Version, Intervals])
    compacted: set[Version] = field(default_factory=set[Version])
    since: dict[Version, int] = field(default_factory=dict[Version, int])


def rewind(project: str, gateway: str | None, until: str, margin: float = 0, write: bool = True) -> Rewound:
    """Make the state claim what it claimed at an instant (ISO), no more and no less; without `write` only say how.

    Every interval is written down with the time at which that was done, by the clock of the machine that did it: what
    was written less than `margin` seconds before counts as written after. A compaction (`sqlmesh janitor`) forgets
    these times, and then everything from the last interval that had ended by then is taken out.
    """
    context = context_of(project, gateway, read_only=not write)
    then, ahead = to_timestamp(until), dict[str, dict[str, str]]()
    log = _log(context, then, round(margin * 1000))
    then -= round(margin * 1000)
    last, unsure = list[int](), list[int]()
    state: Any = context.state_sync
    for summary in context.state_reader.get_environments_summary():
        _, snapshots = deployed(context, summary.name)
        ahead[summary.name] = {}
        for snapshot in snapshots.values():
            key = (snapshot.name, str(snapshot.version))
            had, unit = log.sure.get(key, []), snapshot.node.interval_unit.milliseconds
            if key in log.compacted and snapshot.intervals:
                start = min(log.since.get(key, then), then - then % unit - unit)
                had = _minus(snapshot.intervals, [(start, max(start, snapshot.intervals[-1][1]))])
            if not had and not _by_time(snapshot):
                had = _but_last(log.claimed.get(key, []), unit)
            newer = _minus(snapshot.intervals, had)
            last += [end for _, end in had]
            unsure += [end for _, end in log.claimed.get(key, [])]
            if newer:
                if write:
                    progress(f"{summary.name}: taking {short(snapshot.name)} back to {until}")
                    state.remove_intervals([(snapshot, span) for span in newer])
                ahead[summary.name][short(snapshot.name)] = _iso(newer[0][0])
            for start, end in [] if key in log.compacted or not write else _minus(had, snapshot.intervals):
                state.add_interval(snapshot, start, end)
    ends = last or unsure
    return Rewound(ahead=ahead, claimed=_iso(max(ends)) if ends else None)


def _log(context: Context, then: int, margin: int) -> Log:
    """Read the log in the order in which SQLMesh reads it; `then` and `margin` in milliseconds."""
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
    log = Log()
    for name, version, start, end, removed, is_compacted, created in state.engine_adapter.fetchall(query):
        key, span, at = (str(name), str(version)), (int(start), int(end)), int(created)
        if at <= then:
            _take(log.claimed, key, span, removed=removed)
        if at <= then - margin or (removed and at <= then):  # nobody is sure of what was taken out meanwhile
            _take(log.sure, key, span, removed=removed)
        elif is_compacted:  # `sqlmesh run` compacts before it computes
            log.compacted.add(key)
        if at > then - margin and not is_compacted:
            log.since[key] = min(span[0], log.since.get(key, span[0]))
    return log


def _take(had: dict[Version, Intervals], key: Version, span: Interval, *, removed: bool) -> None:
    if removed:
        had[key] = remove_interval(had.get(key, []), *span)
    else:
        had[key] = merge_intervals([*had.get(key, []), span])


def _by_time(snapshot: Snapshot) -> bool:
    """Whether SQLMesh (0.236) computes a table by its days, also when the state claims none of them.

    The table of every other kind is emptied for its first interval (`is_first_insert`), and its history is lost.
    """
    return snapshot.is_model and snapshot.model.kind.is_incremental_by_time_range


def _but_last(spans: Intervals, unit: int) -> Intervals:
    """Intervals without their last unit: enough for what hangs on it to be computed again."""
    return _minus(spans, [(spans[-1][1] - unit, spans[-1][1])]) if spans else []


def _minus(spans: Intervals, others: Intervals) -> list[Interval]:
    """What is in `spans` and in none of `others`: `[start, end)` in milliseconds."""
    for other in others:
        spans = remove_interval(spans, *other)
    return spans


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
