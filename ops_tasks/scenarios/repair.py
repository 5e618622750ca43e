"""Data and state disagree and no file is broken: make them agree without building anything anew that is there."""

from __future__ import annotations

from collections.abc import Sequence

from ops_tasks.errors import Refused
from ops_tasks.operation.journal import new_id
from ops_tasks.operation.plan import Refusal
from ops_tasks.scenarios import file_health, lost_state, mending, recovery
from ops_tasks.scenarios.lineage import dated_raw
from ops_tasks.scenarios.mending import Model
from ops_tasks.scenarios.recovery_facts import Facts, Keep, Look, Options
from ops_tasks.scenarios.undo import plan_undo
from ops_tasks.scenarios.verify import project
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew

TASK = "ops.repair-state"

recover = recovery.recover
validate = recovery.validate
rollback = plan_undo


def symptoms(stack: Stack, hands: Crew) -> tuple[Model, ...]:
    """Every deployed model of every environment. Raises `Refused` while a file is broken or the state lost."""
    for file in file_health.examine(stack, hands):
        if file.broken:
            raise Refused(f"{file.path} is broken: {file.evidence[0]}", "invoke ops.rebuild")
    lost_state.refuse_without(stack, hands)
    name = hands.warm("sqlmesh_mend", cwd=stack.sqlmesh_folder)
    models = mending.from_worker(hands.call(name, "survey", **project(stack), raw=dated_raw(stack), instead={}))
    hands.call(name, "let_go")
    return models


def diagnose(stack: Stack, models: Sequence[Model], hands: Crew, options: Options) -> Facts:
    """What is to be computed or shown anew, and whether a history goes with a table that is lost."""
    operation = new_id()
    keeps, before, refusals, notes = _history(stack, models, hands, options)
    return Facts(
        task=TASK,
        operation=operation,
        title="repair of SQLMesh's state and warehouse",
        snapshot=f"pre_repair_{stack.now():%Y%m%d}_{operation}",
        forensic=False,
        options=options,
        compute=True,
        keeps=keeps,
        before=before,
        bytes=snapshots.set_bytes(stack),
        free_bytes=snapshots.free_bytes(stack),
        notes=notes,
        refusals=refusals,
    )


def _history(
    stack: Stack, models: Sequence[Model], hands: Crew, options: Options
) -> tuple[tuple[Keep, ...], dict[str, Look], tuple[Refusal, ...], tuple[str, ...]]:
    """Take the rows of lost tables over from the newest snapshot that has them."""
    lost = {model.model: model for model in reversed(mending.lost(models)) if model.kind != "VIEW"}
    newest = snapshots.newest(stack)
    before: dict[str, Look] = {}
    if newest is not None and lost:
        asked = {name: (model.table, model.time_column) for name, model in lost.items()}
        copies = snapshots.databases_in(stack, newest.folder)
        looks = hands.call("history", "look", databases=copies, tables=asked)
        for name, look in looks.items():
            if not look["problem"]:
                before[name] = Look(look["rows"], look["days"], look["first"], look["last"], newest.name)
    keeps = tuple(
        Keep(name, model.name, newest.name, model.table)
        for name, model in lost.items()
        if newest is not None and name in before and model.goes_on
    )
    bare = [model.name for name, model in lost.items() if model.scd and name not in before]
    if not bare:
        return keeps, before, (), ()
    reason = f"the history of {', '.join(bare)} is lost with its table, and no snapshot has it"
    if options.allow_history_loss:
        return keeps, before, (), (f"{reason}: it begins anew",)
    return keeps, before, (Refusal(reason, "--allow-history-loss begins it anew"),), ()
