"""Scenario 4, a schedule that does not run: a daemon that lives, every gap filled once, the proof, and the way back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection
from functools import partial

from ops_tasks.errors import Refused
from ops_tasks.operation.plan import Effect, Plan, Run, Step, wrote_nothing
from ops_tasks.scenarios import resume_steps as steps
from ops_tasks.scenarios import schedules, typed
from ops_tasks.scenarios.missed import RUNNING, Work
from ops_tasks.scenarios.resume_facts import ALIVE, UNIT, Facts, to_json
from ops_tasks.scenarios.routine import no_findings, put_back, take, well
from ops_tasks.scenarios.schedules import clock
from ops_tasks.scenarios.verify import contracts
from ops_tasks.stack import Stack
from ops_tasks.systems import daemon, snapshots
from ops_tasks.systems.crew import Crew

TASK = "ops.resume"


def recover(stack: Stack, found: Facts, crew: Crew | None = None) -> Plan:
    """The plan: snapshot, a daemon that lives, the newest fires by themselves, the rest one by one, the proof."""
    hands = crew or Crew(stack.root)
    todo = [
        Step(
            "snapshot",
            f"Take and verify the snapshot {found.snapshot}",
            lambda run: take(stack, found.snapshot, run),
            equivalent=f"invoke snapshot.create --name={found.snapshot}",
            wrote=wrote_nothing,
        ),
        *_living(stack, found, hands),
        *_filling(stack, found, hands),
        *validate(stack, found, hands),
        Step("seal", "Note the state of every file", lambda _run: {"stamps": snapshots.stamps(stack)}),
    ]
    return Plan(
        task=TASK,
        operation=found.operation,
        title=f"resume of {_what(found)}",
        arguments=to_json(found),
        steps=tuple(todo),
        snapshot="snapshot",
        put_back=lambda run: put_back(stack, found.snapshot, run),
        release=lambda kill: hands.release(kill=kill),
        effects=tuple(_effects(stack, found)),
        notes=found.notes,
        refusals=found.refusals,
        stays=frozenset(step.name for step in todo if step.name.startswith(("fire ", "fill ", "queued"))),
    )


def validate(stack: Stack, found: Facts, hands: Crew) -> list[Step]:
    """Every check of every run was evaluated and passed; every contract holds; every mart is within its SLA."""
    if not found.runs:
        return []
    made = [Step("checks", "Every check was evaluated and passed", partial(steps.checks, stack, hands))]
    if stack.config.contracts is not None:
        verify = partial(well, partial(contracts, freshness=False), stack)
        made.append(
            Step("contracts", "Verify every contract", verify, check=no_findings, equivalent="invoke verify.contracts")
        )
    made.append(Step("freshness", "Every mart is within its SLA", partial(steps.fresh, stack, hands)))
    return made


def outside(stack: Stack, found: Facts, run: Run, begun: Collection[str]) -> None:
    """Undo what an operation has done outside the state set: its runs and the daemon end, the schedules are as before.

    A step that was begun counts: whatever killed it, it may have done its work by then.
    """
    with Crew(stack.root, log=run.log, held=run.held) as hands:
        if found.daemon == ALIVE and any(name.startswith(("fire ", "fill ")) for name in begun):
            steps.stop(stack, hands, run, started=False)
        for step in reversed(_living(stack, found, hands)):
            if step.name in begun and step.undo is not None:
                step.undo(run)
        if any(name.startswith(("on ", "off ")) for name in begun):
            steps.let_go(hands)


def refuse_beside(stack: Stack, found: Facts) -> None:
    """Raise `Refused` while a run goes on that a rollback would not end: somebody else has asked for it."""
    if not schedules.was_used(schedules.home_of(stack)):
        return
    with Crew(stack.root) as hands:
        fired = found.daemon != ALIVE
        going = hands.call(steps.hire(stack, hands), "others", operation=found.operation, fired=fired)
    for run in going:
        reason = f"run {run['id'][:8]} of {run['job']} is going on, and is none of operation {found.operation}"
        raise Refused(reason, f"let it end, then invoke ops.rollback {found.operation}")


def _living(stack: Stack, found: Facts, hands: Crew) -> list[Step]:
    """What brings the scheduler to life; each is undone by a rollback."""
    section = schedules.section_of(stack)
    made = [
        Step(f"dead {run[:8]}", f"Write down that run {run[:8]} is dead", partial(steps.bury, stack, run, hands))
        for run in found.dead
    ]
    made += [
        Step(
            f"hung {pid}",
            f"End process {pid}, a daemon that hangs",
            partial(steps.end, stack, pid),
            equivalent=f"kill -9 {pid}",
        )
        for pid in found.hung
    ]
    made += [_switched(stack, name, hands, on=True) for name in found.on]
    made += [_switched(stack, name, hands, on=False) for name in found.off]
    if found.daemon == ALIVE:
        return made
    words = daemon.unit_command("restart", section.unit) if section.unit else ["invoke", "dagster.start"]
    start = Step(
        "daemon",
        "Tell systemd to start the daemon" if section.unit else "Start the daemon, under a keeper",
        partial(steps.start, stack, hands),
        equivalent=shlex.join(words),
        undo=partial(steps.stop, stack, hands),
    )
    return [*made, start]


def _switched(stack: Stack, name: str, hands: Crew, *, on: bool) -> Step:
    equivalent = shlex.join(["dagster", "schedule", "start" if on else "stop", name])
    return Step(
        f"on {name}" if on else f"off {name}",
        f"Turn {name} on" if on else f"Turn {name} off, before a daemon fires it",
        partial(steps.switch, stack, name, hands, on=on),
        equivalent=typed.of_dagster(stack, equivalent),
        undo=partial(steps.switch_back, stack, name, hands, on=not on),
    )


def _filling(stack: Stack, found: Facts, hands: Crew) -> list[Step]:
    made = [
        Step(
            f"fire {work.schedule} {work.name}",
            f"Let {work.schedule} fire {clock(work.fires[1])} by itself ({_told(work)})",
            partial(steps.fire, stack, found, work, hands),
        )
        for work in found.fires
    ]
    made += [
        Step(
            f"fill {work.name}",
            _filled(work),
            partial(steps.fill, stack, found, work, hands),
            equivalent=typed.of_dagster(stack, _launch(work)),
        )
        for work in found.works
    ]
    if found.queued and found.daemon != ALIVE:
        count = f"{len(found.queued)} run{'s' if len(found.queued) > 1 else ''}"
        title = f"Wait for {count} of other work, which the daemon takes from the queue"
        made.append(Step("queued", title, partial(steps.queued, stack, found, hands)))
    if found.tagged:
        title = "Tag the runs that came after a gap with its window"
        made.append(Step("tags", title, partial(steps.tag, stack, found, hands)))
    return made


def _filled(work: Work) -> str:
    if work.run is not None and work.state == RUNNING:
        return f"Wait for run {work.run[:8]} of {work.job}, for {_told(work)}; run it once more if it fails"
    return f"Run {work.job} for {_told(work)}"


def _told(work: Work) -> str:
    if work.partition is not None:
        return f"partition {work.partition}"
    first, last = (clock(fire) for fire in work.fires)
    return first if work.count == 1 else f"{work.count} fires, {first} to {last}, once"


def _launch(work: Work) -> str:
    if work.partition is not None:
        return shlex.join(["dagster", "job", "backfill", "-j", work.job, "--partitions", work.partition, "--noprompt"])
    config = ["--config-json", json.dumps(dict(work.config), default=str)] if work.config else []
    return shlex.join(["dagster", "job", "launch", "-j", work.job, *config])


def _what(found: Facts) -> str:
    jobs = sorted({work.job for work in found.runs})
    return ", ".join(jobs) if jobs else "the scheduler"


def _effects(stack: Stack, found: Facts) -> list[Effect]:
    made = [Effect(found.snapshot, "taken and verified", snapshots.set_bytes(stack))]
    if found.daemon != ALIVE:
        made.append(Effect("dagster daemon", "told systemd to start" if found.daemon == UNIT else "started"))
    made += [Effect(name, "turned on") for name in found.on]
    made += [Effect(name, "turned off") for name in found.off]
    for job in sorted({work.job for work in found.runs}):
        mine = {work.name for work in found.runs if work.job == job}
        made.append(Effect(job, f"{len(mine)} run{'s' if len(mine) > 1 else ''}"))
    return made
