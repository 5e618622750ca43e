"""The appendix' rows on hooks: each is tried, as this repository configures it, on a staged offence; and CI is read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.prevention_row import ABSENT, BACKFILL, BROKEN, INSTALLED, MISSING, NO_CONTRACTS, WORKS, Row
from ops_tasks.stack import Stack
from ops_tasks.systems import precommit
from ops_tasks.systems.precommit import Hook

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
INSTALL = "invoke ops.prevention --install"
ADD = "pre-commit install"
USUAL = ("contracts", "soda/contracts")
IN_CI = ("the same, by a commit without hooks", "CI: ops-schema-gate")
CONTRACT = "dataset: shop/main/orders\ncolumns:\n  - name: id\n    data_type: integer\n"
SECONDS = 300
# A hook is started by git with these; a probe works in a repository of its own.
OF_GIT = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


@dataclass(frozen=True)
class Probe:
    """What a hook is tried on: files of the commit before (path -> content), and the staged offence."""

    before: Mapping[str, bytes]
    offence: Mapping[str, bytes]


def hooked(
    top: Path,
    hooks: Mapping[str, Mapping[str, object]],
    scenario: str,
    cause: str,
    hook: Hook,
    probe: Probe | None,
    *,
    applies: bool = True,
) -> Row:
    """Whether a hook is configured, called by git, and refuses the offence of its `probe` (None: it has none).

    One that does not apply and is configured all the same blocks every commit.
    """
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


LARGE = Probe({}, {"data.csv": bytes(8) + b"DUCK" + (64).to_bytes(8, "little") + bytes(4096)})
RESTATING = Probe(
    {},
    # ops-allow: restate -- the offence of a probe
    {"job.sh": b"#!/bin/sh\nsqlmesh plan prod --restate-model shop.orders\n"},
)


def breaking(folders: Sequence[str]) -> Probe:
    """A change of a column's type, in each folder where the gate may look."""
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


def in_ci(top: Path) -> Row:
    """Whether a workflow calls the gate, and has the commit to compare with."""
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
