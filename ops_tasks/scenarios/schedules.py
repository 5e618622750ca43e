"""What the scheduler has done and what it should have: facts read from Dagster's storage, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.undone import is_undone, spans
from ops_tasks.sections import DagsterSection
from ops_tasks.stack import Stack
from ops_tasks.systems import daemon
from ops_tasks.systems.crew import Crew

RUNNING, STOPPED, DECLARED = "running", "stopped", "declared"
GOOD_TICKS = {"success", "skipped"}
SKEW = 300.0  # seconds by which the clock of another machine may be ahead
FROM, TO, OPERATION = "ops/missed_from", "ops/missed_to", "ops/operation"
DONE, FAILED = {"success"}, {"failure", "canceled"}


@dataclass(frozen=True)
class Ran:
    """One run of a job; times are epoch seconds, `status` is Dagster's own in lower case."""

    id: str
    job: str
    status: str
    partition: str | None
    created: float
    started: float | None = None
    ended: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    config: str = "{}"


@dataclass(frozen=True)
class Schedule:
    """A schedule of the code with what the storage knows of it.

    `status` is running, stopped, declared (by its code), or None when no daemon has ever seen it. `expected` are the
    fires of the lookback window, `ticks` those that the daemon has evaluated in it (time -> status). `started` is when
    it was turned on, `iterated` how far the daemon has looked, `first` and `last` its first and last tick ever, `again`
    the last one, if a daemon that starts evaluates that once more. `open` are fires that were evaluated, and whose runs
    have not all ended; `older` is a fire before the window that nobody has looked at, where the window has none.
    """

    name: str
    job: str
    zone: str
    partitioned: bool
    default: bool
    status: str | None = None
    started: float | None = None
    iterated: float | None = None
    first: float | None = None
    last: float | None = None
    again: float | None = None
    older: float | None = None
    expected: tuple[float, ...] = ()
    ticks: Mapping[float, str] = field(default_factory=dict[float, str])
    open: frozenset[float] = frozenset()
    error: str = ""

    @property
    def on(self) -> bool:
        """Whether the daemon would fire it."""
        return self.status == RUNNING or (self.status in (DECLARED, None) and self.default)

    def unticked(self, until: float) -> tuple[float, ...]:
        """Fires of the window up to `until` that no daemon has evaluated well."""
        return tuple(fire for fire in self.expected if fire <= until and self.ticks.get(fire) not in GOOD_TICKS)

    def alarming(self, until: float) -> tuple[float, ...]:
        """Those of `unticked` that it should have fired: it was on then, and is."""
        if not self.on or self.started is None:
            return ()
        begun = min(self.started, self.first) if self.first is not None and self.status == DECLARED else self.started
        return tuple(fire for fire in self.unticked(until) if fire >= begun)


@dataclass(frozen=True)
class Promise:
    """An asset's SLA at one moment: how many hours old it may be, when it was made last, and the SLA in words."""

    hours: float
    last: float | None
    words: str


@dataclass(frozen=True)
class Truth:
    """Everything at one moment. `beats`: daemon -> its last heartbeat; `assets`: asset -> its SLA.

    `errors`: daemon -> what it failed with in its last minutes, though it beats.

    `runs` are those whose work is still there: not those that a rollback has undone.
    """

    now: float
    since: float
    used: bool
    beats: Mapping[str, float | None]
    schedules: tuple[Schedule, ...]
    runs: Mapping[str, tuple[Ran, ...]]
    active: tuple[Ran, ...]
    assets: Mapping[str, Promise]
    processes: tuple[daemon.Process, ...]
    undeclared: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def oldest_beat(self) -> float | None:
        """Seconds since the heartbeat of the daemon that was silent longest; None when one was never heard."""
        heard = [beat for beat in self.beats.values() if beat is not None]
        return self.now - min(heard) if heard and len(heard) == len(self.beats) else None

    def alive(self, within: float) -> bool:
        """Whether every daemon has been heard within so many seconds, and by a clock that is right."""
        return self.oldest_beat is not None and self.oldest_beat <= within and not self.ahead

    @property
    def ahead(self) -> dict[str, float]:
        """Daemon -> seconds by which its heartbeat lies in the future: the clock was set back, and it tells nothing."""
        return {
            name: beat - self.now for name, beat in self.beats.items() if beat is not None and beat - self.now > SKEW
        }

    def schedule(self, name: str) -> Schedule:
        """One schedule by its name."""
        return next(one for one in self.schedules if one.name == name)


