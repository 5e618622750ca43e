"""Steps as a person would type them: a line of a plan that is shown as a command can be pasted at the stack's root."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from ops_tasks.scenarios import schedules
from ops_tasks.stack import MD, Stack
from ops_tasks.systems.load import argv


def in_project(stack: Stack, command: str) -> str:
    """A `sqlmesh ...` command where SQLMesh is started for this stack: its relative paths are meant from there."""
    gateway, rest = stack.config.sqlmesh.gateway, command.removeprefix("sqlmesh ")
    options = ["--gateway", gateway] if gateway else []
    if (project := os.path.relpath(stack.project, stack.sqlmesh_folder)) != ".":
        options += ["-p", project]
    whole = " ".join(["sqlmesh", *map(shlex.quote, options), rest])
    folder = os.path.relpath(stack.sqlmesh_folder, stack.root)
    return whole if folder == "." else f"(cd {shlex.quote(folder)} && {whole})"


def of_dagster(stack: Stack, command: str) -> str:
    """A `dagster ...` command with the code location and the DAGSTER_HOME of this stack."""
    known = (stack.root / "workspace.yaml").is_file()
    place = ["-w", "workspace.yaml"] if known else ["-m", schedules.section_of(stack).module, "-d", "."]
    home = f"DAGSTER_HOME={shlex.quote(str(schedules.home_of(stack)))}"
    return " ".join([home, *_path(stack), command, shlex.join(place)])


def load(stack: Stack, name: str, variables: Mapping[str, str] | None = None) -> str:
    """The load command of a source; nothing for a dlt source, which is a function and no command."""
    command = stack.load(name).command
    if command is None:
        return ""
    asked = [f"{key}={shlex.quote(value)}" for key, value in (variables or {}).items()]
    return " ".join([*asked, *_path(stack), shlex.join(argv(command))])


def by_dlt(stack: Stack, name: str, variables: Mapping[str, str] | None = None) -> str:
    """The dlt source of a source in words, for a title; nothing where a command loads it."""
    source = stack.load(name).dlt
    if source is None:
        return ""
    asked = " ".join(f"{key}={value}" for key, value in (variables or {}).items())
    return f", by the dlt source {source}" + (f" with {asked}" if asked else "")


def moved(stack: Stack, paths: Iterable[str]) -> str:
    """Files and folders out of the way, each with the log beside it, as far as they are there."""
    every = dict.fromkeys(one for path in paths if not path.startswith(MD) for one in (path, f"{path}.wal"))
    there = [path for path in every if (stack.root / path).exists()]
    return "\n".join(shlex.join(["mv", path, f"{path}.broken"]) for path in there)


def copied(stack: Stack, source: str, target: str) -> str:
    """A database file in the place of another; no log of the other one stays beside it."""
    log, old = f"{source}.wal", f"{target}.wal"
    lines = [shlex.join(["cp", source, target])]
    if Path(log).exists():
        lines.insert(0, shlex.join(["cp", log, old]))
    elif (stack.root / old).exists():
        lines.insert(0, shlex.join(["rm", old]))
    return "\n".join(lines)


def _path(stack: Stack) -> list[str]:
    own = ":".join(shlex.quote(str(path)) for path in stack.config.python_path)
    return [f"PYTHONPATH={own}:$PYTHONPATH"] if own else []
