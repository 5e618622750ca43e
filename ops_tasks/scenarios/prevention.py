"""The prevention appendix: what would have stopped each incident, and whether it would stop it here and now."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from ops_tasks import durations
from ops_tasks.errors import OpsError, UsageError
from ops_tasks.guard.evidence import standing
from ops_tasks.scenarios import watching
from ops_tasks.stack import Stack
from ops_tasks.systems import git, precommit
from ops_tasks.systems.load import python_path
from ops_tasks.systems.precommit import Hook
from ops_tasks.systems.worker import Worker, require

TASK = "ops.prevention"
HOOKS = (
    Hook("ops-large-files", "no large files and no databases", "ops-large-files", {"require_serial": True}),
    Hook(
        "ops-schema-gate",
        "no breaking change of a contract",
        "ops-schema-gate --base HEAD --staged",
        {"files": r"\.ya?ml$", "pass_filenames": False},
    ),
    Hook(
        "ops-contract-lint",
        "contracts are valid and complete",
        "ops-contract-lint",
        {"files": r"\.(ya?ml|sql|py)$", "pass_filenames": False},
    ),
    Hook("ops-restate-guard", "no restatement outside of the guard", "ops-restate-guard", {"types": ["text"]}),
)
WORKS, BROKEN, MISSING = "works", "does not work", "not installed"
INSTALLED, ABSENT = "installed", "does not apply"
FINE = (WORKS, INSTALLED, ABSENT)
NO_CONTRACTS, NO_DAGSTER = "the stack has no contracts", "the stack has no Dagster"
INSTALL = "invoke ops.prevention --install"
ADD = "pre-commit install"
BLOWN, BACKFILL, PITR, PAUSED = "blown DuckDB file", "partial backfill", "point in time", "paused schedule"
USUAL = ("contracts", "soda/contracts")
IN_CI = ("the same, by a commit without hooks", "CI: ops-schema-gate")
CONTRACT = "dataset: shop/main/orders\ncolumns:\n  - name: id\n    data_type: integer\n"
SECONDS = 300
DISK_SECONDS, HEARTBEAT_SECONDS = 3 * 3600.0, 300.0
SENSOR = "freshness_violation_sensor"
# How long a code location may take to be imported, and by how much a tick of a busy daemon may be late.
SENSOR_SECONDS, TICK_GRACE = 60.0, 300
# A hook is started by git with these; a probe works in a repository of its own.
OF_GIT = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


@dataclass(frozen=True)
class Probe:
    """What a hook is tried on: files of the commit before (path -> content), and the staged offence."""

    before: Mapping[str, bytes]
    offence: Mapping[str, bytes]


@dataclass(frozen=True)
class Row:
    """One cause and what stops it: `status` in a few words, `told` the evidence, `way_out` what mends it."""

    scenario: str
    cause: str
    check: str
    status: str
    told: str
    way_out: str = ""


def rows(top: Path, stack: Stack | None, why_none: str = "") -> Iterator[Row]:
    """Every row of the appendix for the repository at `top`, the slow ones too; reads only."""
    hooks = precommit.configured(top)
    places = contract_folders(top, stack, hooks)
    contracts = has_contracts(top, stack, places)
    yield _hook(top, hooks, BLOWN, "a database or a huge file is committed", HOOKS[0], _large)
    yield _watching(stack, why_none, BLOWN, "the disk fills up", "disk", DISK_SECONDS)
    yield _hook(
        top, hooks, BACKFILL, "a contract change drops rows silently", HOOKS[1], _breaking(places), applies=contracts
    )
    yield _in_ci(top) if contracts else Row(BACKFILL, *IN_CI, ABSENT, NO_CONTRACTS)
    yield _hook(top, hooks, BACKFILL, "a script restates without a snapshot", HOOKS[3], _restating)
    yield _hook(top, hooks, BACKFILL, "a mart has no row_count or freshness check", HOOKS[2], None, applies=contracts)
    yield _complete(stack, why_none)
    yield _guarded(stack, why_none)
    yield _snapshot(stack, why_none)
    yield _freshness(stack, why_none)
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


def _hook(
    top: Path,
    hooks: Mapping[str, Mapping[str, object]],
    scenario: str,
    cause: str,
    hook: Hook,
    probe: Probe | None,
    *,
    applies: bool = True,
) -> Row:
    check = f"pre-commit: {hook.id}"
    if not applies:
        way_out = f"remove it from {precommit.FILE}, or describe contracts: ops.contracts in invoke.yaml"
        blocks = Row(scenario, cause, check, BROKEN, f"{NO_CONTRACTS}: it ends every commit with an error", way_out)
        return blocks if hook.id in hooks else Row(scenario, cause, check, ABSENT, NO_CONTRACTS)
    if hook.id not in hooks:
        return Row(scenario, cause, check, MISSING, f"{precommit.FILE} does not have it", INSTALL)
    if not precommit.is_installed(top):
        return Row(scenario, cause, check, MISSING, "git does not call pre-commit in this clone", ADD)
    if probe is None:
        return Row(
            scenario, cause, check, INSTALLED, "it runs before every commit; what it says of this stack is told below"
        )
    refused, told = _probed(top, hook.id, probe)
    return Row(
        scenario, cause, check, WORKS if refused else BROKEN, told, "" if refused else f"pre-commit run {hook.id}"
    )


def _probed(top: Path, hook: str, probe: Probe) -> tuple[bool, str]:
    """Let pre-commit run the hook, as this repository configures it, on a staged offence in a repository of its own."""
    env = {key: value for key, value in os.environ.items() if key not in OF_GIT}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(top), env.get("PYTHONPATH", "")]))
    with tempfile.TemporaryDirectory(prefix="ops-probe-") as folder:
        place = Path(folder)
        who = ("-c", "user.name=probe", "-c", "user.email=probe@localhost", "-c", "commit.gpgsign=false")
        _git(place, env, "init", "--quiet")
        for file in probe.before:
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(probe.before[file])
        _git(place, env, "add", ".")
        _git(place, env, *who, "commit", "--quiet", "--no-verify", "--allow-empty", "--message=probe")
        for file in probe.offence:
            (place / file).write_bytes(probe.offence[file])
        _git(place, env, "add", ".")
        command = [
            sys.executable,
            "-m",
            "pre_commit",
            "run",
            "--config",
            str(top / precommit.FILE),
            hook,
            "--all-files",
        ]
        try:
            ran = subprocess.run(
                command, cwd=place, env=env, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return False, f"it did not end within {SECONDS} seconds"
    said = ran.stdout + ran.stderr
    if "No module named pre_commit" in said:
        return False, "pre-commit is not installed beside this program: pip install pre-commit"
    if ran.returncode == 1 and "exit code: 1" in said:
        return True, "it refuses a staged example"
    if "(no files to check)" in said:
        return False, "it is not asked about a staged example: look at its files and exclude"
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "nothing")
    return False, f"it lets a staged example pass: {last}" if ran.returncode == 0 else f"it failed: {last}"


def _git(folder: Path, env: Mapping[str, str], *words: str) -> None:
    try:
        subprocess.run(["git", *words], cwd=folder, env=dict(env), check=True, capture_output=True)  # noqa: S607 - git is found on PATH
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(f"git {words[-1]} failed in a probe: {error}", "is git installed?") from None


_large = Probe({}, {"data.csv": bytes(8) + b"DUCK" + (64).to_bytes(8, "little") + bytes(4096)})
_restating = Probe(
    {},
    # ops-allow: restate -- the offence of a probe
    {"job.sh": b"#!/bin/sh\nsqlmesh plan prod --restate-model shop.orders\n"},
)


def _breaking(folders: Sequence[str]) -> Probe:
    files = [f"{folder}/ops_probe.yml" for folder in folders]
    changed = CONTRACT.replace("integer", "varchar")
    return Probe({file: CONTRACT.encode() for file in files}, {file: changed.encode() for file in files})


def has_contracts(top: Path, stack: Stack | None, places: Sequence[str]) -> bool:
    """Whether there is anything that the gates over contracts could judge: described, or in a folder they look into."""
    if stack is not None and stack.config.contracts is not None:
        return True
    return any(next((top / one).rglob("*.y*ml"), None) is not None for one in places)


def fitting(top: Path, stack: Stack | None) -> list[Hook]:
    """The hooks that can work in the repository at `top`."""
    places = contract_folders(top, stack, precommit.configured(top))
    return precommit.fitting(HOOKS, contracts=has_contracts(top, stack, places))


def contract_folders(top: Path, stack: Stack | None, hooks: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Where the gate looks for contracts, relative to the top: as its hook says, the stack's folder, the usual one."""
    gate = hooks.get(HOOKS[1].id, {})
    given = cast("list[object] | None", gate.get("args"))
    words = [*str(gate.get("entry", "")).split(), *map(str, given or ())]
    named = [second for first, second in pairwise(words) if first == "--contracts"]
    named += [word.removeprefix("--contracts=") for word in words if word.startswith("--contracts=")]
    if not named and stack is not None and stack.config.contracts is not None:
        folder = (stack.root / stack.config.contracts.path).resolve()
        named += [folder.relative_to(top.resolve()).as_posix()] if folder.is_relative_to(top.resolve()) else []
    return list(dict.fromkeys([*named, *USUAL]))


