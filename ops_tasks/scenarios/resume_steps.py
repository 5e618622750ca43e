"""The acting half of a resumption, a function per step. Each can be repeated after a kill anywhere."""

from __future__ import annotations

import time
from typing import Any

from ops_tasks.errors import StepFailed
from ops_tasks.operation.journal import read
from ops_tasks.operation.plan import Result, Run
from ops_tasks.scenarios import schedules
from ops_tasks.scenarios.missed import RUNNING, Work
from ops_tasks.scenarios.pulse import lives
from ops_tasks.scenarios.resume_facts import Facts
from ops_tasks.scenarios.schedules import FROM, OPERATION, TO, clock
from ops_tasks.scenarios.signs import late
from ops_tasks.scenarios.verify import contracts
from ops_tasks.stack import Stack
from ops_tasks.systems import daemon
from ops_tasks.systems.crew import Crew

RUNS = "dagster_runs"
HEARD_SECONDS, FIRED_SECONDS = 90.0, 150.0
POLL = 1.0
LOG = f"its log is daemon/{daemon.LOG} in .ops"


def hire(stack: Stack, hands: Crew) -> str:
    """Start (if need be) the worker that asks Dagster for things; returns its name."""
    return hands.warm(RUNS, cwd=stack.root, env=schedules.environment(stack))


def let_go(hands: Crew) -> None:
    """End the worker; its code server would live on for a minute, and hold its output open."""
    hands.call(RUNS, "let_go")
    hands.dismiss(RUNS)


def place(stack: Stack) -> dict[str, Any]:
    """Which code location is meant, for the worker."""
    file = stack.root / "workspace.yaml"
    workspace = str(file) if file.is_file() else None
    return {"module": schedules.section_of(stack).module, "root": str(stack.root), "workspace": workspace}


def bury(stack: Stack, run_id: str, crew: Crew, run: Run) -> Result:
    """Write down that a run has failed whose process is gone; as long as it "runs", nothing else may."""
    hands = crew.on(run.log, run.held)
    why = f"its process is gone; written down by operation {run.operation}"
    hands.call(hire(stack, hands), "fail", run=run_id, why=why)
    return {"run": run_id}


def end(stack: Stack, pid: int, run: Run) -> Result:
    """End a daemon that hangs: if it woke up beside a new one, both would fire.

    Its number was noted when this was planned. By now (a retry) it may be gone, and the number somebody else's.
    """
    there = any(process.pid == pid for process in daemon.processes(schedules.home_of(stack)))
    if there:
        run.say(f"ending process {pid}")
        daemon.end(pid)
    return {"pid": pid, "ended": there}


def switch(stack: Stack, name: str, crew: Crew, run: Run, *, on: bool) -> Result:
    """Turn a schedule on (or off)."""
    hands = crew.on(run.log, run.held)
    return {"changed": hands.call(hire(stack, hands), "switch", run.say, **place(stack), schedule=name, on=on)}


def switch_back(stack: Stack, name: str, crew: Crew, run: Run, *, on: bool) -> None:
    """Undo `switch` (`on` is how it was when this was planned).

    What the step told is no guide: killed after it had switched, it found nothing to change in the retry.
    """
    switch(stack, name, crew, run, on=on)


def start(stack: Stack, crew: Crew, run: Run) -> Result:
    """Start the daemon, and wait until every part of it is heard."""
    section = schedules.section_of(stack)
    hands = crew.on(run.log, run.held)
    worker = schedules.hire(stack, hands)
    # Two processes that open an unused DAGSTER_HOME at once (1.13) leave a storage that nobody can open.
    hands.call(worker, "beats")
    began = since = time.time()
    if section.unit:
        daemon.tell_systemd("restart", section.unit)
        pid = None
    else:
        pid = daemon.kept(stack.home)
        if pid is not None:
            since -= daemon.FRESH
        else:
            words = daemon.command(section.module, stack.root)
            pid = daemon.start(stack.home, stack.root, words, schedules.environment(stack))
    while time.time() - began < HEARD_SECONDS:
        beats: dict[str, float | None] = hands.call(worker, "beats")
        heard = [name for name, beat in beats.items() if beat is not None and beat > since]
        if len(heard) == len(beats):
            return {"pid": pid, "daemons": sorted(heard), "log": str(daemon.folder_of(stack.home) / daemon.LOG)}
        run.say(f"{len(heard)} of {len(beats)} daemons heard")
        if not section.unit and daemon.kept(stack.home) is None:
            raise StepFailed(f"the daemon has ended: {daemon.tail(stack.home)}", LOG)
        time.sleep(POLL)
    raise StepFailed(f"the daemon was not heard within {HEARD_SECONDS:.0f} s: {daemon.tail(stack.home)}", LOG)


