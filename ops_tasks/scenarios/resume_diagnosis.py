"""What a resumption is told from: the fires that nobody evaluated, the runs that failed, and what is to be run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from ops_tasks.errors import UsageError, nearest
from ops_tasks.operation.journal import new_id
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios import resume_steps as steps
from ops_tasks.scenarios import schedules
from ops_tasks.scenarios.heartbeat import missing, requests
from ops_tasks.scenarios.missed import (
    COMPLETED,
    NONE,
    REPROCESS,
    RUNNING,
    Request,
    Work,
    chosen,
    comes,
    fires_by_itself,
    merged,
    was_on,
    works,
)
from ops_tasks.scenarios.pulse import Say, lives
from ops_tasks.scenarios.resume_facts import ALIVE, RESTART, START, UNIT, Facts
from ops_tasks.scenarios.schedules import Schedule, Truth, clock
from ops_tasks.scenarios.signs import Sign, signs
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

GOING_ON, QUEUED = {"starting", "started", "canceling"}, "queued"


@dataclass(frozen=True)
class Asked:
    """What a person asks for: the window (epoch seconds), what to do with runs that were there, which schedules."""

    since: float | None = None
    until: float | None = None
    reprocess: str = NONE
    turn_on: tuple[str, ...] = ()
    keep_off: tuple[str, ...] = ()


def symptoms(stack: Stack, hands: Crew, truth: Truth) -> list[Sign]:
    """Everything that is wrong with the scheduler."""
    return signs(truth, missing(stack, hands, truth), stack.config.watch, schedules.section_of(stack))


def check(asked: Asked, truth: Truth) -> None:
    """Raise `UsageError` for a window or a name that cannot be meant."""
    if asked.reprocess not in REPROCESS:
        raise UsageError(f"--reprocess: {asked.reprocess!r} is unknown", nearest(asked.reprocess, list(REPROCESS)))
    known = [one.name for one in truth.schedules]
    for name in (*asked.turn_on, *asked.keep_off):
        if name not in known:
            raise UsageError(f"unknown schedule {name!r}", nearest(name, known))
    if asked.since is not None and asked.since >= (asked.until or truth.now):
        raise UsageError("--since is not before --until", "give the first moment and the last of what was missed")
    if asked.until is not None and asked.until > truth.now:
        raise UsageError(f"--until: {clock(asked.until)} is still to come", "leave it out: it is now")


def diagnose(stack: Stack, hands: Crew, truth: Truth, asked: Asked, say: Say = str) -> Facts:
    """Work out what was missed, per schedule, job and partition, and what is to be done about it; reads only."""
    check(asked, truth)
    until = asked.until or truth.now
    section = schedules.section_of(stack)
    alive = lives(stack, hands, truth.beats, say)
    dead = tuple(_dead(stack, hands, truth))
    on = tuple(one.name for one in truth.schedules if not one.on and _turned_on(one, truth, asked, section.off))
    off = tuple(one.name for one in truth.schedules if one.on and one.name in asked.keep_off)
    fires: list[Work] = []
    fill: list[Work] = []
    tagged: list[Work] = []
    notes: list[str] = []
    for schedule in (one for one in truth.schedules if (one.on or one.name in on) and one.name not in asked.keep_off):
        owed = _fires(schedule, asked, until)
        ran = truth.runs.get(schedule.job, ())
        newest = _newest(schedule) if schedule.name not in on else None
        if newest is not None and newest not in owed:
            alone = works(schedule, requests(stack, hands, schedule, [newest]), ran)
            if any(comes(work, newest) for work in alone):
                owed.append(newest)
                notes.append(_beyond(schedule, newest))
        told = requests(stack, hands, schedule, owed) if owed else []
        found = works(schedule, told, ran)
        asked_for = chosen(found, asked.reprocess)
        # Nobody else looks at the end of what a dead daemon has left.
        waits = [work for work in found if work.state == RUNNING and (not alive or work.run in dead)]
        todo = [work for work in found if work in asked_for or work in waits or comes(work, newest)]
        for work in todo:
            (fires if comes(work, newest) else fill).append(work)
        told_already = {run.id for run in ran if schedules.FROM in run.tags}
        made_up = [one for one in found if one not in todo and one.partition is None and one.state == "done"]
        tagged += [one for one in made_up if one.count > 1 and one.run not in told_already]
        notes += [*_skipped(schedule, told), *_left(found, todo)]
    mine = {work.run for work in fill}
    queued = tuple(run.id for run in truth.active if run.status == QUEUED and run.id not in mine)
    operation = new_id()
    return Facts(
        operation=operation,
        snapshot=f"pre_resume_{datetime.now(UTC):%Y%m%d}_{operation}",
        since=min([work.fires[0] for work in (*fires, *fill, *tagged)], default=asked.since or truth.since),
        until=until,
        daemon=ALIVE if alive else UNIT if section.unit else RESTART if truth.processes else START,
        hung=() if alive else tuple(process.pid for process in truth.processes),
        on=on,
        off=off,
        fires=tuple(fires),
        works=tuple(merged(fill)),
        tagged=tuple(tagged),
        dead=dead,
        queued=queued,
        notes=tuple(notes),
        refusals=tuple(_refusals(truth, dead)),
    )


def gap(found: Facts, days: Sequence[date]) -> list[date]:
    """Those of the days that lie in the gap: a fire is about the day before it, so the last one's is the last day.

    Whatever came after that day is not due before the next fire.
    """
    newest = max((work.fires[1] for work in found.runs), default=found.until)
    first = datetime.fromtimestamp(found.since, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(newest, UTC).date() - timedelta(days=1)
    return [day for day in days if first <= day <= last]


def left(stack: Stack, found: Facts, source: str, empty: Sequence[date]) -> tuple[date, date] | None:
    """The days of the gap that an ordinary load of a source does not reach, first and last of those in `empty`."""
    horizon = stack.source(source).horizon
    if horizon is None:
        return None
    reach = (datetime.fromtimestamp(found.until, UTC) - horizon).date()
    lost = [day for day in empty if day <= reach]
    return (min(lost), max(lost)) if lost else None


def _turned_on(schedule: Schedule, truth: Truth, asked: Asked, off: Sequence[str]) -> bool:
    if schedule.name in asked.keep_off:
        return False
    return schedule.name in asked.turn_on or was_on(schedule, truth, off)


def _fires(schedule: Schedule, asked: Asked, until: float) -> list[float]:
    """The fires that nobody evaluated: of the asked window, or since the schedule is known to have been on."""
    known = [at for at in (schedule.first, schedule.started) if at is not None]
    begun = asked.since if asked.since is not None else min(known, default=None)
    if begun is None:
        return []
    if asked.reprocess == COMPLETED and asked.since is not None:
        return [fire for fire in schedule.expected if begun <= fire <= until]
    if asked.reprocess == NONE:
        owed = {*schedule.unticked(until), *schedule.open}
        return [fire for fire in schedule.expected if fire in owed and begun <= fire <= until]
    return [fire for fire in schedule.expected if begun <= fire <= until]


def _newest(schedule: Schedule) -> float | None:
    """The fire that a daemon makes up for by itself: the newest there is, whatever window is asked for."""
    newest = schedule.expected[-1] if schedule.expected else schedule.older
    return newest if newest is not None and fires_by_itself(schedule, [newest]) else None


def _beyond(schedule: Schedule, newest: float) -> str:
    way = f"--keep-off={schedule.name} turns it off first"
    return f"{schedule.name}: {clock(newest)} was not asked for, and a daemon that lives fires it all the same; {way}"


def _skipped(schedule: Schedule, told: Sequence[Request]) -> list[str]:
    return [f"{schedule.name}: nothing to run for {clock(one.fire)}: {one.skipped}" for one in told if one.skipped]


def _left(found: Sequence[Work], todo: Sequence[Work]) -> list[str]:
    failed = [one for one in found if one.state == "failed" and one not in todo]
    return [f"{one.name}: it was run and failed; --reprocess=failed runs it again" for one in failed]


def _dead(stack: Stack, hands: Crew, truth: Truth) -> list[str]:
    going = [run.id for run in truth.active if run.status in GOING_ON]
    if not going:
        return []
    found: list[str] = hands.call(steps.hire(stack, hands), "gone", runs=going)
    return found


def _refusals(truth: Truth, dead: Collection[str]) -> list[Refusal]:
    """A run that is going on writes to the databases: nothing is kept, and nothing filled in, beside it."""
    going = [run for run in truth.active if run.status in GOING_ON and run.id not in dead]
    return [
        Refusal(f"run {run.id[:8]} of {run.job} is going on since {clock(run.created)}", "let it end, then again")
        for run in going
    ]
