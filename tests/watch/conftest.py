"""The small stack, and command lines that are run on it in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from ops_tasks.namespaces import ns
from ops_tasks.program import Ops, namespace
from ops_tasks.stack import Stack, find
from tests.conftest import Ran
from tests.systems.conftest import small_stack
from tests.systems.conftest import writing as writing

Invoke = Callable[..., Ran]
OPS = [sys.executable, "-P", "-c", "from ops_tasks.program import main; main()"]
FOLDERS = [
    *("plain", "a b", "100%", "%h", "it's", 'say "x"', "back\\slash", "a\\%b", "[x]*", "größe 数", "-x; y #z &"),
    "$none ${none}",
]


@pytest.fixture
def invoke() -> Invoke:
    """`invoke(stack, *words)` runs one command line, as JSON; a tenth of the time of a process of its own."""

    def run(stack: Stack, *words: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        program = Ops(name="ops", binary="ops", binary_names=["ops"], namespace=namespace(ns))
        with redirect_stdout(out), redirect_stderr(err):
            try:
                program.run(["ops", *words, f"--stack={stack.file.parent}", "--json"])
                code = 0
            except SystemExit as end:
                assert isinstance(end.code, int)
                code = end.code
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def small(tmp_path: Path) -> Stack:
    """Three databases of a few blocks each, of which `watch.snapshot` keeps one snapshot of its own."""
    stack = small_stack(tmp_path / "stack")
    keep(stack, "last: 1, hourly: 0, daily: 0, weekly: 0")
    return find(stack.root)


def keep(stack: Stack, policy: str) -> None:
    """Give the stack a keep-policy."""
    before = stack.file.read_text(encoding="utf-8").split("  watch:")[0]
    stack.file.write_text(f"{before}  watch:\n    keep: {{{policy}}}\n", encoding="utf-8")


def bare(command: list[str], home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run something in the environment that cron gives."""
    env = {"HOME": str(home or Path.home()), "PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=False, timeout=120)


def written(stack: Stack, invoke: Invoke, folder: Path, *words: str) -> list[Path]:
    told = invoke(stack, "watch.units", "--only=snapshot", f"--write={folder}", *words)
    assert told.code == 0, told.err
    return sorted(folder.iterdir())
