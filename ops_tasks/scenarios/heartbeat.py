"""The watch over the scheduler: whether its daemon lives, fires what is due, and the marts come; and its web server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError
from urllib.request import build_opener

from ops_tasks import whole_files
from ops_tasks.scenarios import schedules
from ops_tasks.scenarios.missed import Request, Work, chosen, works
from ops_tasks.scenarios.schedules import Schedule, Truth
from ops_tasks.scenarios.signs import Sign, signs, told
from ops_tasks.scenarios.symptoms import counted
from ops_tasks.scenarios.verdict import Finding, Gauge, Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.web import ask

LIMIT = 45.0
SECOND_LOOK, POLL = 60.0, 2.0
CODE, CODE_SECONDS = "code.json", 3600.0
NEW = "unknown.json"
WEB_SECONDS = 10.0
WATCHED = {"daemon", "error", "unknown", "missed", "paused", "tick", "stuck", "run", "late"}

Say = Callable[[str], None]


def judge(stack: Stack, say: Say, *, note: bool = True) -> Verdict:
    """Look at Dagster's storage, at its web server, at the clock; `note` keeps what the code declares for an hour."""
    with Crew(stack.root, limit=LIMIT + SECOND_LOOK) as hands:
        code = _code(stack, hands, note=note)
        truth = schedules.read(stack, hands, code=code)
        truth = _look_again(stack, hands, truth, code, say)
        owed = missing(stack, hands, truth)
    section = schedules.section_of(stack)
    found = [sign for sign in signs(truth, owed, stack.config.watch, section) if sign.cause in WATCHED]
    new = _new(stack, [sign.object for sign in found if sign.cause == "unknown"], truth.now, note=note)
    found = [sign for sign in found if sign.cause != "unknown" or sign.object not in new]
    web = web_server(section.webserver) if section.webserver else None
    if web is not None and web[0] is not None:
        found.append(Sign("web", "web server", web[0], "invoke dagster.dev, or start your own again"))
    said = [summed_up(truth)] if not any(sign.cause == "daemon" for sign in found) else []
    if web is not None and web[0] is None:
        said.append(f"the web server answers ({web[1]}); it says nothing of the daemon")
    return Verdict(
        "heartbeat",
        tuple(said),
        tuple(Finding(sign.object, sign.reason, sign.way_out, sign.cause) for sign in found),
        tuple(_gauges(truth, owed, web)),
        {"causes": sorted({sign.cause for sign in found}), "beats": dict(truth.beats)},
    )


def missing(stack: Stack, hands: Crew, truth: Truth) -> dict[str, list[Work]]:
    """Schedule -> the runs it owes: fires that were due `grace_minutes` ago, and no run that makes up for them."""
    until = truth.now - stack.config.watch.grace_minutes * 60
    found: dict[str, list[Work]] = {}
    for schedule in truth.schedules:
        fires = schedule.alarming(until)
        if fires:
            asked = requests(stack, hands, schedule, fires)
            found[schedule.name] = chosen(works(schedule, asked, truth.runs.get(schedule.job, ())), "none")
    return found


def requests(stack: Stack, hands: Crew, schedule: Schedule, fires: Sequence[float]) -> list[Request]:
    """What the schedule would have asked for at these fires, by its own word."""
    told_by = hands.call(
        schedules.hire(stack, hands),
        "requests",
        module=schedules.section_of(stack).module,
        folder=str(stack.root),
        schedule=schedule.name,
        fires=list(fires),
    )
    return [Request(**one) for one in told_by]


def web_server(address: str) -> tuple[str | None, str]:
    """What is wrong with the web server, or None and its version. It proves nothing of the daemon."""
    place = f"{address.rstrip('/')}/server_info"
    try:
        answer = json.loads(ask(build_opener(), place, WEB_SECONDS, 4096))
    except (URLError, OSError, HTTPException, ValueError) as error:
        why = str(getattr(error, "reason", error)) or type(error).__name__
        return f"{place} does not answer: {' '.join(why.split())}", ""
    told_of = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    version = str(told_of.get("dagster_webserver_version", ""))
    return (None, version) if version else (f"{place} is no Dagster web server", "")


