"""The `sandbox.*` tasks: thin, and with nothing heavy imported before one of them runs."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context

from sandbox import tasking
from sandbox.errors import UsageError
from sandbox.namespace_incidents import break_, fault


@tasking.task(
    help={
        "dir": tasking.DIR,
        "days": "Days of data (default: 45).",
        "today": "Let the stack live on this day, YYYY-MM-DD, instead of now; its last data is of the day before.",
        "backend": "Where the catalogs are: local (default), or motherduck, in a strict double of the service.",
        "plan": "For motherduck: business (default), lite or free.",
        "fresh": "Throw a sandbox away that is there already.",
        "json": tasking.JSON,
    }
)
def up(
    _c: Context,
    *,
    dir: str = "",
    days: str = "",
    today: str = "",
    backend: str = "",
    plan: str = "",
    fresh: bool = False,
    json: bool = False,
) -> None:
    """Build a stack to practise on, or wake the one that is there: loads, marts, contracts and its API server.

    The first build takes some ten seconds, every further stack comes from a cache. With --backend=motherduck its four
    databases are uploaded to an account of its own; `eval "$(invoke sandbox.env --dir=DIR)"` lets a shell reach it.

    Example: inv sandbox.up --dir=/tmp/stack --days=45
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox import account, stacks

        if days and not days.isdigit():
            raise UsageError(f"--days: {days!r} is not a number")
        began = time.monotonic()
        made = stacks.up(
            dir or stacks.DEFAULT,
            int(days) if days else None,
            tasking.day("--today", today),
            backend=backend or None,
            plan=plan or None,
            fresh=fresh,
            told=lambda stage, seconds: say(f"  {stage:<20} {seconds:5.1f} s"),
        )
        spent = f"{time.monotonic() - began:.1f} s"
        word = "kept (--fresh replaces it)" if made.kept else "up"
        say(f"{made.folder} is {word}: {made.state.days} days up to {made.state.last}, API at {made.url}, {spent}")
        if stacks.environment(made.folder):
            say(f'its catalogs are MotherDuck\'s: eval "$(invoke sandbox.env --dir={shlex.quote(str(made.folder))})"')
        return "ok", {
            "dir": str(made.folder),
            "url": made.url,
            "backend": account.backend(made.folder),
            "today": made.state.today,
            "first_day": made.state.first,
            "last_day": made.state.last,
            "cached": made.cached,
            "kept": made.kept,
            "seconds": {stage: round(seconds, 2) for stage, seconds in made.seconds.items()},
        }

    tasking.finish("sandbox.up", body, json=json)


@tasking.task(help={"dir": tasking.DIR, "json": tasking.JSON})
def truth(_c: Context, *, dir: str = "", json: bool = False) -> None:
    """Compare raw tables and marts with what they should hold; exit 1 when a day differs.

    Example: inv sandbox.truth --dir=/tmp/stack --json
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox import stacks
        from sandbox.truth.compare import days

        folder = tasking.folder(dir)
        found = stacks.truth(folder)
        for one in found:
            what = one.problem or f"{one.missing} rows missing, {one.extra} that should not be there"
            say(f"✗ {one.table}: {what}{f' ({_span(one.days)})' if one.days else ''}")
        say(f"{len(found)} tables differ" if found else "every raw table and every mart is true")
        by_day = {str(day): tables for day, tables in days(found).items()}
        more = {"dir": str(folder), "days": by_day, "findings": [asdict(one) for one in found]}
        return ("findings" if found else "ok"), more

    tasking.finish("sandbox.truth", body, json=json)


@tasking.task(help={"dir": tasking.DIR, "json": tasking.JSON})
def env(_c: Context, *, dir: str = "", json: bool = False) -> None:
    """Print what a shell needs to reach the stack's catalogs, as export lines; nothing where they are local files.

    Example: inv sandbox.env --dir=/tmp/stack
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox import stacks

        folder = tasking.folder(dir)
        variables = stacks.environment(folder)
        for name, value in sorted(variables.items()):
            say(f"export {name}={tasking.quoted(value)}")
        return "ok", {"dir": str(folder), "environment": variables}

    tasking.finish("sandbox.env", body, json=json)


@tasking.task(help={"dir": tasking.DIR, "remove": "Delete the stack as well.", "json": tasking.JSON})
def down(_c: Context, *, dir: str = "", remove: bool = False, json: bool = False) -> None:
    """Stop the stack's API server and what `sandbox.break locked` started; with --remove the stack goes too.

    Example: inv sandbox.down --dir=/tmp/stack --remove
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox import stacks

        folder = tasking.folder(dir)
        stopped = stacks.down(folder, remove=remove)
        say(f"{folder}: server {'stopped' if stopped else 'was not running'}{', stack removed' if remove else ''}")
        return "ok", {"dir": str(folder), "stopped": stopped, "removed": remove}

    tasking.finish("sandbox.down", body, json=json)


@tasking.task(
    help={"dir": "Folder to rehearse in; anything there is replaced (default: a temporary one).", "json": tasking.JSON}
)
def drill(_c: Context, *, dir: str = "", json: bool = False) -> None:
    """Rehearse an incident from beginning to end: load, break, diagnose, refuse, backfill, verify, kill, undo.

    Example: inv sandbox.drill
    """

    def body(say: tasking.Told) -> tasking.Answer:
        from sandbox.drill import run

        stages = run(Path(dir).expanduser().resolve() if dir else None, say)
        return "ok", {"steps": [asdict(stage) for stage in stages]}

    tasking.finish("sandbox.drill", body, json=json)


def _span(days: tuple[date, ...]) -> str:
    return str(days[0]) if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"


namespace = Collection("sandbox", up, break_, fault, truth, env, down, drill)
