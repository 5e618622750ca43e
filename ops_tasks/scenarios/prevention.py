"""The prevention appendix: what would have stopped each incident, and whether it would stop it here and now."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ops_tasks.errors import OpsError
from ops_tasks.guard.evidence import standing
from ops_tasks.scenarios import prevention_sensor, watching
from ops_tasks.scenarios.prevention_hooks import (
    HOOKS,
    IN_CI,
    LARGE,
    RESTATING,
    breaking,
    contract_folders,
    has_contracts,
    hooked,
    in_ci,
)
from ops_tasks.scenarios.prevention_row import (
    ABSENT,
    BACKFILL,
    BLOWN,
    BROKEN,
    MISSING,
    NO_CONTRACTS,
    NO_DAGSTER,
    PAUSED,
    PITR,
    WORKS,
    Row,
)
from ops_tasks.stack import Stack
from ops_tasks.systems import git, precommit

TASK = "ops.prevention"
SECONDS = 300
DISK_SECONDS, HEARTBEAT_SECONDS = 3 * 3600.0, 300.0


def rows(top: Path, stack: Stack | None, why_none: str = "") -> Iterator[Row]:
    """Every row of the appendix for the repository at `top`, the slow ones too; reads only."""
    hooks = precommit.configured(top)
    places = contract_folders(top, stack, hooks)
    contracts = has_contracts(top, stack, places)
    yield hooked(top, hooks, BLOWN, "a database or a huge file is committed", HOOKS[0], LARGE)
    yield _watching(stack, why_none, BLOWN, "the disk fills up", "disk", DISK_SECONDS)
    yield hooked(
        top,
        hooks,
        BACKFILL,
        "a contract change drops rows silently",
        HOOKS[1],
        breaking(places),
        applies=contracts,
    )
    yield in_ci(top) if contracts else Row(BACKFILL, *IN_CI, ABSENT, NO_CONTRACTS)
    yield hooked(top, hooks, BACKFILL, "a script restates without a snapshot", HOOKS[3], RESTATING)
    yield hooked(top, hooks, BACKFILL, "a mart has no row_count or freshness check", HOOKS[2], None, applies=contracts)
    yield _complete(stack, why_none)
    yield _guarded(stack, why_none)
    yield _snapshot(stack, why_none)
    yield prevention_sensor.freshness(stack, why_none)
    yield _watching(stack, why_none, PAUSED, "the Dagster daemon is dead", "heartbeat", HEARTBEAT_SECONDS)


def _watching(stack: Stack | None, why_none: str, scenario: str, cause: str, name: str, seconds: float) -> Row:
    """A watch works when it runs: it leaves a note of every run, and one that nothing runs any more is told by that."""
    check = f"invoke watch.{name}"
    if stack is None:
        return Row(scenario, cause, check, MISSING, why_none, "")
    if name not in [watch.name for watch in watching.of(stack)]:
        return Row(scenario, cause, check, ABSENT, NO_DAGSTER)
    units = f"invoke watch.units --only={name} --write=~/.config/systemd/user"
    try:
        age = time.time() - (stack.home / "watch" / f"{name}.json").stat().st_mtime
    except OSError:
        return Row(scenario, cause, check, MISSING, "it has never run here", units)
    if age > seconds:
        return Row(scenario, cause, check, BROKEN, f"it ran last {age / 3600:,.1f} h ago", units)
    return Row(scenario, cause, check, WORKS, f"it ran {age / 60:,.0f} min ago", "")


def _complete(stack: Stack | None, why_none: str) -> Row:
    """Run the contract lint on this stack as it is."""
    cause, check = "a restore brings the wrong shape", "contracts on every mart: schema.lint"
    if stack is None:
        return Row(PITR, cause, check, MISSING, why_none, "ops.contracts in invoke.yaml")
    if stack.config.contracts is None:
        return Row(PITR, cause, check, ABSENT, NO_CONTRACTS)
    folder = stack.root / stack.config.contracts.path
    command = [
        sys.executable,
        "-m",
        "ops_hooks.contract_lint",
        "--contracts",
        str(folder),
        "--project",
        str(stack.project),
    ]
    ran = subprocess.run(command, cwd=stack.root, capture_output=True, text=True, check=False, timeout=SECONDS)
    told = next((line for line in reversed((ran.stdout + ran.stderr).splitlines()) if line.strip()), "it said nothing")
    status = {0: WORKS, 1: BROKEN}.get(ran.returncode, MISSING)
    return Row(PITR, cause, check, status, told, "" if status == WORKS else "invoke schema.lint")


def _guarded(stack: Stack | None, why_none: str) -> Row:
    cause, check = "sqlmesh restates production without a way back", "guard on the SQLMesh gateway"
    if stack is None:
        return Row(PITR, cause, check, MISSING, why_none, "an ops: section in invoke.yaml")
    config, macros = stack.project / "config.py", stack.project / "macros"
    places = [(config, "install")] if config.is_file() else []
    places += [(file, "patch") for file in sorted(macros.glob("*.py"))] if macros.is_dir() else []
    for file, function in places:
        if _calls_guard(file, function):
            return Row(PITR, cause, check, WORKS, f"guard.{function} in {file.relative_to(stack.root)}")
    call = (
        "guard.install(config) as the last line of config.py"
        if config.is_file()
        else "guard.patch(__file__) in a file of macros"
    )
    way = f"{call}, see docs/hooks/restate-guard.md"
    return Row(PITR, cause, check, MISSING, "a plain sqlmesh plan --restate-model is not stopped", way)


def _calls_guard(file: Path, function: str) -> bool:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return False
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(
        (isinstance(one, ast.Attribute) and one.attr == function and ast.unparse(one.value).endswith("guard"))
        or (isinstance(one, ast.Name) and one.id == function and "ops_tasks.guard" in ast.unparse(tree))
        for one in called
    )


def _snapshot(stack: Stack | None, why_none: str) -> Row:
    cause, check = "nothing to go back to", "a recent verified snapshot"
    if stack is None:
        return Row(PITR, cause, check, MISSING, why_none, "an ops: section in invoke.yaml")
    try:
        found = standing(stack, stack.config.guard.max_age, datetime.now(UTC))
    except OpsError as error:
        return Row(PITR, cause, check, MISSING, error.reason, error.way_out)
    return Row(PITR, cause, check, WORKS, f"{found.name} is verified and as new as the data")


def top_of(folder: Path) -> Path:
    """The root of the repository around a folder."""
    return git.top(folder)
