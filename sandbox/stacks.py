"""Stacks on disk: made from the cache, copied, taken down."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ops_tasks.systems import daemon
from sandbox import account, build, cache, run, scheduler
from sandbox.api import server
from sandbox.api import state as states
from sandbox.breaks import locked
from sandbox.errors import SandboxError, UsageError, choose
from sandbox.tree import copy_tree

if TYPE_CHECKING:
    from sandbox.truth.compare import Difference

HOME = Path(__file__).resolve().parents[1]
DEFAULT = HOME / ".sandbox" / "stack"
DAYS = 45
FEWEST_DAYS = 14

T = TypeVar("T")
Told = Callable[[str, float], None]


def _silent(_stage: str, _seconds: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Up:
    """A stack that is up. `cached`: it was copied, not built; `kept`: it was there before. `seconds` per stage."""

    folder: Path
    state: states.State
    url: str | None
    cached: bool
    kept: bool
    seconds: dict[str, float]


def up(
    folder: Path | str = DEFAULT,
    days: int | None = None,
    today: date | None = None,
    *,
    backend: str | None = None,
    plan: str | None = None,
    fresh: bool = False,
    serve: bool = True,
    validate: bool = True,
    told: Told = _silent,
) -> Up:
    """Make sure that a stack is in `folder`, with its API server running, and return it.

    A new stack has `days` days of data (default 45), the last one the day before `today`; `today` fixes the stack's
    clock, without it the stack lives now. `backend` says where its catalogs are: `local` files (default), or databases
    of `motherduck`, in an account of its own with the given `plan` (default: business). A stack that is there already
    is kept, unless `fresh`. `validate` compares a new stack with the truth and verifies its contracts. Raises
    `UsageError` for a folder that is something else, or a kept stack of other days or another backend; `SandboxError`
    when a stage fails.
    """
    _check_backend(backend, plan)
    folder = Path(folder).expanduser().resolve()
    seconds: dict[str, float] = {}

    def tell(stage: str, took: float) -> None:
        seconds[stage] = took
        told(stage, took)

    kept = _is_kept(folder, days, today, backend, plan, fresh=fresh)
    cached = False
    if not kept:
        wanted = build.Wanted(states.State(today or datetime.now(UTC).date(), _days(days)), pinned=today is not None)
        entry, cached = cache.entry(wanted, tell)
        _timed("copy", tell, lambda: copy(entry, folder))
        if backend == account.MOTHERDUCK:
            _timed("MotherDuck", tell, lambda: account.move(folder, plan or account.PLANS[0]))
    url = _timed("API server", tell, lambda: server.start(folder)) if serve else None
    if validate and not kept:
        _timed("truth", tell, lambda: _check_truth(folder))
        _timed("contracts", tell, lambda: run.python(folder, "-m", "databox.contracts"))
    return Up(folder, states.read(folder), url, cached, kept, seconds)


def copy(source: Path | str, target: Path | str) -> Path:
    """Copy a stack into a new folder and return that; nothing in the copy points to the original or to its server.

    No process may be writing to the original. Raises `UsageError` when `target` is there and not empty.
    """
    source, target = Path(source).resolve(), Path(target).expanduser().resolve()
    states.read(source)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not empty")
    copy_tree(source, target)
    return target


def down(folder: Path | str = DEFAULT, *, remove: bool = False) -> bool:
    """Stop the API server of a stack, its daemons and whoever holds its files, and remove the stack on request.

    True when a server was running.
    """
    folder = Path(folder).expanduser().resolve()
    states.read(folder)
    stopped = server.stop(folder)
    locked.release(folder)
    daemon.stop(folder / ".ops", family=True)
    scheduler.stop_all(folder)
    if remove:
        shutil.rmtree(folder)
    return stopped


def environment(folder: Path | str = DEFAULT) -> dict[str, str]:
    """What a process needs in its environment to reach the catalogs of a stack; nothing where these are local files."""
    folder = Path(folder).expanduser().resolve()
    states.read(folder)
    return account.environment(folder)


def truth(folder: Path | str = DEFAULT) -> list[Difference]:
    """Return every day on which a raw table or a mart is not what the sources say; empty means all is well."""
    from sandbox.truth.compare import differences

    return differences(Path(folder).expanduser().resolve())


def _check_truth(folder: Path) -> None:
    found = truth(folder)
    if found:
        first = found[0]
        raise SandboxError(f"the new stack is not true: {first.table} {', '.join(map(str, first.days[:3]))}")


def _check_backend(backend: str | None, plan: str | None) -> None:
    if backend is not None:
        choose(backend, account.BACKENDS, "backend")
    if plan is not None:
        choose(plan, account.PLANS, "plan")
        if backend != account.MOTHERDUCK:
            raise UsageError("--plan is for --backend=motherduck")


def _is_kept(
    folder: Path, days: int | None, today: date | None, backend: str | None, plan: str | None, *, fresh: bool
) -> bool:
    """Whether the stack of `folder` stays; with `fresh` it is removed here."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not folder.is_dir() or not states.path(folder).is_file():
        raise UsageError(f"{folder} is not empty and not a sandbox; give --dir another folder")
    if fresh:
        server.stop(folder)
        locked.release(folder)
        shutil.rmtree(folder)
        return False
    state = states.read(folder)
    if (days or state.days, today or state.today) != (state.days, state.today):
        there = f"{state.days} days up to {state.today}"
        raise UsageError(f"{folder} already holds a stack of {there}; --fresh replaces it")
    there, its_plan = account.backend(folder), account.plan(folder)
    if backend not in (None, there) or plan not in (None, its_plan):
        more = f" (plan {its_plan})" if its_plan else ""
        raise UsageError(f"{folder} already holds a stack on {there}{more}; --fresh replaces it")
    return True


def _days(days: int | None) -> int:
    if days is not None and not FEWEST_DAYS <= days <= 400:
        raise UsageError(f"--days must be {FEWEST_DAYS} to 400, not {days}")
    return days or DAYS


def _timed(stage: str, tell: Told, action: Callable[[], T]) -> T:
    began = time.monotonic()
    result = action()
    tell(stage, time.monotonic() - began)
    return result
