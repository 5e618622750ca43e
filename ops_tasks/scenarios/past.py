"""Scenario 3: the whole set back at a moment. The past is laid beside the present and judged there, then comes the cut.

In place (path B) the cut comes at once; what is there now is kept either way, and stays to be looked at under a name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ops_tasks.errors import Refused, StepFailed
from ops_tasks.operation.plan import Result, Run, Step, wrote_nothing
from ops_tasks.scenarios import apart, differing
from ops_tasks.scenarios.moments import Past
from ops_tasks.scenarios.recovery_facts import Facts
from ops_tasks.scenarios.verify import contracts, project
from ops_tasks.stack import MD, Stack
from ops_tasks.systems import backends, snapshots
from ops_tasks.systems.backends import Kept
from ops_tasks.systems.crew import Crew

Agree = Callable[[Mapping[str, Any]], bool]
DIFFERENCE = "difference.json"
ASIDE, PAST, REMEMBERED = "aside", "past", "remembered"
CHECKS = "sqlmesh_checks"
SQL = "md>"


def steps(stack: Stack, found: Facts, past: Past, hands: Crew, agree: Agree | None) -> list[Step]:
    """The steps from the present, which is kept by then, to the past; the checks of a live stack come behind them."""
    made: list[Step] = []
    if not found.in_place:
        made += [
            Step(
                "clone",
                f"Lay {past.label} beside the present",
                partial(_clone, stack, past, hands),
                wrote=wrote_nothing,
                equivalent="\n".join(_cloning(stack, found, past)),
                prompt=SQL,
            ),
            Step(
                "examine",
                "Read the copy, every table of it",
                partial(_examine, stack, past, hands),
                wrote=wrote_nothing,
            ),
        ]
        if stack.config.contracts is not None:
            made.append(
                Step(
                    "contracts of the past",
                    "Verify every contract on the copy",
                    partial(_contracts, stack, hands),
                    check=partial(_kept, accept=found.options.accept_red),
                    wrote=wrote_nothing,
                )
            )
        made.append(
            Step(
                "differ",
                "Compare the copy with the present, per table and day",
                partial(_differ, stack, hands),
                wrote=wrote_nothing,
            )
        )
    made.append(
        Step(
            "cut",
            f"Cut over to {past.label}",
            partial(_cut, stack, found, past, hands, agree),
            equivalent="\n".join(_cutting(stack, past)),
            prompt=SQL,
            wrote=lambda run: backends.of(stack).has_begun(run.folder / ASIDE),
        )
    )
    if past.points is not None:
        made.append(
            Step(
                "rewind",
                "Take SQLMesh's state back to the marts' time, dlt's to its tables",
                partial(_rewind, stack, found, past, hands),
            )
        )
    return made


def broken_names(stack: Stack, found: Facts) -> list[str]:
    """Where the present can be looked at after the cut."""
    if stack.remote:
        return [f"{MD}{name}__broken_{found.operation}" for name in stack.catalogs]
    folder = snapshots.folder_of(stack, found.snapshot) / "files"
    return [stack.relative(folder / stack.relative(path)) for path in stack.databases.values()]


def _points(stack: Stack, past: Past) -> Mapping[str, Any]:
    """What MotherDuck keeps of each catalog; of files there is nothing that a person would type."""
    if not stack.remote:
        return {}
    return past.points or snapshots.get(stack, past.snapshot or "").manifest["points"]


def _cloning(stack: Stack, found: Facts, past: Past) -> list[str]:
    return [
        f'CREATE DATABASE "{name}__past_{found.operation}" FROM "{point["clone"] or name}"'
        + (f" (SNAPSHOT_ID '{point['id']}')" if point["id"] else "")
        for name, point in _points(stack, past).items()
    ]


def _cutting(stack: Stack, past: Past) -> list[str]:
    return [
        f'COPY FROM DATABASE "{point["clone"]}" (OVERWRITE) TO "{name}"'
        if point["clone"]
        else f"ALTER DATABASE \"{name}\" SET SNAPSHOT TO (SNAPSHOT_ID '{point['id']}')"
        for name, point in _points(stack, past).items()
    ]


def _clone(stack: Stack, past: Past, crew: Crew, run: Run) -> Result:
    hands = crew.on(run.log, run.held)
    beside = run.folder / PAST
    if past.snapshot is not None:
        where = snapshots.clone(stack, past.snapshot, beside, run.say, hands)
    else:
        where = backends.of(stack).clone(_remembered(past, run), beside, hands, run.say)
    return {"past": where}


def _remembered(past: Past, run: Run) -> Kept:
    """What MotherDuck remembers, in the words of a snapshot's manifest: it holds catalogs, and no files."""
    folder = run.folder / REMEMBERED
    folder.mkdir(exist_ok=True)
    manifest: dict[str, Any] = {"files": [], "databases": [], "folders": [], "points": dict(past.points or {})}
    (folder / snapshots.MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return Kept(folder, manifest)


def _examine(stack: Stack, past: Past, crew: Crew, run: Run) -> Result:
    """Every value can be read, and there are as many rows as the manifest says."""
    hands, where = crew.on(run.log, run.held), run.results["clone"]["past"]
    if unread := hands.call("duck", "full_scan", run.say, databases=where):
        raise StepFailed(f"the copy cannot be read: {unread[0]}", "choose another moment")
    told = hands.call("duck", "describe", run.say, databases=where, state=None, environment="")["rows"]
    if past.snapshot is not None:
        wanted: dict[str, int] = snapshots.get(stack, past.snapshot).manifest["rows"]
        wrong = [
            f"{name}: {told.get(name)} instead of {rows}" for name, rows in wanted.items() if told.get(name) != rows
        ]
        if wrong:
            raise StepFailed(f"the copy is not what the manifest says: {'; '.join(wrong[:3])}", "choose another moment")
    else:
        _hold(hands, where, run)
    return {"tables": len(told), "rows": sum(told.values())}


def _hold(hands: Crew, where: Mapping[str, str], run: Run) -> None:
    """Write down what the copy holds: that is what the catalogs have to hold after the cut."""
    file = run.folder / PAST / snapshots.MANIFEST
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["content"] = hands.call("duck", "content:content", run.say, databases=where)
    file.write_text(json.dumps(manifest), encoding="utf-8")


def _contracts(stack: Stack, crew: Crew, run: Run) -> Result:
    hands = crew.on(run.log, run.held)
    where = run.results["clone"]["past"]
    verdict = contracts(stack, run.say, freshness=False, databases=where, shared=hands.worker("soda"))
    return {"said": verdict.said, "findings": [dict(one) for one in verdict.findings]}


def _kept(_run: Run, result: Result, *, accept: bool) -> None:
    if result["findings"] and not accept:
        first = result["findings"][0]
        more = f" (and {len(result['findings']) - 1} more)" if result["findings"][1:] else ""
        way_out = "an earlier --at; --accept-red, if it was so then"
        raise Refused(f"that past does not keep the contracts: {first['reason']}{more}", way_out)


def _differ(stack: Stack, crew: Crew, run: Run) -> Result:
    hands = crew.on(run.log, run.held)
    found = differing.differences(stack, run.results["clone"]["past"], hands, run.say)
    (run.folder / DIFFERENCE).write_text(json.dumps(found), encoding="utf-8")
    return {
        "tables": len(found),
        **{what: sum(int(one[what]) for one in found.values()) for what in ("added", "removed", "changed")},
    }


def _cut(stack: Stack, found: Facts, past: Past, crew: Crew, agree: Agree | None, run: Run) -> Result:
    """The one dangerous step: what is there is replaced by what was judged."""
    file = run.folder / DIFFERENCE
    difference: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if agree is not None and not found.in_place and not agree(difference):
        raise Refused("the cut was not confirmed", "the same command again; the copy was thrown away")
    hands = crew.on(run.log, run.held)
    backend, over = backends.of(stack), snapshots.published(stack, found.snapshot).kept
    broken = backend.forensics(found.operation, over, hands)
    if not found.in_place:
        folder = run.folder / PAST
        kept = Kept(folder, json.loads((folder / snapshots.MANIFEST).read_text(encoding="utf-8")))
    elif past.snapshot is not None:
        kept = snapshots.get(stack, past.snapshot).kept
    else:
        kept = _remembered(past, run)
    consume = not found.in_place
    done = backend.restore(kept, run.folder / ASIDE, hands, run.say, consume=consume, only=None, over=over)
    return {**done, "broken": broken}


def _rewind(stack: Stack, found: Facts, past: Past, crew: Crew, run: Run) -> Result:
    """MotherDuck remembers catalogs only: the state forgets what the marts lack, dlt takes its own from there."""
    hands = crew.on(run.log, run.held)
    kept = str(snapshots.folder_of(stack, found.snapshot))
    folders = [stack.relative(folder) for folder in stack.folders]
    retired = hands.call("files", "retire", root=str(stack.root), folder=kept, paths=folders)
    hands.warm(CHECKS, cwd=stack.sqlmesh_folder)
    told = hands.call(CHECKS, "sqlmesh_rewind:rewind", run.say, **project(stack), **apart.rewinding(stack, past))
    hands.call(CHECKS, "sqlmesh_mend:let_go")
    return {**told, "retired": retired}
