"""Tells an operation from its journal alone: what was found, what was done, what changed, what is proven."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from ops_tasks.operation.journal import ROLLBACK, Event, Record
from ops_tasks.scenarios.account_facts import Account, Bar, Change, Chart, Check, Did, Moment
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots

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
AROUND = timedelta(days=10)
MOST_CHARTS, MOST_BARS = 12, 90
PACKAGES = ("duckdb", "sqlmesh", "dlt", "dagster", "soda-core")
NUMBERS = ("tables", "rows", "files", "bytes", "added", "removed", "changed", "untouched", "deleted", "inserted")


def account(stack: Stack, record: Record) -> Account:
    """Everything about one operation; reads the journal and the files beside it, no database."""
    planned, events = record.planned, record.events
    arguments = cast("Mapping[str, Any]", planned.get("arguments", {}))
    failed = [event for event in events if event.event == "failed"]
    changes, untouched = _changes(record)
    back, words = _back(stack, record, arguments)
    return Account(
        operation=record.operation,
        task=str(planned.get("task")),
        title=str(planned.get("title")),
        incident=INCIDENTS.get(str(planned.get("task")), str(planned.get("task"))),
        stack=str(stack.root),
        status=record.status,
        began=_time(events[0]),
        ended=record.last_at,
        reason=str(failed[-1].data.get("reason", "")) if failed and record.status != "succeeded" else "",
        timeline=tuple(_timeline(events)),
        found=tuple(_found(planned, arguments)),
        did=tuple(_did(planned, record)),
        charts=tuple(_charts(record, arguments)),
        changes=tuple(changes),
        untouched=tuple(untouched),
        checks=tuple(_checks(record)),
        notes=tuple(str(note) for note in arguments.get("notes", [])),
        back=back,
        back_words=words,
        versions={name: number for name in PACKAGES if (number := _version(name))},
    )


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event.at)


def _timeline(events: Sequence[Event]) -> Iterator[Moment]:
    began: dict[str, datetime] = {}
    titles = {event.step: str(event.data.get("title", event.step)) for event in events if event.event == "started"}
    for at, event in enumerate(events):
        when, step = _time(event), event.step or ""
        if event.event == "planned":
            yield Moment(when, "The plan was agreed to")
        elif event.event == "retried":
            yield Moment(_time(events[at - 1]), "It was stopped here, in the middle of a step", bad=True)
            yield Moment(when, "It was taken up again")
        elif event.event == "started":
            began[step] = when
        elif event.event == "done":
            yield Moment(when, titles.get(step, step), _seconds(began.get(step), when))
        elif event.event == "failed":
            yield Moment(when, f"{titles.get(step, step)}: {event.data.get('reason', '')}", bad=True)
        elif event.event == ROLLBACK:
            yield Moment(when, "The way back began")
        else:
            words = {"succeeded": "Done, and proven", "put_back": "Everything is as it was, checked"}
            words |= {"refused": "Refused; everything is as it was, checked", "rolled_back": "Rolled back, checked"}
            yield Moment(when, words.get(event.event, event.event))
    if events and events[-1].event in ("started", "done", "planned", "retried"):
        last = events[-1]
        what = f"It was stopped in the middle of: {titles.get(last.step, last.step)}" if last.step else "It was stopped"
        yield Moment(_time(last), what, bad=True)


def _seconds(began: datetime | None, ended: datetime) -> float | None:
    return None if began is None else round((ended - began).total_seconds(), 1)


def _found(planned: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(one) for one in planned.get("seen", []))
    by_table: dict[str, list[str]] = {}
    for flag in cast("list[dict[str, Any]]", arguments.get("flags") or []):
        said = f"{flag['day']} {flag['kind']}: {flag['rows']:,} rows where {flag['usual']:,.0f} are usual"
        by_table.setdefault(str(flag["table"]), []).append(said)
    for table, days in by_table.items():
        more = f" and {len(days) - 5} more days" if len(days) > 5 else ""
        yield f"{table}: {'; '.join(days[:5])}{more}"


def _did(planned: Mapping[str, Any], record: Record) -> Iterator[Did]:
    """Every step of the plan; of a journal without its steps those that began."""
    events = record.events
    seconds: dict[str, float | None] = {}
    began: dict[str, datetime] = {}
    titles: dict[str, str] = {}
    for event in events:
        if event.step and event.event == "started":
            began[event.step] = _time(event)
            titles.setdefault(event.step, str(event.data.get("title", event.step)))
        elif event.step and event.event == "done":
            seconds[event.step] = _seconds(began.get(event.step), _time(event))
    failed = {event.step for event in events if event.event == "failed"} - set(seconds)
    steps = cast(
        "list[dict[str, Any]]", planned.get("steps") or [{"name": name, "title": titles[name]} for name in titles]
    )
    for step in steps:
        name = str(step["name"])
        status = "done" if name in seconds else "failed" if name in failed or name in began else "pending"
        yield Did(str(step["title"]), str(step.get("equivalent", "")), status, seconds.get(name))


def _charts(record: Record, arguments: Mapping[str, Any]) -> Iterator[Chart]:
    """Rows per day of the tables that changed: of a window some days around it, of a restore the days that differ."""
    yield from list(_of_window(record, arguments))[:MOST_CHARTS]
    yield from list(_of_restore(record))[:MOST_CHARTS]


def _of_window(record: Record, arguments: Mapping[str, Any]) -> Iterator[Chart]:
    before, after = _json(record.folder / "before.json"), _json(record.folder / "after.json")
    window = cast("dict[str, str]", arguments.get("window") or {})
    if not before or not after or not window:
        return
    first, last = date.fromisoformat(window["start"]), date.fromisoformat(window["end"])
    for change in cast("list[dict[str, Any]]", _json(record.folder / "comparison.json") or []):
        name = str(change["table"])
        if not change["changed"] or not change["dated"]:
            continue
        rows = [_rows(one.get(name)) for one in (before, after)]
        known = [day for one in rows for day in one]
        if not known:
            continue
        begin, end = max(first - AROUND, min(known)), min(last + AROUND, max(max(known), last))
        yield Chart(name, tuple(_bars(rows[0], rows[1], begin, end, (first, last))))


def _of_restore(record: Record) -> Iterator[Chart]:
    """What a restore changed per day: rows that went away as before, rows that came back as after."""
    told = cast("dict[str, dict[str, Any]]", _json(record.folder / "difference.json") or {})
    for name, one in told.items():
        days = {day: counts for day, counts in cast("dict[str, list[int]]", one["days"]).items() if day != "none"}
        removed = {date.fromisoformat(day): counts[1] + counts[2] for day, counts in days.items()}
        added = {date.fromisoformat(day): counts[0] + counts[2] for day, counts in days.items()}
        if days:
            span = (min(added), max(added))
            yield Chart(f"{name} (rows that went, rows that came)", tuple(_bars(removed, added, *span, span)))


def _rows(measured: Any) -> dict[date, int]:
    days = cast("dict[str, list[Any]]", measured["days"]) if measured else {}
    return {date.fromisoformat(day): int(told[0]) for day, told in days.items() if day != "none"}


def _bars(
    before: Mapping[date, int], after: Mapping[date, int], begin: date, end: date, window: tuple[date, date]
) -> Iterator[Bar]:
    begin = max(begin, end - timedelta(days=MOST_BARS - 1))
    for number in range((end - begin).days + 1):
        day = begin + timedelta(days=number)
        yield Bar(day, before.get(day, 0), after.get(day, 0), window[0] <= day <= window[1])


def _changes(record: Record) -> tuple[list[Change], list[str]]:
    """Tables that changed, and what is proven about the others."""
    compared = cast("list[dict[str, Any]]", _json(record.folder / "comparison.json") or [])
    changes = [
        Change(
            str(one["table"]),
            int(one["rows"][0]),
            int(one["rows"][1]),
            _days(one["days"]) if one["dated"] else "has no days",
            ", ".join(map(str, one["outside"])) or ("none" if one["dated"] else "–"),
        )
        for one in compared
        if one["changed"]
    ]
    for name, one in cast("dict[str, dict[str, Any]]", _json(record.folder / "difference.json") or {}).items():
        told = f"{one['added']:,} rows added, {one['removed']:,} removed, {one['changed']:,} changed"
        changes.append(Change(name, int(one["before"] or 0), int(one["after"] or 0), told, "–"))
    untouched: list[str] = []
    same = [one for one in compared if not one["changed"]]
    if compared:
        rows = sum(int(one["rows"][1]) for one in same)
        untouched.append(f"{len(same)} tables ({rows:,} rows) are identical by row count and fingerprint")
        dated = [one for one in compared if one["changed"] and one["dated"] and not one["outside"]]
        untouched.append(f"{len(dated)} of the changed tables are identical on every day outside of the window")
        left = {f"{one['table']}: {', '.join(one['excluded'])}" for one in compared if one["excluded"]}
        untouched += [f"not compared, because it tells the time of the run: {text}" for text in sorted(left)]
    return changes, untouched


def _days(days: Mapping[str, Sequence[Any]]) -> str:
    told = [f"{day} {rows[0]:,} → {rows[1]:,}" for day, rows in days.items()]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "") or "contents only"


def _checks(record: Record) -> Iterator[Check]:
    """What the steps have proven, in their own numbers."""
    for name, result in record.results.items():
        for one in cast("list[dict[str, Any]]", result.get("contracts", [])):
            said = f"{one['checks_passed']} of {one['checks']} checks passed"
            yield Check(f"contract {one['dataset']}", said, bool(one["passed"]))
        audits = cast("list[dict[str, Any]]", result.get("audits", []))
        if audits:
            bad = sum(1 for one in audits if one["failures"])
            skipped = sum(1 for one in audits if one["skipped"])
            more = f", {skipped} did not run: their definitions skip them" if skipped else ""
            yield Check(f"audits of {name}", f"{len(audits) - bad - skipped} of {len(audits)} passed{more}", not bad)
        if isinstance(result.get("said"), str):
            findings = cast("list[Any]", result.get("findings", []))
            more = f", {len(findings)} findings" if findings else ""
            yield Check(name, f"{result['said']}{more}", not findings)
        numbers = [f"{result[key]:,} {key}" for key in NUMBERS if isinstance(result.get(key), int)]
        if numbers and "said" not in result:
            yield Check(name, ", ".join(numbers))
    for event in record.events:
        if event.event in ("put_back", "rolled_back") and "files" in event.data:
            yield Check("put back", f"{event.data['files']} files are byte-identical to before")


def _back(stack: Stack, record: Record, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The command that undoes it, or why there is none."""
    name = str(arguments.get("snapshot", ""))
    if record.status in ("put_back", "refused"):
        return "", "Nothing has to be undone: everything is as it was."
    if record.status == "rolled_back":
        return "", "It was undone already."
    if record.status == "noted" or not name:
        return "", "It is no operation that could be undone."
    if "snapshot" in record.results and not (snapshots.folder_of(stack, name) / snapshots.MANIFEST).is_file():
        return "", f"It cannot be undone any more: its snapshot {name} is gone."
    command = f"invoke ops.rollback {record.operation} --stack={stack.root}"
    if record.status == "stopped" and not record.rollback_begun:
        forward = f"invoke ops.retry {record.operation} --stack={stack.root}"
        return command, f"It was stopped: `{forward}` goes on with it, the command below puts everything back."
    return command, f"It puts the snapshot {name} back; what is there now is kept in the quarantine."


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
