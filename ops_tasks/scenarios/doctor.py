"""Looks at a whole stack and says what is wrong, which incident that is, and which command mends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ops_tasks.errors import Busy, OpsError
from ops_tasks.scenarios import file_health, losses, motherduck_probe, orphans, probes
from ops_tasks.scenarios.symptoms import Line, Symptom
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew

LIMIT = 120.0
ACCOUNT, SCHEDULER = "motherduck", "scheduler"
Probe = Callable[[Stack, Crew, Say], Line]
Told = Callable[[Line], None]


def examine(stack: Stack, say: Say, told: Told, *, deep: bool = False, limit: float = LIMIT) -> list[Line]:
    """Run every probe, each in processes of its own that are killed after `limit` seconds; `told` hears each line.

    Takes no lock that would keep a writer out: when files change meanwhile, what was said of their content counts for
    nothing, and that is the finding.
    """
    lines: list[Line] = []

    def tell(line: Line) -> None:
        lines.append(line)
        told(line)

    tell(probes.configuration(stack))
    tell(probes.operations(stack))
    with Crew(stack.root, limit=limit) as hands:
        hands.call("damage", "duck:be_polite")
        hands.call("duck", "be_polite")
        seen = file_health.examine(stack, hands)
    for line in probes.files(stack, seen):
        tell(line)
    tell(probes.disk(stack))
    tell(probes.versions())
    for line in _logical(stack, seen, say, deep=deep, limit=limit):
        tell(line)
    tell(probes.copies(stack))
    return lines


def _logical(
    stack: Stack, seen: tuple[file_health.FileHealth, ...], say: Say, *, deep: bool, limit: float
) -> list[Line]:
    """Ask about what is in the files, if they can be read."""
    wanted: dict[str, Probe] = {
        "sqlmesh": probes.state,
        "contracts": probes.promises,
        "loads": probes.loads,
        "days": probes.days,
        "losses": losses.losses,
        "orphans": orphans.orphans,
        **({SCHEDULER: probes.scheduler} if stack.config.dagster else {}),
        **({"deep": probes.deep} if deep else {}),
    }
    unreadable = [file.path for file in seen if file.causes]
    if unreadable:
        names = [*([ACCOUNT] if stack.remote else []), *wanted]
        return [Line(name, f"not run: {', '.join(unreadable)} cannot be read") for name in names]
    before = _stamps(stack)
    account = [_ask(stack, ACCOUNT, motherduck_probe.account, say, limit)] if stack.remote else []
    silent = any(symptom.cause == "not run" for line in account for symptom in line.symptoms)
    closed = [name for name in wanted if silent and name != SCHEDULER]
    with ThreadPoolExecutor(max_workers=2) as pool:
        open_to = {name: probe for name, probe in wanted.items() if name not in closed}
        asked = [pool.submit(_ask, stack, name, probe, say, limit) for name, probe in open_to.items()]
        lines = [*account, *(Line(name, "not run: MotherDuck does not answer") for name in closed)]
        lines += [one.result() for one in asked]
    if _stamps(stack) == before:
        return lines
    changed = Symptom("lock", "the stack", "it was written to while it was looked at", "look again when that has ended")
    return [replace(line, symptoms=(), said="not judged") for line in lines] + [Line("writer", "busy", (changed,))]


def _ask(stack: Stack, name: str, probe: Probe, say: Say, limit: float) -> Line:
    began = time.monotonic()
    try:
        with Crew(stack.root, limit=limit) as hands:
            line = probe(stack, hands, say)
    except Busy as error:
        line = Line(name, "not run", (Symptom("lock", name, error.reason, error.way_out),))
    except OpsError as error:
        line = Line(name, "it could not run", (Symptom("not run", name, error.reason, error.way_out),))
    return replace(line, seconds=round(time.monotonic() - began, 1))


def _stamps(stack: Stack) -> list[tuple[str, int, int]]:
    files = [name for path in stack.duckdb_files for name in (path, path.with_name(f"{path.name}.wal"))]
    return [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.exists()]
