"""The plan of any recovery of the whole stack: keep what there is, take the broken away, bring back, mend, prove."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ops_tasks.errors import StepFailed
from ops_tasks.operation.plan import Effect, Plan, Result, Run, Step, wrote_nothing
from ops_tasks.scenarios import past, typed
from ops_tasks.scenarios import recovery_steps as steps
from ops_tasks.scenarios.moments import shown
from ops_tasks.scenarios.orphans import none_left
from ops_tasks.scenarios.past import Agree
from ops_tasks.scenarios.recovery_facts import Facts, to_json
from ops_tasks.scenarios.verify import Say, Verdict, audits, contracts, drift
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew


def recover(stack: Stack, found: Facts, crew: Crew | None = None, agree: Agree | None = None) -> Plan:
    """Assemble the steps that `found` asks for; each of them can be repeated.

    `agree` is asked before the present is cut off for a past, with what differs; without it the plan's own
    confirmation counts for that as well.
    """
    hands = crew or Crew(stack.root)
    return Plan(
        task=found.task,
        operation=found.operation,
        title=found.title,
        arguments=to_json(found),
        steps=(*_taking(stack, found, hands), *_bringing(stack, found, hands, agree), *validate(stack, found, hands)),
        snapshot="snapshot",
        put_back=partial(steps.put_back, stack, found),
        release=lambda kill: hands.release(kill=kill),
        effects=tuple(_effects(stack, found)),
        notes=found.notes,
        refusals=found.refusals,
    )


def validate(stack: Stack, found: Facts, hands: Crew) -> list[Step]:
    """State against warehouse, audits, contracts; what is late is told, not held against a recovery."""
    checks: list[tuple[str, str, Callable[[Stack, Say, Crew], Verdict], str]] = [
        ("drift", "Compare state and warehouse", _drift, "invoke verify.drift"),
        ("audits", "Audit every model", _audits, "invoke verify.audit"),
    ]
    if stack.config.contracts is not None:
        checks.append(("contracts", "Verify every contract", _contracts, "invoke verify.contracts"))
    made = [
        Step(
            name,
            title,
            partial(_well, check, stack, hands),
            check=partial(_no_findings, accept=found.options.accept_red and name != "drift"),
            equivalent=equivalent,
        )
        for name, title, check, equivalent in checks
    ]
    if stack.config.contracts is not None:
        made.append(Step("freshness", "Look how fresh it is", partial(_well, _fresh, stack, hands)))
    return [*made, Step("seal", "Note the state of every file", partial(steps.seal, stack, hands))]


def _taking(stack: Stack, found: Facts, hands: Crew) -> list[Step]:
    kept = "Keep everything as it is" if found.forensic else "Take and verify the snapshot"
    made = [
        Step(
            "snapshot",
            f"{kept}: {found.snapshot}",
            partial(steps.snapshot, stack, found, hands),
            wrote=wrote_nothing,
        )
    ]
    if taken := [*found.gone, *found.wals]:
        title = f"Take {', '.join(taken)} out of the way"
        equivalent = typed.moved(stack, taken)
        made.append(Step("quarantine", title, partial(steps.quarantine, stack, found, hands), equivalent=equivalent))
    return made


def _bringing(stack: Stack, found: Facts, hands: Crew, agree: Agree | None) -> list[Step]:
    made = past.steps(stack, found, found.past, hands, agree) if found.past is not None else []
    for number, one in enumerate(found.bring):
        what = "everything" if one.only is None else ", ".join(one.only)
        title = f"Bring {what} back from {one.snapshot}"
        name, do = f"bring {number}", partial(steps.bring, stack, found, one, hands)
        made.append(Step(name, title, do, wrote=partial(steps.has_brought, stack, name)))
    if found.place is not None:
        title = f"Put {found.place.source} in the place of {found.place.target}"
        equivalent = typed.copied(stack, found.place.source, found.place.target)
        made.append(Step("place", title, partial(steps.place, stack, found, found.place, hands), equivalent=equivalent))
    if found.manifest_rows:
        made.append(
            Step("rows", "Count every table, as the manifest does", partial(steps.manifest, stack, found, hands))
        )
    if found.keeps:
        title = f"Keep the history of {', '.join(one.name for one in found.keeps)}"
        made.append(Step("history", title, partial(steps.keep, stack, found, hands)))
    for name in found.refills:
        title = f"Load {name}{typed.by_dlt(stack, name)}"
        do = partial(_refill, stack, name)
        made.append(Step(f"load {name}", title, do, check=none_left, equivalent=typed.load(stack, name)))
    if any(not name.startswith('"') for name in found.before or {}):
        made.append(Step("gate", "Compare the raw tables with before", partial(steps.gate, stack, found, hands)))
    environment = stack.config.sqlmesh.environment
    if found.fresh_state:
        title = f"Deploy {environment} into a new state"
        equivalent = f"sqlmesh plan {environment} --empty-backfill"
        begin = partial(steps.begin, stack, hands)
        made.append(Step("begin", title, begin, equivalent=typed.in_project(stack, equivalent)))
    if found.compute:
        title = "Compute what is missing or stale, show every view"
        made.append(Step("mend", title, partial(steps.mend, stack, found, hands)))
    if any(name.startswith('"') for name in found.before or {}):
        made.append(Step("compare", "Compare the marts with before", partial(steps.compare, stack, found, hands)))
    return made


def _refill(stack: Stack, name: str, run: Run) -> Result:
    return steps.refill(stack, name, run)


def _well(check: Callable[[Stack, Say, Crew], Verdict], stack: Stack, crew: Crew, run: Run) -> Result:
    verdict = check(stack, run.say, crew.on(run.log, run.held))
    return {"said": verdict.said, "findings": [dict(found) for found in verdict.findings]}


def _drift(stack: Stack, say: Say, hands: Crew) -> Verdict:
    return drift(stack, say, hands.worker(steps.CHECKS, stack.sqlmesh_folder))


def _audits(stack: Stack, say: Say, hands: Crew) -> Verdict:
    verdict = audits(stack, say, hands.worker(steps.CHECKS, stack.sqlmesh_folder))
    hands.dismiss(steps.CHECKS)
    return verdict


def _contracts(stack: Stack, say: Say, hands: Crew) -> Verdict:
    return contracts(stack, say, freshness=False, shared=hands.worker("soda"))


def _fresh(stack: Stack, say: Say, hands: Crew) -> Verdict:
    verdict = contracts(stack, say, freshness=True, shared=hands.worker("soda"))
    hands.dismiss("soda")
    return verdict


def _no_findings(_run: Run, result: Result, *, accept: bool) -> None:
    if result["findings"] and not accept:
        first = result["findings"][0]
        more = len(result["findings"]) - 1
        way_out = first["way_out"] or "--accept-red, if it was so before"
        raise StepFailed(f"{first['reason']}{f' (and {more} more)' if more else ''}", way_out)


def _effects(stack: Stack, found: Facts) -> list[Effect]:
    kept = "kept as it is, damage included" if found.forensic else "taken and verified"
    effects = [Effect(found.snapshot, kept, None if found.past else found.bytes or None)]
    if found.past is not None:
        if not found.in_place:
            effects.append(Effect(found.past.label, "laid beside the present and judged", found.bytes or None))
        effects.append(Effect("everything", f"as of {shown(found.past.time)}"))
        effects += [
            Effect(name, "the present, to be looked at after the cut") for name in past.broken_names(stack, found)
        ]
    effects += [Effect(path, f"renamed into {found.snapshot}") for path in (*found.gone, *found.wals)]
    for one in found.bring:
        effects.append(Effect("everything" if one.only is None else ", ".join(one.only), f"from {one.snapshot}"))
    if found.place is not None:
        effects.append(Effect(found.place.target, f"a copy of {found.place.source}"))
    effects += [Effect(name, "loaded") for name in found.refills]
    if found.fresh_state:
        effects.append(Effect("SQLMesh state", "begun anew from the files on disk"))
    if found.compute:
        effects.append(Effect("marts", "computed anew where they are missing, stale or behind"))
    effects += [Effect(one.name, f"its rows are taken over from {one.snapshot}") for one in found.keeps]
    return effects