def _look_again(stack: Stack, hands: Crew, truth: Truth, code: Mapping[str, Any], say: Say) -> Truth:
    """A daemon that is quiet, and not yet silent, gets until the limit: a watch that runs every minute would find a
    death up to a minute late otherwise, or would have to cry at a shorter silence."""
    limit = stack.config.watch.daemon_seconds
    age = truth.oldest_beat
    if age is None or not limit - SECOND_LOOK < age <= limit:
        return truth
    say(f"not heard for {told(age)}: looking again until it is {limit} s")
    deadline = time.monotonic() + limit - age + 0.5
    while time.monotonic() < deadline:
        time.sleep(min(POLL, max(0.05, deadline - time.monotonic())))
        beats = hands.call(schedules.hire(stack, hands), "beats")
        if all(beats[name] is not None and beats[name] != truth.beats.get(name) for name in _quiet(truth, limit)):
            break
    return schedules.read(stack, hands, code=code)


def _quiet(truth: Truth, limit: float) -> list[str]:
    return [name for name, beat in truth.beats.items() if beat is not None and truth.now - beat > limit - SECOND_LOOK]


def _code(stack: Stack, hands: Crew, *, note: bool) -> Mapping[str, Any]:
    """What the code declares, as it was imported within the last hour: the import costs more than all the rest."""
    file = stack.home / "watch" / CODE
    section = schedules.section_of(stack)
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["module"] == section.module and 0 <= time.time() - kept["at"] < CODE_SECONDS:
            return kept["code"]
    found: Mapping[str, Any] = hands.call(
        schedules.hire(stack, hands), "code", module=section.module, folder=str(stack.root)
    )
    if note:
        _keep(file, {"module": section.module, "at": time.time(), "code": found})
    return found


def _new(stack: Stack, names: Sequence[str], now: float, *, note: bool) -> set[str]:
    """Those of the schedules that no daemon has seen which were not there `grace_minutes` ago: code comes first."""
    file, since = stack.home / "watch" / NEW, dict[str, float]()
    with suppress(OSError, ValueError, TypeError, AttributeError):
        since = {name: float(at) for name, at in json.loads(file.read_text(encoding="utf-8")).items()}
    seen = {name: since.get(name, now) for name in names}
    if note and seen != since:
        _keep(file, seen)
    return {name for name, at in seen.items() if 0 <= now - at < stack.config.watch.grace_minutes * 60}


def _keep(file: Path, value: Mapping[str, Any]) -> None:
    with suppress(OSError):  # a full disk is the other watch's business
        file.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(file, json.dumps(value))


def summed_up(truth: Truth) -> str:
    """A well scheduler in one sentence: the last tick is told of every schedule, also of those that are off."""
    on = sum(1 for one in truth.schedules if one.on)
    last = max((one.last for one in truth.schedules if one.last is not None), default=None)
    newest = f"the last tick was {schedules.clock(last)} UTC" if last is not None else "none has ticked yet"
    count = f"{counted(on, 'schedule')} on, {len(truth.schedules) - on} off"
    return f"the daemon was heard {told(truth.oldest_beat or 0)} ago; {count}, {newest}"


def _gauges(truth: Truth, owed: Mapping[str, Sequence[Work]], web: tuple[str | None, str] | None) -> list[Gauge]:
    found = [
        Gauge("ops_daemon_heartbeat_age_seconds", "Since a daemon was heard", truth.now - beat, {"daemon": name})
        for name, beat in truth.beats.items()
        if beat is not None
    ]
    for one in truth.schedules:
        label = {"schedule": one.name}
        found.append(Gauge("ops_schedule_on", "Whether a schedule is turned on", float(one.on), label))
        count = float(sum(work.count for work in owed.get(one.name, ())))
        found.append(Gauge("ops_schedule_missed_fires", "Fires that nobody has made up for", count, label))
        if one.last is not None:
            name = "ops_schedule_last_tick_timestamp_seconds"
            found.append(Gauge(name, "When a schedule ticked last", one.last, label))
    for asset, promise in truth.assets.items():
        if promise.last is not None:
            name = "ops_asset_last_materialization_timestamp_seconds"
            found.append(Gauge(name, "When an asset was materialized last", promise.last, {"asset": asset}))
    if web is not None:
        found.append(Gauge("ops_web_server_up", "Whether the web server answers", float(web[0] is None)))
    return found
