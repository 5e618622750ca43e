"""Tells an operation from its journal alone: what was found, what was done, what changed, what is proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from ops_tasks.operation.journal import ROLLBACK, Event, Record
from ops_tasks.scenarios.account_changes import changes
from ops_tasks.scenarios.account_checks import BACK, checks, figures, found
from ops_tasks.scenarios.account_facts import RUNNING, Account, Did, Moment, Way, in_every_text
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.secrets import redact

INCIDENTS = {
    "ops.backfill": "A bad window of a source",
    "ops.restate": "Models that had to be computed again",
    "ops.rebuild": "A blown database",
    "ops.repair-state": "State and warehouse that disagreed",
    "ops.restore": "A return to an earlier moment",
    "ops.resume": "Schedules that stood still",
    "full-refresh": "A full refresh",
    "promote": "A plan for production",
}
WORDS = {
    "succeeded": "Done, and proven",
    "put_back": "Everything is as it was, checked",
    "refused": "Refused; everything is as it was, checked",
    "rolled_back": "Rolled back, checked",
    "noted": "Noted",
    ROLLBACK: "The way back began",
}
PUT_BACK = ("put_back", "refused", "rolled_back")
PACKAGES = ("ops-tasks", "duckdb", "sqlmesh", "dlt", "dagster", "soda-core")


def account(stack: Stack, record: Record, *, running: bool = False) -> Account:
    """Everything about one operation; reads the journal and the files beside it, no database. Secrets are hidden.

    `running`: somebody holds the stack's lock for it, so that what has no end is not stopped.
    """
    record = _whole(record)
    status = RUNNING if running and record.status == "stopped" else record.status
    planned, events = record.planned, record.events
    titles = _titles(record)
    told = changes(record, status)
    made = tuple(checks(record, titles))
    if status in PUT_BACK:  # what it had left alone is less than what is proven now
        evidence = tuple(f"{one.name}: {one.said}" for one in made if one.name == BACK and one.well)
        told = dataclasses.replace(told, untouched=evidence, same=())
    reason, way_out = _reason(record, titles, status)
    back, ways = _ways(stack, record, status)
    ended, undone = _ended(record)
    task = str(planned.get("task") or "an unknown task")
    account = Account(
        operation=record.operation,
        task=task,
        title=str(planned.get("title") or f"operation {record.operation}"),
        incident=INCIDENTS.get(task, task),
        stack=str(stack.root),
        status=status,
        began=_time(events[0]),
        ended=ended,
        undone=undone,
        reason=reason,
        way_out=way_out,
        figures=tuple(figures(record, told, made)),
        timeline=tuple(_timeline(events, titles, status)),
        found=tuple(found(planned)),
        did=tuple(_did(record, titles, status)),
        charts=told.charts,
        changes=told.changes,
        changes_left=told.left,
        untouched=told.untouched,
        same=told.same,
        checks=made,
        notes=tuple(str(note) for note in planned.get("arguments", {}).get("notes") or ()),
        back=back,
        ways=ways,
        versions={name: number for name in PACKAGES if (number := _version(name))},
    )
    return in_every_text(account, redact)  # before anything is escaped: an escaped secret would not be known


def _whole(record: Record) -> Record:
    """A journal whose first line is torn has no plan: what comes next must not be taken for one."""
    if record.events[0].event == "planned":
        return record
    lost = Event(record.events[0].at, "planned", None, {})
    return dataclasses.replace(record, events=(lost, *record.events))


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event.at)


def _titles(record: Record) -> dict[str, str]:
    """Titles of steps, as planned; of a journal that has no plan as begun."""
    steps = cast("list[dict[str, Any]]", record.planned.get("steps") or [])
    begun = {e.step: str(e.data.get("title", e.step)) for e in record.events if e.event == "started" and e.step}
    return begun | {str(step["name"]): str(step["title"]) for step in steps}


def _ended(record: Record) -> tuple[datetime, datetime | None]:
    """When the work had ended, and when it was rolled back, if it was."""
    if record.status != "rolled_back":
        return (record.last_at if record.status == "stopped" else _time(record.events[-1])), None
    begun = next(at for at, event in enumerate(record.events) if event.event in (ROLLBACK, "rolled_back"))
    return _time(record.events[max(begun - 1, 0)]), _time(record.events[-1])


def _reason(record: Record, titles: Mapping[str, str], status: str) -> tuple[str, str]:
    """Why it did not do what was asked for, and what its error advised."""
    failed = [event for event in record.events if event.event == "failed"]
    if status == "succeeded" or (status == "rolled_back" and any(e.event == "succeeded" for e in record.events)):
        return "", ""
    if failed and (failed[-1].step not in record.results or status in ("put_back", "refused")):
        return str(failed[-1].data.get("reason", "")), str(failed[-1].data.get("way_out", ""))
    if status != "stopped":
        return "", ""
    if record.rollback_begun:
        return "The way back was not finished", ""
    last = record.last_step
    if last is None or last in record.results:
        return "It was killed between two steps", ""
    return f"It was killed in the middle of a step: {titles.get(last, last)}", ""


def _timeline(events: Sequence[Event], titles: Mapping[str, str], status: str) -> Iterator[Moment]:
    began: dict[str, datetime] = {}
    for at, event in enumerate(events):
        when, step = _time(event), event.step or ""
        title = titles.get(step, step)
        if event.event == "planned":
            yield Moment(when, "The plan was agreed to")
        elif event.event == "retried":
            if events[at - 1].event != "failed":
                yield Moment(_time(events[at - 1]), f"It was killed{_in(events[at - 1], titles)}", bad=True)
            yield Moment(when, "It was taken up again")
        elif event.event == "started":
            began[step] = when
        elif event.event == "done":
            yield Moment(when, title, _seconds(began.get(step), when))
        elif event.event == "failed":
            yield Moment(when, f"{title}: {event.data.get('reason', '')}", _seconds(began.get(step), when), bad=True)
        elif event.event != ROLLBACK or events[at - 1].event != ROLLBACK:
            yield Moment(when, WORDS.get(event.event, event.event), bad=event.event == "put_back")
    last = events[-1]
    if status == RUNNING:
        yield Moment(_time(last), f"It is running{_in(last, titles)}")
    elif status == "stopped" and last.event == "failed":
        yield Moment(_time(last), "It was left there: a person decides whether it goes on or back", bad=True)
    elif status == "stopped":
        what = "The way back stopped in the middle" if last.event == ROLLBACK else f"It was killed{_in(last, titles)}"
        yield Moment(_time(last), what, bad=True)


def _in(event: Event, titles: Mapping[str, str]) -> str:
    inside = event.event == "started" and event.step
    return f" in the middle of a step: {titles.get(event.step or '', event.step)}" if inside else ""


def _seconds(began: datetime | None, ended: datetime) -> float | None:
    return None if began is None else round((ended - began).total_seconds(), 1)


def _did(record: Record, titles: Mapping[str, str], status: str) -> Iterator[Did]:
    """Every step of the plan; of a journal without its steps those that began."""
    seconds: dict[str, float | None] = {}
    began: dict[str, datetime] = {}
    for event in record.events:
        if event.step and event.event == "started":
            began[event.step] = _time(event)
        elif event.step and event.event == "done":
            seconds[event.step] = _seconds(began.get(event.step), _time(event))
    steps = cast("list[dict[str, Any]]", record.planned.get("steps") or [{"name": name} for name in titles])
    for step in steps:
        name = str(step["name"])
        broken = "failed" if any(e.event == "failed" and e.step == name for e in record.events) else "killed"
        half = "running" if status == RUNNING else broken
        state = "done" if name in seconds else half if name in began else "pending"
        yield Did(titles[name], str(step.get("equivalent", "")), state, seconds.get(name))


def _ways(stack: Stack, record: Record, status: str) -> tuple[str, tuple[Way, ...]]:
    """The commands that are left to choose from, or why there is none."""
    name = str(record.planned.get("arguments", {}).get("snapshot", ""))
    rollback, retry = (f"invoke ops.{word} {record.operation}" for word in ("rollback", "retry"))
    closed = {
        "put_back": "Nothing has to be undone: everything is as it was.",
        "refused": "Nothing has to be undone: everything is as it was.",
        "rolled_back": "It was rolled back; what it had made is kept in the quarantine.",
        RUNNING: "It is running. What can be done about it is known when it has ended.",
    }
    if status in closed:
        return closed[status], ()
    if status == "noted" or not name:
        return "It is a note: there is nothing to undo.", ()
    there = (snapshots.folder_of(stack, name) / snapshots.MANIFEST).is_file()
    if not there and "snapshot" in record.results:
        return f"It cannot be undone any more: its snapshot {name} is gone.", ()
    puts = f"puts the snapshot {name} back; what is there now goes into the quarantine"
    if status != "stopped":
        return f"One command {puts}.", (Way("Undo it", rollback),)
    back = Way("Put everything back" if there else "Close it: nothing has been changed yet", rollback)
    if record.rollback_begun:
        return f"The rollback that has begun has to be finished; it {puts}.", (back,)
    return "It has to be decided which of the two it is to be.", (Way("Go on from where it stopped", retry), back)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
