"""The `sandbox.*` tasks: thin, and with nothing heavy imported before one of them runs."""

from __future__ import annotations

import json as jsons
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, cast

from invoke import tasks
from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from sandbox.errors import SandboxError, UsageError

DIR = "Folder of the stack (default: .sandbox/stack of this repository)."
JSON = "One JSON document on standard output; text for people goes to standard error."
START = "First day, YYYY-MM-DD (default: nine days before the stack's today)."
END = "Last day, YYYY-MM-DD, inclusive (default: seven days before the stack's today)."
EXITS = {"ok": 0, "findings": 1}

Told = Callable[[str], None]
Answer = tuple[str, dict[str, Any]]


def _task(**options: Any) -> Callable[[Callable[..., None]], Task[Callable[..., Any]]]:
    """Invoke's own decorator, which has no types."""
    return cast("Any", tasks).task(**options)


@_task(
    help={
        "dir": DIR,
        "days": "Days of data (default: 45).",
        "today": "Let the stack live on this day, YYYY-MM-DD, instead of now; its last data is of the day before.",
        "fresh": "Throw a sandbox away that is there already.",
        "json": JSON,
    }
)
def up(_c: Context, *, dir: str = "", days: str = "", today: str = "", fresh: bool = False, json: bool = False) -> None:
    """Build a stack to practise on, or wake the one that is there: loads, marts, contracts and its API server.

    The first build takes some ten seconds, every further stack comes from a cache.

    Example: inv sandbox.up --dir=/tmp/stack --days=45
    """

    def body(say: Told) -> Answer:
        from sandbox import stacks

        if days and not days.isdigit():
            raise UsageError(f"--days: {days!r} is not a number")
        began = time.monotonic()
        made = stacks.up(
            dir or stacks.DEFAULT,
            int(days) if days else None,
            _day("--today", today),
            fresh=fresh,
            told=lambda stage, seconds: say(f"  {stage:<20} {seconds:5.1f} s"),
        )
        spent = f"{time.monotonic() - began:.1f} s"
        word = "kept (--fresh replaces it)" if made.kept else "up"
        say(f"{made.folder} is {word}: {made.state.days} days up to {made.state.last}, API at {made.url}, {spent}")
        return "ok", {
            "dir": str(made.folder),
            "url": made.url,
            "today": made.state.today,
            "first_day": made.state.first,
            "last_day": made.state.last,
            "cached": made.cached,
            "kept": made.kept,
            "seconds": {stage: round(seconds, 2) for stage, seconds in made.seconds.items()},
        }

    _finish("sandbox.up", body, json=json)


@_task(
    name="break",
    positional=["name"],
    help={
        "name": "The incident, one of those above.",
        "dir": DIR,
        "start": START,
        "end": END,
        "mode": "For bad-window: empty, half (default), wrong or spike.",
        "file": "databox, raw_ebird, raw_noaa, raw_usgs or sqlmesh_state (default: databox; for lost-wal raw_ebird).",
        "where": "For flip-bytes: used (default: table data), free (a block that nothing uses) or header.",
        "seed": "For flip-bytes: another number, another byte (default: 0).",
        "keep": "For truncate: percent of the file that stay (default: 60).",
        "days": "For lost-wal and old-data-new-state: how many of the last days are lost (default: 5).",
        "table": "For dropped-view and dropped-table: schema.name (default: ebird.fct_daily_bird_observations).",
        "leave": "For disk-full: KB that stay free (default: 64).",
        "json": JSON,
    },
)
def break_(
    _c: Context,
    *,
    name: str,
    dir: str = "",
    start: str = "",
    end: str = "",
    mode: str = "",
    file: str = "",
    where: str = "",
    seed: str = "",
    keep: str = "",
    days: str = "",
    table: str = "",
    leave: str = "",
    json: bool = False,
) -> None:
    """Break the stack the way it breaks in life, so that there is something to mend.

    bad-window: for some days eBird was ingested badly and the marts were built on it; the API tells the truth again.
    flip-bytes: one byte of a file is not what was written, in table data, in free space or in a header.
    truncate: the end of a file is cut off.
    zero-file: a file has 0 bytes.
    lost-file: a database and its WAL are gone.
    stale-wal: the WAL of another database lies beside a file.
    lost-wal: rows were committed into the WAL of raw_ebird or databox, and the WAL was deleted.
    lost-state: SQLMesh's state and its WAL are gone.
    old-data-new-state: databox is some days older than the raw data and SQLMesh's state.
    dropped-view: a view of prod is gone.
    dropped-table: the physical table below a view is gone.
    disk-full: a ballast file fills the volume of the stack (only one with less than 2 GB free).
    locked: a process in the background holds a file open for writing, until unlock or sandbox.down.
    newer-storage: a file has the storage version of a newer DuckDB.

    Example: inv sandbox.break bad-window --mode=empty --dir=/tmp/stack
    """

    def body(say: Told) -> Answer:
        from sandbox import breaks
        from sandbox.api import server

        folder = _folder(dir)
        options = {
            "start": _day("--start", start),
            "end": _day("--end", end),
            "mode": mode or None,
            "file": file or None,
            "where": where or None,
            "seed": _whole("--seed", seed),
            "keep": _whole("--keep", keep),
            "days": _whole("--days", days),
            "table": table or None,
            "leave": _whole("--leave", leave),
        }
        done = breaks.apply(name, folder, **options)
        server.start(folder)
        say(done.words if done.name == "unlock" else f"broken: {done.words}")
        return "ok", {"dir": str(folder), "incident": done.name, "days": done.days, **done.facts}

    _finish("sandbox.break", body, json=json)