def awake(stack: Stack, crew: Crew, run: Run) -> None:
    """Look whether the daemon lives, and start it if it does not: it may have died since, or between two attempts."""
    hands = crew.on(run.log, run.held)
    if lives(stack, hands, hands.call(schedules.hire(stack, hands), "beats"), run.say):
        return
    run.say("the daemon does not live")
    for process in daemon.processes(schedules.home_of(stack)):
        if time.time() - process.since > stack.config.watch.daemon_seconds:  # one that began just now is heard soon
            daemon.end(process.pid)
    start(stack, crew, run)


def stop(stack: Stack, crew: Crew, run: Run, *, started: bool = True) -> None:
    """Undo `start`: the daemon ends, and every run of the operation, which would write to what is put back.

    `started`: a step has started the daemon, so that what schedules have asked for is the operation's as well. One that
    was there before it stays (then `awake` may have started another since).
    """
    section = schedules.section_of(stack)
    if not section.unit:
        since = read(stack.home, run.operation).began.timestamp()
        started = daemon.stop(stack.home, since=since, family=True) or started
    elif started:
        daemon.tell_systemd("stop", section.unit)
    hands = crew.on(run.log, run.held)
    hands.call(hire(stack, hands), "end", run.say, operation=run.operation, fired=started)


def fire(stack: Stack, found: Facts, work: Work, crew: Crew, run: Run) -> Result:
    """Wait until the daemon has fired the newest missed tick, and until its run has ended; run it if it does not."""
    awake(stack, crew, run)
    hands = crew.on(run.log, run.held)
    worker = hire(stack, hands)
    deadline = time.monotonic() + FIRED_SECONDS
    wanted: dict[str, Any] = {"schedule": work.schedule, "fire": work.fires[1], "partition": work.partition}
    while time.monotonic() < deadline:
        tick = hands.call(worker, "ticked", **wanted, config=dict(work.config))
        if tick["status"] == "skipped":
            return {"run": None, "skipped": tick["why"]}
        if tick["status"] == "failure":
            break
        if tick["run"] is not None:
            hands.call(worker, "tag", run=tick["run"], tags=_marks(found, work))
            ended = hands.call(worker, "wait", run.say, run=tick["run"])
            if ended["status"] == "success":
                return _ended(ended, work)
            run.say(f"run {ended['id'][:8]} ended with {ended['status']}: once more, alone")
            return fill(stack, found, work, crew, run)
        run.say(f"{work.schedule} has not fired {clock(work.fires[1])} yet")
        time.sleep(POLL)
    run.say(f"{work.schedule} did not fire by itself")
    return fill(stack, found, work, crew, run)


def fill(stack: Stack, found: Facts, work: Work, crew: Crew, run: Run) -> Result:
    """Queue one run and wait for its end; what an earlier attempt has queued, or finished, is taken instead.

    So is one that was queued already, or had died with the daemon, if it comes to a good end.
    """
    awake(stack, crew, run)
    hands = crew.on(run.log, run.held)
    worker = hire(stack, hands)
    tags = {**work.tags, **_marks(found, work)}
    if work.run is not None and work.state == RUNNING:
        hands.call(worker, "tag", run=work.run, tags=_marks(found, work))
        ended = hands.call(worker, "wait", run.say, run=work.run)
        if ended["status"] == "success":
            return _ended(ended, work)
        run.say(f"run {ended['id'][:8]} ended with {ended['status']}: once more, alone")
    hands.call(worker, "quiet", run.say)
    queued = hands.call(worker, "submit", run.say, **place(stack), job=work.job, config=dict(work.config), tags=tags)
    return _ended(hands.call(worker, "wait", run.say, run=queued["id"]), work)


