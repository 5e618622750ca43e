"""SQLMesh's state is gone from a file that is whole: no model can be judged or mended without it."""

from __future__ import annotations

from ops_tasks.errors import Refused
from ops_tasks.scenarios import file_health
from ops_tasks.scenarios.symptoms import Symptom
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.snapshots import Snapshot


def lost_state(stack: Stack, hands: Crew) -> Symptom | None:
    """What is to be said where its files are there and none has a state; of broken and lost files others speak."""
    files = [stack.state_file] if stack.state_file is not None else list(dict.fromkeys(stack.databases.values()))
    if not files or not all(file.is_file() for file in files):
        return None
    if any(hands.call("duck", "has_state", path=str(file)) for file in files):
        return None
    file = stack.state_file or file_health.main_file(stack)
    evidence = f"{stack.relative(file)} is whole and has no SQLMesh state in it"
    return Symptom("missing", stack.relative(file), evidence, _way_out(stack))


def refuse_without(stack: Stack, hands: Crew) -> None:
    """Raise `Refused` where the state is lost, with the way out."""
    if (found := lost_state(stack, hands)) is not None:
        raise Refused(found.told(), found.way_out)


def _way_out(stack: Stack) -> str:
    """The newest snapshot that has a state: one that was taken since the loss has none."""
    kept = [one for one in snapshots.trusted(stack) if _has_state(one)]
    if kept:
        whole = f"invoke ops.restore --snapshot={kept[-1].name} --plan"
        return f"{whole} --only=state" if stack.state_file is not None else whole
    anew = "invoke full-refresh --allow-history-loss begins it anew from the project's files and the raw data"
    return f"no snapshot has it: {anew}; what raw does not hold any more is lost then"


def _has_state(taken: Snapshot) -> bool:
    inside = any(name.endswith("._environments") for name in taken.manifest["rows"])
    return inside or bool(taken.manifest.get("sqlmesh"))
