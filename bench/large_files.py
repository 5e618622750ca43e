"""`ops-large-files` against `check-added-large-files` (pre-commit-hooks): 5,000 staged files, each hook a process.

The usual hook looks at the size of every file in the work tree. This one reads the beginning of every staged object.
Both start from compiled bytecode, as an installed hook does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from bench.machine import words

FILES = 5_000
FOLDERS = 50
BYTES = 2_000
ROOT = Path(__file__).resolve().parents[1]
WAYS = {
    "ops-large-files": "hooks.large_files",
    "check-added-large-files": "pre_commit_hooks.check_added_large_files",
}


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Measure in turn, `rounds` times; a table of medians and ratios."""
    if find_spec("pre_commit_hooks") is None:
        raise RuntimeError("pre-commit-hooks is not installed: pip install pre-commit-hooks==6.0.0")
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as temporary:
        folder = Path(temporary) / "repository"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONPYCACHEPREFIX": str(Path(temporary) / "bytecode"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        say(f"staging {FILES} files")
        names = _staged(folder)
        spent: dict[str, list[float]] = {name: [] for name in WAYS}
        for number in range(rounds + 1):  # the first round writes bytecode and fills the cache
            for name, module in WAYS.items():
                began = time.perf_counter()
                _hook(module, names, folder, environment)
                if number:
                    spent[name].append(time.perf_counter() - began)
        theirs = median(spent["check-added-large-files"])
        lines = [f"{FILES:,} staged files of {BYTES / 1000:g} KB, median of {rounds}", words(Path(temporary))]
        lines += [
            f"{name:26}{median(times) * 1000:>8.1f} ms{median(times) / theirs:>8.2f}" for name, times in spent.items()
        ]
    return "\n".join(lines)


def _staged(folder: Path) -> list[str]:
    names = [f"folder{number % FOLDERS:02}/file{number:04}.csv" for number in range(FILES)]
    for number, name in enumerate(names):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{number},{line},a value\n" for line in range(BYTES // 16))[:BYTES])
    _git(folder, "init", "-q", ".")
    _git(
        folder,
        "-c",
        "user.name=bench",
        "-c",
        "user.email=bench@example.org",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    )
    _git(folder, "add", ".")
    return names


def _git(folder: Path, *line: str) -> None:
    subprocess.run(["git", *line], cwd=folder, check=True)  # noqa: S607


def _hook(module: str, names: list[str], folder: Path, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", module, *names], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )
