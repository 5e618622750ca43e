"""What a scheduler that stood still has left undone: fires become pieces of work, and work that was done drops out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ops_tasks.scenarios.schedules import DONE, FAILED, STOPPED, TO, Ran, Schedule, Truth

NONE, FAILED_TOO, COMPLETED = "none", "failed", "completed"
MISSING, RUNNING = "missing", "running"
ASKED = ".dagster/scheduled_execution_time"  # of a run that the daemon has made: its fire, as ISO text
REPROCESS = (NONE, FAILED_TOO, COMPLETED)


@dataclass(frozen=True)
class Request:
    """What a schedule would have asked for at one fire."""

    fire: float
    job: str = ""
    partition: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    skipped: str = ""


@dataclass(frozen=True)
class Work:
    """One run that is owed, for one fire or for several: `fires` are the first and the last of them."""

    schedule: str
    job: str
    partition: str | None
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    fires: tuple[float, float]
    count: int
    state: str
    run: str | None = None

    @property
    def name(self) -> str:
        """What it is known by, in a plan, in its journal and on its run: two works have one name if they are the same.

        A configuration or tags of its own are a few digits at the end.
        """
        plain = f"{self.job} {self.partition or 'once'}"
        own = [dict(self.config), _own(self.tags)]
        return f"{plain} {hashlib.sha256(_text(own).encode()).hexdigest()[:8]}" if any(own) else plain


def works(schedule: Schedule, requests: Sequence[Request], runs: Iterable[Ran]) -> list[Work]:
    """The runs that these fires owe, oldest first, each with the `state` of what was run in its place so far.

    A partition, and a configuration of its own, is one run each. Fires that ask for the very same are one run, of the
    newest request: a job that goes on where it ended needs no run per day. `state`: missing, running (queued or going
    on), failed, done.
    """
    groups: dict[str, list[Request]] = {}
    for one in requests:
        if not one.skipped:
            groups.setdefault(_same(one), []).append(one)
    known = list(runs)
    rivals = Counter((group[-1].job, group[-1].partition) for group in groups.values())
    found: list[Work] = []
    for group in groups.values():
        newest = group[-1]
        fires = (group[0].fire, newest.fire)
        ran = _ran(newest, fires, known, alone=rivals[newest.job, newest.partition] == 1)
        found.append(
            Work(
                schedule.name,
                newest.job,
                newest.partition,
                newest.config,
                newest.tags,
                fires,
                len(group),
                _state(ran),
                ran.id if ran else None,
            )
        )
    return sorted(found, key=lambda work: work.fires)


def chosen(found: Iterable[Work], reprocess: str) -> list[Work]:
    """What is to be run, in Airflow's words: `none` is what never ran, `failed` also what failed, `completed` all."""
    wanted = {NONE: {MISSING}, FAILED_TOO: {MISSING, "failed"}, COMPLETED: {MISSING, "failed", "done"}}[reprocess]
    return [work for work in found if work.state in wanted]


def merged(found: Iterable[Work]) -> list[Work]:
    """Works of several schedules that are the very same become one: the run of the one makes up for the other."""
    made: dict[str, Work] = {}
    for work in found:
        there = made.get(work.name)
        if there is not None:
            newest = max(there, work, key=lambda one: one.fires[1])
            fires = (min(there.fires[0], work.fires[0]), newest.fires[1])
            missing = next((one for one in (there, work) if one.state == MISSING), newest)
            told = {"fires": fires, "count": there.count + work.count, "state": missing.state, "run": missing.run}
            work = replace(newest, **told)
        made[work.name] = work
    return list(made.values())


def was_on(schedule: Schedule, truth: Truth, off: Iterable[str]) -> bool:
    """Whether a schedule that is stopped now was stopped together with everything, and not because somebody meant it.

    It was meant when the configuration says so, when it has not ticked in the lookback window, and when another
    schedule has ticked after this one's next fire was due: then the daemon was alive, and this one alone was off.
    """
    last = schedule.last or 0
    if schedule.status != STOPPED or schedule.name in set(off) or last < truth.since:
        return False
    after = [fire for fire in schedule.expected if fire > last]
    if not after:
        return False
    return not any(one.last is not None and one.last > after[0] for one in truth.schedules if one.name != schedule.name)


def fires_by_itself(schedule: Schedule, fires: Sequence[float]) -> bool:
    """Whether a daemon that starts now fires the newest of these by itself (Dagster 1.13 fires that one, and no other).

    It looks from the last of: when the schedule was turned on, its last tick, and how far it had looked; at its last
    tick itself when that was interrupted.
    """
    if not fires or not schedule.on or schedule.started is None:
        return False
    looked = max(schedule.started, schedule.iterated or 0)
    if schedule.again is not None:
        return fires[-1] >= max(looked, schedule.again)
    return fires[-1] > max(looked, schedule.last or 0)


def comes(work: Work, newest: float | None) -> bool:
    """Whether the daemon asks for this by itself at its `newest` fire, be it wanted or not.

    A run by hand is none of its: only one that this very fire has asked for is not made twice.
    """
    return work.fires[1] == newest


def _of_an_earlier(run: Ran, fires: tuple[float, float]) -> bool:
    """Whether an earlier fire has asked for a run, by its tags, or one of ours has made up for earlier ones."""
    asked, made_up = run.tags.get(ASKED), run.tags.get(TO)
    if made_up is not None:
        return float(made_up) < fires[0]
    return asked is not None and datetime.fromisoformat(asked).timestamp() < fires[0]


def _same(one: Request) -> str:
    """Requests with the same of this are one run."""
    return _text([one.job, one.partition, dict(one.config), _own(one.tags)])


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are not Dagster's: those differ from schedule to schedule, and from fire to fire."""
    return {key: value for key, value in tags.items() if not key.startswith("dagster/")}


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _state(ran: Ran | None) -> str:
    if ran is None:
        return MISSING
    return "done" if ran.status in DONE else "failed" if ran.status in FAILED else RUNNING


def _ran(request: Request, fires: tuple[float, float], runs: Sequence[Ran], *, alone: bool) -> Ran | None:
    """The run that counts as this one's: the best of its partition, or the best that was begun after its last fire.

    Without partitions a job goes on where it ended, so that one run makes up for every fire before it. Whose partition
    is not asked for `alone` has a run only if that had its configuration and its tags, too. One that was made and never
    queued does not begin by itself; one that an earlier fire has asked for is not this one's: the same partition may be
    asked for every hour.
    """
    mine = [run for run in runs if run.job == request.job and run.status != "not_started"]
    same = [run for run in mine if run.config == _text(dict(request.config))]
    if not alone:
        same = [run for run in same if _own(request.tags).items() <= run.tags.items()]
    if request.partition is not None:
        there = [run for run in (mine if alone else same) if run.partition == request.partition]
        there = [run for run in there if not _of_an_earlier(run, fires)]
    else:
        there = [run for run in same if run.created >= fires[1]]
    good = [run for run in there if run.status in DONE]
    return (good or there)[-1] if there else None
