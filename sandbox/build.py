"""Builds a stack from nothing: three loads over HTTP, a SQLMesh plan, the contracts, the Dagster definitions."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox import run
from sandbox.api import server
from sandbox.api import state as states
from sandbox.tree import rehome

TEMPLATE = Path(__file__).resolve().parent / "template"
CONFIG = Path(__file__).resolve().parents[1] / "invoke.yaml"
EARLIER = 15

CHECKPOINT = """
import sys, duckdb
for path in sys.argv[1:]:
    with duckdb.connect(path) as connection:
        connection.execute("CHECKPOINT")
"""
DEFINITIONS = "from databox.definitions import defs; defs.get_repository_def()"


@dataclass(frozen=True)
class Wanted:
    """What a stack is to hold; `pinned`: its clock stands at `state.today`."""

    state: states.State
    pinned: bool


def build(folder: Path, wanted: Wanted, tell: Callable[[str, float], None]) -> None:
    """Build a stack in the empty `folder`; `tell(stage, seconds)` is called after each stage.

    Raises `SandboxError` with the last words of a stage that fails.
    """
    shutil.copytree(
        TEMPLATE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".cache", "logs")
    )
    states.write(folder, wanted.state)
    _configure(folder, wanted)
    with server.serve(folder), ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_stage, folder, f"dlt {name}", "-m", "databox.load", name) for name in states.SOURCES]
        for job in jobs:
            tell(*job.result())
    tell(*_stage(folder, "sqlmesh plan", "-m", "databox.transform", "plan"))
    files = [str(file) for file in sorted((folder / "data").glob("*.duckdb"))]
    tell(*_stage(folder, "checkpoint", "-c", CHECKPOINT, *files))
    tell(*_stage(folder, "soda contracts", "-m", "databox.contracts"))
    tell(*_stage(folder, "dagster definitions", "-c", DEFINITIONS))
    rehome(folder)


def _stage(folder: Path, name: str, *arguments: str) -> tuple[str, float]:
    began = time.monotonic()
    run.python(folder, *arguments)
    return name, time.monotonic() - began


def first_mart_day(state: states.State) -> date:
    """Where the models start: some time before the first day with data."""
    return state.first - timedelta(days=EARLIER)


def _configure(folder: Path, wanted: Wanted) -> None:
    """Write the stack's `databox.toml`, and its `invoke.yaml` from the repository's own."""
    lines = [f"history_days = {wanted.state.days}", f'start = "{first_mart_day(wanted.state)}"']
    lines += [f'today = "{wanted.state.today}"'] if wanted.pinned else []
    toml = folder / "databox.toml"
    words = [line for line in toml.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    toml.write_text("\n".join([*words, *lines, ""]), encoding="utf-8")

    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    config = yaml.load(CONFIG.read_text(encoding="utf-8"))
    config["ops"]["root"] = "."
    if wanted.pinned:
        config["ops"].insert(1, "clock", wanted.state.today, comment="the present of this stack stands still")
    with (folder / "invoke.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(config, file)
