"""Runs a plan to one of three ends: succeeded, put back, or stopped. Never in between."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from ops_tasks.errors import OpsError, Refused
from ops_tasks.operation.journal import ROLLBACK, Journal
from ops_tasks.operation.plan import Plan, Result, Run, Step

Say = Callable[[str, str, float | None], None]
POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """SIGINT, SIGTERM or SIGHUP arrived."""


@dataclass(frozen=True)
class Outcome:
    """How an operation ended. `status`: succeeded, refused, put_back or stopped; `step` is the one that failed.

    `theirs` is what others have written to meanwhile and the operation had not touched yet: left as they wrote it.
    `aside` is where that which was put back over can be looked at: others may have written to it.
    """

    operation: str
    status: str
    results: Mapping[str, Result]
    seconds: Mapping[str, float]
    step: str | None = None
    reason: str = ""
    way_out: str = ""
    theirs: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()


def run(
    plan: Plan,
    journal: Journal,
    *,
    say: Say,
    done: Mapping[str, Result] | None = None,
    held: tuple[int, ...] = (),
) -> Outcome:
    """Run every step of `plan` that is not in `done`; on any failure put the state set back, and check it.

    Every step is journaled before it begins and after it is checked. `say(event, text, seconds)` is told of
    `started`, `progress`, `done`, `failed`, `putting_back`.
    """
    say = _unbroken(say)
    results: dict[str, Result] = dict(done or {})
    seconds: dict[str, float] = {}
    told = Run(plan.operation, journal.folder, results, lambda text: say("progress", text, None), held)
    step, began = plan.steps[0], time.monotonic()
    with _interruptible(), journal.beating():
        try:
            if done is None:
                journal.append("planned", **_planned(plan))
            else:
                journal.append("retried")
            for step in plan.steps:
                if step.name in results:
                    continue
                began = time.monotonic()
                journal.append("started", step.name, title=step.title)
                say("started", step.title, None)
                result = step.do(told)
                if step.check is not None:
                    step.check(told, result)
                journal.append("done", step.name, **result)
                results[step.name] = result
                seconds[step.name] = round(time.monotonic() - began, 3)
                say("done", step.title, seconds[step.name])
            with deaf():  # all is done and checked: what is left is to say so
                plan.release(False)
                journal.append("succeeded", seconds=seconds)
                journal.close()
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - whatever it died of, all goes back
            with deaf():
                say("failed", step.title, time.monotonic() - began)
                return _put_back(plan, journal, told, step, error, say, seconds)
    return Outcome(plan.operation, "succeeded", results, seconds)


def _planned(plan: Plan) -> dict[str, Any]:
    """What the journal keeps of a plan: enough to build it again, and to tell it without building it."""
    steps = [{"name": step.name, "title": step.title, "equivalent": step.equivalent} for step in plan.steps]
    return {
        "task": plan.task,
        "title": plan.title,
        "arguments": dict(plan.arguments),
        "steps": steps,
        "seen": list(plan.seen),
    }


def _put_back(
    plan: Plan, journal: Journal, told: Run, failed: Step, error: BaseException, say: Say, seconds: Mapping[str, float]
) -> Outcome:
    reason, way_out = _words(error, journal)
    status = "refused" if isinstance(error, Refused) else "put_back"
    outcome = Outcome(plan.operation, status, told.results, seconds, failed.name, reason, way_out)
    with deaf():
        try:
            plan.release(True)
            journal.close()  # on a full disk the reserve is the room in which everything is put back
            journal.append("failed", failed.name, reason=reason, way_out=way_out)
            if plan.stays & {*told.results, failed.name}:
                return replace(outcome, status="stopped")
            evidence: Result = {"nothing_changed": True}
            if plan.snapshot in told.results:
                # What refuses has changed nothing; that is checked all the same.
                what = "Make sure that every file is as it was" if status == "refused" else "Put everything back"
                say("putting_back", what, None)
                journal.append(ROLLBACK)  # from here on there is no way but back, also for who finds this half done
                undo_outside(plan, told, failed)
                touched = any(step.wrote(told) for step in begun(plan, told, failed))
                evidence = plan.put_back(replace(told, untouched=not touched))
            journal.append(status, **evidence)
            outcome = replace(outcome, theirs=tuple(evidence.get("theirs", ())), aside=tuple(evidence.get("aside", ())))
        except Exception as second:  # noqa: BLE001 - a failed put-back leaves the operation stopped, and says so
            why, way = _words(second, journal)
            return Outcome(
                plan.operation, "stopped", told.results, seconds, failed.name, f"{reason}; not put back: {why}", way
            )
    return outcome


def undo_outside(plan: Plan, told: Run, failed: Step | None) -> None:
    """Undo, newest first, what done steps (and the failed one) did outside the state set."""
    for step in reversed(begun(plan, told, failed)):
        if step.undo is not None:
            step.undo(told)


def begun(plan: Plan, told: Run, failed: Step | None) -> list[Step]:
    """Done steps, and the failed one."""
    return [step for step in plan.steps if step.name in told.results or step is failed]


def _words(error: BaseException, journal: Journal) -> tuple[str, str]:
    if isinstance(error, OpsError):
        return error.reason, error.way_out
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        return f"interrupted{f' by {error}' if str(error) else ''}", ""
    journal.trace(error)
    return f"{type(error).__name__}: {error}", ""


def _unbroken(say: Say) -> Say:
    """A listener who has gone (a closed pipe, a dropped line) is no reason to fail, least of all to put nothing back.

    rich (14, 15) leaves the program when a pipe is closed.
    """

    def tell(event: str, text: str, seconds: float | None) -> None:
        with suppress(OSError, SystemExit):
            say(event, text, seconds)

    return tell


@contextmanager
def _interruptible() -> Generator[None]:
    """Turn the first polite signal into an exception at the place where the work is; an impatient second is ignored."""

    def raise_interrupted(number: int, _frame: Any) -> None:
        for other in POLITE:
            signal.signal(other, signal.SIG_IGN)
        raise Interrupted(signal.Signals(number).name)

    with _handlers(raise_interrupted):
        yield


@contextmanager
def deaf() -> Generator[None]:
    """Ignore the polite signals while the set is being put back."""
    with _handlers(signal.SIG_IGN):
        yield


@contextmanager
def _handlers(handler: Any) -> Generator[None]:
    try:
        before = [(number, signal.signal(number, handler)) for number in POLITE]
    except ValueError:  # not the main thread: the host program owns the signals
        yield
        return
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)