def queued(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Wait for the runs of other work that waited for a daemon: they write to what is validated next.

    `failed` tells of those that came to a bad end; whoever has queued them knows what they are for.
    """
    awake(stack, crew, run)
    hands = crew.on(run.log, run.held)
    ended = [hands.call(hire(stack, hands), "wait", run.say, run=one) for one in found.queued]
    mine = [one for one in ended if one["tags"].get(OPERATION) == run.operation]  # it was run once more, if need be
    bad = [one for one in ended if one["status"] != "success" and one not in mine]
    failed = [f"run {one['id'][:8]} of {one['job']} ended with {one['status']}" for one in bad]
    return {"runs": list(found.queued), "failed": failed}


def tag(stack: Stack, found: Facts, crew: Crew, run: Run) -> Result:
    """Write on the runs that came after a gap which one it was."""
    hands = crew.on(run.log, run.held)
    for work in found.tagged:
        hands.call(hire(stack, hands), "tag", run=work.run, tags=_window(found, work))
    return {"runs": [work.run for work in found.tagged]}


def checks(stack: Stack, crew: Crew, run: Run) -> Result:
    """Every check that a run had planned was evaluated, and passed: Dagster calls the run a success either way."""
    hands = crew.on(run.log, run.held)
    worker = hire(stack, hands)
    evaluated, assets = 0, set[str]()
    for made in _made(run):
        told_by: dict[str, Any] = hands.call(worker, "evaluations", run=made)
        if told_by["failed"]:
            check, why = next(iter(told_by["failed"].items()))
            raise StepFailed(f"check {check} of run {made[:8]} failed: {why}", "invoke ops.doctor")
        silent = sorted(set(told_by["planned"]) - set(told_by["passed"]))
        if silent:
            raise StepFailed(f"check {silent[0]} of run {made[:8]} was never evaluated", "invoke ops.doctor")
        evaluated += len(told_by["passed"])
        assets |= set(told_by["assets"])
    let_go(hands)
    return {"passed": evaluated, "assets": sorted(assets)}


def fresh(stack: Stack, crew: Crew, run: Run) -> Result:
    """Every asset with an SLA that these runs make was materialized within it; others that are late are told."""
    truth = schedules.read(stack, crew.on(run.log, run.held))
    judged = {name: late(one, truth.now) for name, one in sorted(truth.assets.items())}
    behind = {name: f"was {why}" for name, why in judged.items() if why}
    mine = [name for name in behind if name in run.results["checks"]["assets"]]
    if mine:
        raise StepFailed(f"{mine[0]} {behind[mine[0]]}", "invoke ops.doctor")
    if stack.config.contracts is not None and run.results["checks"]["assets"]:
        verdict = contracts(stack, run.say, freshness=True)
        for found in verdict.findings:
            raise StepFailed(str(found["reason"]), "invoke ops.doctor")
    return {"assets": len(truth.assets), "late": behind}


def _made(run: Run) -> list[str]:
    """The runs of this operation."""
    found = [result["run"] for name, result in run.results.items() if name.startswith(("fire ", "fill "))]
    return list(dict.fromkeys(one for one in found if one is not None))


def _window(found: Facts, work: Work) -> dict[str, str]:
    return {OPERATION: found.operation, FROM: f"{work.fires[0]:.0f}", TO: f"{work.fires[1]:.0f}"}


def _marks(found: Facts, work: Work) -> dict[str, str]:
    """By these a run is found again, be it by a retry or by the same work of another schedule."""
    return {**_window(found, work), "ops/work": work.name}


def _ended(ran: dict[str, Any], work: Work) -> Result:
    if ran["status"] != "success":
        what = work.partition or clock(work.fires[1])
        reason = f"run {ran['id'][:8]} of {work.job} ({what}) ended with {ran['status']}"
        raise StepFailed(reason, f"mend what it died of (invoke dagster.dev shows run {ran['id']}), then ops.retry")
    return {"run": ran["id"], "partition": ran["partition"], "seconds": round(ran["ended"] - ran["started"], 1)}