def _in_ci(top: Path) -> Row:
    cause, check = IN_CI
    folder = top / ".github" / "workflows"
    files = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]) if folder.is_dir() else []
    calls = [file for file in files if _calls_gate(file.read_text(encoding="utf-8", errors="replace"))]
    if not calls:
        told = "no workflow calls it" if files else "there is no workflow"
        return Row(BACKFILL, cause, check, MISSING, told, "copy the workflow of docs/hooks/ci.md")
    if any("fetch-depth: 0" in file.read_text(encoding="utf-8", errors="replace") for file in calls):
        return Row(BACKFILL, cause, check, WORKS, f"called in {calls[0].relative_to(top)}")
    told = f"{calls[0].relative_to(top)} has no fetch-depth: 0, so the base is not there"
    return Row(BACKFILL, cause, check, BROKEN, told, "fetch-depth: 0 in the checkout step")


def _calls_gate(text: str) -> bool:
    """Whether a line of a workflow that is no comment names the gate, as a program, a module or a task."""
    names = ("ops-schema-gate", "hooks.schema_gate", "schema.gate")
    return any(name in line for line in text.splitlines() if not line.lstrip().startswith("#") for name in names)


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


def _freshness(stack: Stack | None, why_none: str) -> Row:
    """Whether a sensor of ours is on and has been evaluated just now: a declaration alone watches nothing."""
    cause, check = "data gets old unnoticed", SENSOR
    if stack is None:
        return Row(PAUSED, cause, check, MISSING, why_none, "ops.dagster in invoke.yaml")
    if stack.config.dagster is None:
        return Row(PAUSED, cause, check, ABSENT, NO_DAGSTER)
    try:
        found = _sensors(stack)
    except UsageError as error:
        return Row(PAUSED, cause, check, MISSING, error.reason, error.way_out)
    except OpsError as error:
        return Row(PAUSED, cause, check, BROKEN, error.reason, error.way_out or "dagster definitions validate")
    if not found:
        told = f"{stack.config.dagster.module} has none that ops_tasks.dagster made"
        return Row(PAUSED, cause, check, MISSING, told, f"{SENSOR}() in its Definitions, see docs/dagster.md")
    judged = [_sensor(one) for one in found]
    status, told, way_out = next((one for one in judged if one[0] == WORKS), judged[0])
    return Row(PAUSED, cause, check, status, told, way_out)