@_task(
    positional=["kind"],
    help={
        "kind": "error, empty, half, wrong, spike, slow, corrected (the new truth), or clear to take them all away.",
        "source": "ebird (default), noaa or usgs.",
        "start": START,
        "end": END,
        "seconds": "For slow: how long every answer is held back.",
        "corrections": "With clear: take the corrections back too.",
        "dir": DIR,
        "json": JSON,
    },
)
def fault(
    _c: Context,
    *,
    kind: str,
    source: str = "ebird",
    start: str = "",
    end: str = "",
    seconds: str = "",
    corrections: bool = False,
    dir: str = "",
    json: bool = False,
) -> None:
    """Let an API fail on some days from now on; what is loaded already stays as it is.

    Example: inv sandbox.fault error --source=noaa --start=2026-04-18 --end=2026-04-20
    """

    def body(say: Told) -> Answer:
        from sandbox.api import server
        from sandbox.api import state as states
        from sandbox.breaks.bad_window import window

        folder = _folder(dir)
        state = states.read(folder)
        if kind == "clear":
            state = states.cleared(state, corrections=corrections)
        else:
            first, last = window(state, _day("--start", start), _day("--end", end))
            state = states.with_fault(state, states.fault(kind, source, first, last, _number("--seconds", seconds)))
        states.write(folder, state)
        url = server.start(folder)
        for one in state.faults:
            say(f"{one.source} {one.start} to {one.end}: {one.kind}{f' {one.seconds:g} s' if one.seconds else ''}")
        say(f"{len(state.faults)} faults at {url}")
        return "ok", {"dir": str(folder), "url": url, "faults": [asdict(one) for one in state.faults]}

    _finish("sandbox.fault", body, json=json)


@_task(help={"dir": DIR, "json": JSON})
def truth(_c: Context, *, dir: str = "", json: bool = False) -> None:
    """Compare raw tables and marts with what they should hold; exit 1 when a day differs.

    Example: inv sandbox.truth --dir=/tmp/stack --json
    """

    def body(say: Told) -> Answer:
        from sandbox import stacks
        from sandbox.truth.compare import days

        folder = _folder(dir)
        found = stacks.truth(folder)
        for one in found:
            what = one.problem or f"{one.missing} rows missing, {one.extra} that should not be there"
            say(f"✗ {one.table}: {what}{f' ({_span(one.days)})' if one.days else ''}")
        say(f"{len(found)} tables differ" if found else "every raw table and every mart is true")
        by_day = {str(day): tables for day, tables in days(found).items()}
        more = {"dir": str(folder), "days": by_day, "findings": [asdict(one) for one in found]}
        return ("findings" if found else "ok"), more

    _finish("sandbox.truth", body, json=json)


@_task(help={"dir": DIR, "remove": "Delete the stack as well.", "json": JSON})
def down(_c: Context, *, dir: str = "", remove: bool = False, json: bool = False) -> None:
    """Stop the stack's API server and what `sandbox.break locked` started; with --remove the stack goes too.

    Example: inv sandbox.down --dir=/tmp/stack --remove
    """

    def body(say: Told) -> Answer:
        from sandbox import stacks

        folder = _folder(dir)
        stopped = stacks.down(folder, remove=remove)
        say(f"{folder}: server {'stopped' if stopped else 'was not running'}{', stack removed' if remove else ''}")
        return "ok", {"dir": str(folder), "stopped": stopped, "removed": remove}

    _finish("sandbox.down", body, json=json)


@_task(help={"dir": "Folder to rehearse in; anything there is replaced (default: a temporary one).", "json": JSON})
def drill(_c: Context, *, dir: str = "", json: bool = False) -> None:
    """Rehearse an incident from beginning to end: load, break, diagnose, refuse, backfill, verify, kill, undo.

    Example: inv sandbox.drill
    """

    def body(say: Told) -> Answer:
        from sandbox.drill import run

        stages = run(Path(dir).expanduser().resolve() if dir else None, say)
        return "ok", {"steps": [asdict(stage) for stage in stages]}

    _finish("sandbox.drill", body, json=json)


def _finish(name: str, body: Callable[[Told], Answer], *, json: bool) -> None:
    """Run a task's body, print, and leave with its exit code."""
    stream = sys.stderr if json else sys.stdout

    def say(line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    head: dict[str, Any] = {"schema": "ops/1", "task": name, "status": "error", "operation": None, "steps": []}
    head["findings"] = []
    code = 0
    try:
        status, more = body(say)
        head |= {"status": status} | more
        code = EXITS[status]
    except SandboxError as error:
        head["findings"] = [{"reason": str(error)}]
        sys.stderr.write(f"✗ {error}\n")
        code = error.code
    if json:
        sys.stdout.write(jsons.dumps(head, indent=1, default=str) + "\n")
    if code:
        raise Exit(code=code)


def _folder(text: str) -> Path:
    from sandbox.stacks import DEFAULT

    return Path(text).expanduser().resolve() if text else DEFAULT


def _day(flag: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a day (YYYY-MM-DD)") from None


def _whole(flag: str, text: str) -> int | None:
    if text and not text.isdecimal():
        raise UsageError(f"{flag}: {text!r} is not a whole number")
    return int(text) if text else None


def _number(flag: str, text: str) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is not a number") from None


def _span(days: tuple[date, ...]) -> str:
    return str(days[0]) if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"


namespace = Collection("sandbox", up, break_, fault, truth, down, drill)
