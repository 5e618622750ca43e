"""What is wrong with a scheduler, judged from facts alone: nothing here asks anybody, so that it can be simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops_tasks.scenarios.missed import Work, was_on
from ops_tasks.scenarios.schedules import DECLARED, FAILED, SKEW, Promise, Schedule, Truth, clock
from ops_tasks.sections import DagsterSection, WatchSection

RESUME, LOOK = "invoke ops.resume", "run the job that makes it, on Dagster's pages: invoke dagster.dev"
LOG, RELOAD = "look into the daemon's log", "start the daemon anew, or reload its code location"
QUEUED = {"queued", "not_started", "starting"}
STUCK_SECONDS, BEHIND_SECONDS = 15 * 60, 6 * 3600
HOUR = 3600


@dataclass(frozen=True)
class Sign:
    """One thing that is wrong: `cause` is daemon, error, unknown, missed, paused, tick, stuck, run or late."""

    cause: str
    object: str
    reason: str
    way_out: str


def signs(
    truth: Truth, missing: Mapping[str, Sequence[Work]], watch: WatchSection, dagster: DagsterSection
) -> list[Sign]:
    """Everything that is wrong; `missing` are the runs that each schedule owes (`missed.works`, state missing)."""
    if not truth.used:
        return [Sign("daemon", "dagster", "no daemon has ever run here", RESUME)]
    return [
        *daemons(truth, watch.daemon_seconds),
        *(Sign("error", name, f"it lives, and fails: {error}", LOG) for name, error in sorted(truth.errors.items())),
        *_unknown(truth, watch.daemon_seconds),
        *(_missed(truth.schedule(name), works) for name, works in missing.items() if works),
        *(_paused(one) for one in truth.schedules if was_on(one, truth, dagster.off)),
        *(_tick(one) for one in truth.schedules if one.on and one.error),
        *_stuck(truth),
        *_failed(truth),
        *_late(truth),
    ]


def daemons(truth: Truth, limit: float) -> list[Sign]:
    """Daemons that were not heard within `limit` seconds: dead, or there and hung; or they never were."""
    never = sorted(name for name, beat in truth.beats.items() if beat is None)
    if never:
        return [Sign("daemon", "dagster", f"{', '.join(never)}: no heartbeat was ever heard", RESUME)]
    silent = {name: truth.now - (beat or 0) for name, beat in truth.beats.items() if truth.now - (beat or 0) > limit}
    ahead = truth.ahead
    if not silent and not ahead:
        return []
    who = "the daemon" if len(silent or ahead) == len(truth.beats) else ", ".join(sorted(silent or ahead))
    if silent:
        what = f"{who} was not heard for {told(max(silent.values()))}"
    else:
        what = (
            f"{who} was heard {told(max(ahead.values()))} from now: the clock was set back, and nothing was heard since"
        )
    if not truth.processes:
        return [Sign("daemon", "dagster", f"{what}, and no process of it is there: it is dead", RESUME)]
    process = truth.processes[0]
    state = "is stopped by a signal" if process.stopped else "hangs"
    return [Sign("daemon", "dagster", f"{what}: process {process.pid} is there and {state}", RESUME)]


def told(seconds: float) -> str:
    """A span as people say it: 95 s, 12 min, 5 h, 8 days."""
    for size, unit in ((2 * 86400, "days"), (2 * HOUR, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': HOUR, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def _missed(schedule: Schedule, works: Sequence[Work]) -> Sign:
    count = sum(work.count for work in works)
    first, last = min(work.fires[0] for work in works), max(work.fires[1] for work in works)
    when = clock(first) if count == 1 else f"{clock(first)} to {clock(last)} UTC"
    parts = sorted(work.partition for work in works if work.partition)
    what = f" (partitions {parts[0]} to {parts[-1]})" if len(parts) > 1 else f" (partition {parts[0]})" if parts else ""
    return Sign("missed", schedule.name, f"{count} fire{'s' if count > 1 else ''} missed, {when}{what}", RESUME)


def _paused(schedule: Schedule) -> Sign:
    last = clock(schedule.last or 0)
    way = f"{RESUME} turns it on; if it is meant to be off, name it in ops.dagster.off"
    return Sign("paused", schedule.name, f"it is turned off since its last tick of {last}", way)


def _tick(schedule: Schedule) -> Sign:
    return Sign("tick", schedule.name, f"its last tick failed: {schedule.error}", "mend the schedule's own function")


def _stuck(truth: Truth) -> list[Sign]:
    # Behind a run that goes on, the queue is only doing its work.
    behind = any(run.status == "started" for run in truth.active)
    limits = dict.fromkeys(QUEUED, STUCK_SECONDS) | ({"queued": BEHIND_SECONDS} if behind else {})
    found = [run for run in truth.active if truth.now - run.created > limits.get(run.status, math.inf)]
    return [
        Sign("stuck", run.job, f"run {run.id[:8]} is {run.status} for {told(truth.now - run.created)}", RESUME)
        for run in found
    ]


def _failed(truth: Truth) -> list[Sign]:
    found: list[Sign] = []
    for job, runs in truth.runs.items():
        ended = [run for run in runs if run.ended is not None]
        last = max(ended, key=lambda run: run.ended or 0, default=None)
        if last is not None and last.status in FAILED:
            reason = f"its last run ({last.id[:8]}, {clock(last.created)}) ended with {last.status}"
            found.append(Sign("run", job, reason, f"{RESUME} --reprocess=failed"))
    return found


def _late(truth: Truth) -> list[Sign]:
    judged = {name: late(one, truth.now) for name, one in sorted(truth.assets.items())}
    return [Sign("late", name, f"it was {why}", LOOK) for name, why in judged.items() if why]


def late(promise: Promise, now: float) -> str:
    """Why an asset is late, or nothing."""
    if promise.last is None:
        return f"never materialized, its SLA is {promise.words}"
    age = now - promise.last
    if age < -SKEW:
        return f"materialized {told(-age)} from now, which no clock can have meant; its SLA is {promise.words}"
    return f"materialized {told(age)} ago, its SLA is {promise.words}" if age > promise.hours * HOUR else ""


def _unknown(truth: Truth, limit: float) -> list[Sign]:
    """Schedules that are on in the code, and that the daemon that lives has never seen."""
    if not truth.alive(limit):
        return []
    found = [one for one in truth.schedules if one.default and one.status in (None, DECLARED) and one.started is None]
    return [Sign("unknown", one.name, "it is on in the code, and no daemon has seen it", RELOAD) for one in found]