def _sensors(stack: Stack) -> list[dict[str, Any]]:
    section = stack.config.dagster
    assert section is not None
    require("dagster", "dagster")
    home = (stack.root / section.home).resolve()
    # In a home that nobody has used, opening the instance would make its databases.
    env = {"DAGSTER_HOME": str(home) if _has_ticks(home) else "", "PYTHONPATH": python_path(stack)}
    with Worker("sensor", cwd=stack.root, env=env, limit=SENSOR_SECONDS) as worker:
        found = worker.call("freshness", module=section.module, folder=str(stack.root))
    return cast("list[dict[str, Any]]", found)


def _has_ticks(home: Path) -> bool:
    """Whether there is a storage to ask: Dagster's own file, or another that `dagster.yaml` names."""
    if (home / "schedules" / "schedules.db").is_file():
        return True
    try:
        lines = (home / "dagster.yaml").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.startswith(("storage:", "schedule_storage:")) for line in lines)


def _sensor(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Status, evidence and way out of one sensor."""
    name, age = found["name"], found["age"]
    if not found["on"]:
        return BROKEN, f"{name} is switched off", f"dagster sensor start {name}"
    if age is None:
        return BROKEN, f"{name} is on, but was never evaluated", "start Dagster's daemon: invoke dagster.dev"
    ago = durations.told(timedelta(seconds=max(0, int(age))))
    if found["status"] not in ("skipped", "success"):
        return BROKEN, f"{name} failed {ago} ago: {found['said']}", "see its ticks in Dagster"
    if age > 2 * found["interval"] + TICK_GRACE:
        return BROKEN, f"{name} is on, but was last evaluated {ago} ago", "start Dagster's daemon: invoke dagster.dev"
    return WORKS, f"{name} said {ago} ago: {found['said']}", ""


def top_of(folder: Path) -> Path:
    """The root of the repository around a folder."""
    return git.top(folder)
