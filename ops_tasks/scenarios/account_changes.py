"""What an operation changed, per table and day, and what is proven untouched: from the files beside its journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from ops_tasks.operation.journal import Record
from ops_tasks.scenarios.account_facts import ENDS, RUNNING, Bar, Change, Chart
from ops_tasks.scenarios.backfill_steps import AFTER, BEFORE
from ops_tasks.scenarios.backfill_validation import REPORT
from ops_tasks.scenarios.past import DIFFERENCE
from ops_tasks.systems.sql import NO_DAY, UNDATED

AROUND = timedelta(days=10)
MOST_CHARTS, MOST_BARS, MOST_SPANS = 12, 90, 4
DAY = timedelta(days=1)
GONE, CAME = "taken away", "brought in"


@dataclass(frozen=True)
class Changes:
    """What changed, the proof about the rest, and the same as charts; `left` tells what could not be told."""

    changes: tuple[Change, ...] = ()
    untouched: tuple[str, ...] = ()
    same: tuple[tuple[str, int], ...] = ()
    charts: tuple[Chart, ...] = ()
    left: str = ""


def changes(record: Record, status: str) -> Changes:
    """Read what the operation has measured; `status` as in `account_facts.ENDS`."""
    compared = _json(record, REPORT)
    if isinstance(compared, list):
        return _of_window(record, cast("list[dict[str, Any]]", compared), status)
    differing = _json(record, DIFFERENCE)
    if isinstance(differing, dict):
        return _of_restore(cast("dict[str, dict[str, Any]]", differing), cut="cut" in record.results)
    if lost := _lost(record):
        return Changes(left=f"What it has changed was measured, and is lost: {lost}")
    if made := tuple(_of_recovery(record)):
        return Changes(
            made, left="Of these tables it is known how many rows and days they had, not how many on which day."
        )
    return Changes(left=_unmeasured(record, status))


def days(told: Iterable[date]) -> str:
    """`2026-04-18 to 2026-04-20 and 2026-04-25 (4 days)`."""
    known = sorted(set(told))
    starts = [day for day in known if day - DAY not in known]
    ends = [day for day in known if day + DAY not in known]
    spans = [f"{first}" if first == last else f"{first} to {last}" for first, last in zip(starts, ends, strict=True)]
    more = f" and {len(spans) - MOST_SPANS} more spans" if len(spans) > MOST_SPANS else ""
    count = f" ({len(known)} days)" if len(known) > 1 else ""
    return f"{', '.join(spans[:MOST_SPANS])}{more}{count}"


def _of_window(record: Record, compared: Sequence[Mapping[str, Any]], status: str) -> Changes:
    """Of a backfill or a restatement: every table was counted and fingerprinted per day, before and after."""
    ordered = sorted(compared, key=lambda one: one["role"]["kind"] != "reloaded")  # what was loaded comes first
    changed = [one for one in ordered if one["changed"]]
    same = tuple((str(one["table"]), int(one["rows"][1])) for one in ordered if not one["changed"])
    told = [f"{len(same)} of {len(compared)} tables are identical by row count and fingerprint"]
    kept = [one for one in changed if one["dated"] and not one["outside"]]
    if kept:
        which = f"{len(kept)} of the {len(changed)} changed tables" if len(changed) > 1 else "the changed table"
        told.append(f"{which}: identical on every day outside of the window")
    left_out = sorted(f"{one['table']} ({', '.join(one['excluded'])})" for one in compared if one["excluded"])
    if left_out:
        told.append(f"not compared, because they tell the time of the run: {', '.join(left_out)}")
    charts, more = _few(list(_charts(record, changed, status)))
    gone = [name for name in (BEFORE, AFTER) if not isinstance(_json(record, name), dict)]
    lost = f"The rows per day are lost, and no chart can be drawn: {_missing(record, gone[0])}" if gone else ""
    return Changes(tuple(map(_change, changed)), tuple(told), same, charts, more or lost)


def _change(one: Mapping[str, Any]) -> Change:
    told = cast("dict[str, Any]", one["days"])
    spans = days(date.fromisoformat(day) for day in told if day not in UNDATED)
    rows = int(one["rows"][0]), int(one["rows"][1])
    if not one["dated"]:
        what = "rows without a day" if rows[0] != rows[1] else "contents only; it has no days"
    else:
        undated = "rows without a day" if NO_DAY in told else ""
        what = ", ".join(part for part in (spans, undated) if part) or "contents only"
        if told and all(before == after for before, after in told.values()):
            what = f"contents only: {what}"
    strays = cast("list[str]", one["outside"])
    outside = [days(date.fromisoformat(day) for day in strays if day not in UNDATED)] if any(strays) else []
    outside += ["rows without a day"] if NO_DAY in strays else []
    alone, left = one.get("orphans", (0, 0))  # older journals do not tell
    outside += [f"{alone - left:,} rows without a parent removed"] if alone > left else []
    proven = "nothing" if one["dated"] and told else "cannot be told"  # without days nobody knows where they lie
    return Change(str(one["table"]), *rows, what, ", ".join(part for part in outside if part) or proven)


def _charts(record: Record, changed: Sequence[Mapping[str, Any]], status: str) -> Iterator[Chart]:
    before, after = _json(record, BEFORE), _json(record, AFTER)
    window = cast("dict[str, str]", record.planned.get("arguments", {}).get("window") or {})
    if not isinstance(before, dict) or not isinstance(after, dict) or not window:
        return
    before, after = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
    first, last = date.fromisoformat(window["start"]), date.fromisoformat(window["end"])
    for one in changed:
        name = str(one["table"])
        differing = {date.fromisoformat(day) for day in one["days"] if day not in UNDATED}
        rows = _rows(before.get(name)), _rows(after.get(name))
        known = {day for side in rows for day in side} | differing
        if not one["dated"] or not known:
            continue
        begin = min(max(min(known), first - AROUND), *differing, first)
        end = max(min(max(known), last + AROUND), *differing, last)
        bars = _bars(*rows, differing, begin, end, (first, last))
        yield Chart(name, tuple(bars), "before", ENDS[status].after)


def _of_restore(told: Mapping[str, Mapping[str, Any]], *, cut: bool) -> Changes:
    """Of a restore that laid the past beside the present: what differed, row by row. All else was the same."""
    if not cut:
        return Changes(left=f"{len(told)} tables differed from the past that was to come back; nothing came of it.")
    made: list[Change] = []
    charts: list[Chart] = []
    for name, one in told.items():
        counts = {
            date.fromisoformat(day): (sum(rows[1:]), rows[0] + rows[2])
            for day, rows in cast("dict[str, list[int]]", one["days"]).items()
            if day not in UNDATED
        }
        what = ", ".join(f"{one[word]:,} rows {word}" for word in ("added", "removed", "changed") if one[word])
        columns = cast("list[str]", one["columns"])
        what += f"{'; ' if what else ''}columns of one side only: {', '.join(columns)}" if columns else ""
        for side, why in cast("dict[str, str]", one.get("unread", {})).items():  # older operations do not tell
            what += f"{'; ' if what else ''}not readable {side}, {why}"
        made.append(Change(str(name), one["before"], one["after"], f"{what}; {days(counts)}" if counts else what))
        if counts:
            removed, added = ({day: pair[at] for day, pair in counts.items()} for at in (0, 1))
            span = (min(counts), max(counts))
            charts.append(Chart(str(name), tuple(_bars(removed, added, set(counts), *span, span)), GONE, CAME))
    proof = ["every other table was compared with the present, per table and day: identical"]
    if not made:
        proof = ["every table was compared with the present, per table and day: identical"]
    return Changes(tuple(made), tuple(proof), (), *_few(charts))


def _of_recovery(record: Record) -> Iterator[Change]:
    """Of a rebuild, repair or restore of a part: what each table had, as far as anybody knew, and has now."""
    looks = cast("dict[str, dict[str, Any]]", record.planned.get("arguments", {}).get("before") or {})
    if not looks:
        return
    now: dict[str, Any] = {}
    for step in ("gate", "compare"):
        now |= cast("dict[str, Any]", record.results.get(step, {}).get("tables") or {})
    for name, look in looks.items():
        if name not in now:
            continue
        after = now[name]
        span = f"{after['days']} days, {after['first']} to {after['last']}" if after["days"] else "no days"
        had = f"{look['days']} days in {look['where']}" if after["days"] or look["days"] else f"as in {look['where']}"
        rows = None if after["problem"] else int(after["rows"])
        yield Change(name.replace('"', ""), int(look["rows"]), rows, f"made again: {span}; {had}")


def _unmeasured(record: Record, status: str) -> str:
    """What is to be said where nothing was measured: that is no proof of anything."""
    if status in ("put_back", "refused", "noted"):
        return ""
    if "snapshot" not in record.results:
        return "Nothing had been changed yet."
    if status in ("stopped", RUNNING):
        return "It did not get as far as counting rows again: how much it has changed is not known."
    return "This kind of operation does not count rows per day before and after; the validation tells what it checks."


def _lost(record: Record) -> str:
    """Which file of a measurement that was made is no longer there as it was written, and how; nothing for none."""
    made = {REPORT: "untouched" in record.results.get("compare", {}), DIFFERENCE: "differ" in record.results}
    names = [name for name, done in made.items() if done or (record.folder / name).exists()]
    return _missing(record, names[0]) if names else ""


def _missing(record: Record, name: str) -> str:
    file = record.folder / name
    return f"{file} {'cannot be read any more' if file.exists() else 'is gone'}."


def _few(charts: Sequence[Chart]) -> tuple[tuple[Chart, ...], str]:
    more = f"{len(charts) - MOST_CHARTS} more tables changed without a chart here." if len(charts) > MOST_CHARTS else ""
    return tuple(charts[:MOST_CHARTS]), more


def _rows(measured: Any) -> dict[date, int]:
    told = cast("dict[str, list[Any]]", measured["days"]) if measured else {}
    return {date.fromisoformat(day): int(counts[0]) for day, counts in told.items() if day not in UNDATED}


def _bars(
    before: Mapping[date, int],
    after: Mapping[date, int],
    differing: set[date],
    begin: date,
    end: date,
    window: tuple[date, date],
) -> Iterator[Bar]:
    if (end - begin).days >= MOST_BARS:  # the days that count are at the window, or the newest
        end = min(end, max(window[1] + AROUND, begin + (MOST_BARS - 1) * DAY))
        begin = max(begin, end - (MOST_BARS - 1) * DAY)
    for number in range((end - begin).days + 1):
        day = begin + number * DAY
        yield Bar(day, before.get(day, 0), after.get(day, 0), window[0] <= day <= window[1], day in differing)


def _json(record: Record, name: str) -> Any:
    try:
        return json.loads((record.folder / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