def section_of(stack: Stack) -> DagsterSection:
    """The configuration of Dagster; `UsageError` for a stack without one."""
    if stack.config.dagster is None:
        raise UsageError("no dagster is configured", "write `dagster: {module, home}` into the ops: section")
    return stack.config.dagster


def home_of(stack: Stack) -> Path:
    """The stack's DAGSTER_HOME."""
    return (stack.root / section_of(stack).home).resolve()


def was_used(home: Path) -> bool:
    """Whether Dagster has ever stored anything here.

    Opening the instance of an unused home makes its databases, and a diagnosis writes nothing. A home whose storage is
    configured (a server, another folder) counts as used.
    """
    if (home / "schedules" / "schedules.db").is_file():
        return True
    try:
        told = (home / "dagster.yaml").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(line.startswith(("storage:", "schedule_storage:", "run_storage:")) for line in told.splitlines())


def environment(stack: Stack) -> dict[str, str]:
    """The variables with which anything of Dagster's is run for this stack."""
    from ops_tasks.systems.load import python_path

    return {"DAGSTER_HOME": str(home_of(stack)), "PYTHONPATH": python_path(stack)}


def hire(stack: Stack, hands: Crew) -> str:
    """Start (if need be) the worker that reads Dagster's storage; returns its name."""
    return hands.warm("dagster", cwd=stack.root, env=environment(stack))


def read(stack: Stack, hands: Crew, *, since: float | None = None, code: Mapping[str, Any] | None = None) -> Truth:
    """Read everything from `since` (default: `ops.watch.lookback`) until now; `code` is what the worker told before."""
    section, home = section_of(stack), home_of(stack)
    worker = hire(stack, hands)
    declared = dict(code or hands.call(worker, "code", module=section.module, folder=str(stack.root)))
    now = datetime.now(UTC).timestamp()
    begin = since if since is not None else reach(stack, now)
    used = was_used(home)
    told: dict[str, Any] = {"beats": {}, "schedules": {}, "runs": {}, "active": [], "assets": {}}
    if used:
        told = hands.call(worker, "storage", declared=declared, since=begin, until=now)
    every = {job: tuple(Ran(**one) for one in found) for job, found in told["runs"].items()}
    rolled_back = spans(stack.home)
    undone = {run.id for found in every.values() for run in found if is_undone(run, rolled_back)}
    runs = {job: tuple(run for run in found if run.id not in undone) for job, found in every.items()}
    return Truth(
        now=now,
        since=begin,
        used=used,
        beats=told["beats"],
        schedules=tuple(
            _schedule(one, told["schedules"].get(one["name"], {}), undone, {run["id"] for run in told["active"]})
            for one in declared["schedules"]
        ),
        runs=runs,
        active=tuple(Ran(**one) for one in told["active"]),
        assets={name: Promise(*told["assets"].get(name, (0.0, None, "not judged"))) for name in declared["assets"]},
        processes=tuple(daemon.processes(home)),
        undeclared=tuple(told.get("undeclared", ())),
        errors=told.get("errors", {}),
    )


def reach(stack: Stack, since: float) -> float:
    """The begin of the lookback window, or `since` if that is earlier."""
    return min(since, datetime.now(UTC).timestamp() - stack.config.watch.lookback / timedelta(seconds=1))


def _schedule(declared: Mapping[str, Any], state: Mapping[str, Any], undone: set[str], active: set[str]) -> Schedule:
    """A tick counts for nothing when all that it asked for was rolled back."""
    ticks = state.get("ticks", [])
    return Schedule(
        name=declared["name"],
        job=declared["job"],
        zone=declared["zone"],
        partitioned=declared["partitioned"],
        default=declared["running"],
        status=state.get("status"),
        started=state.get("started"),
        iterated=state.get("iterated"),
        first=state.get("first"),
        last=state.get("last"),
        again=state.get("again"),
        older=state.get("older"),
        expected=tuple(state.get("expected", ())),
        ticks={float(at): status for at, status, _, ids in ticks if not ids or not undone.issuperset(ids)},
        open=frozenset(float(at) for at, _, _, ids in ticks if not active.isdisjoint(ids)),
        error=state.get("error", ""),
    )


def instant(text: str, option: str) -> float:
    """A day or a moment (UTC unless it says otherwise) in epoch seconds; `UsageError` for anything else."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{option}: {text!r} is no date and no time", "for example 2026-04-18, or '2026-04-18 06:00'"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def clock(at: float) -> str:
    """A moment as people read it, UTC to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


Say = Callable[[str], None]
