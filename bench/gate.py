"""The schema gate over 1,000 contracts of which 3 have changed, against reading them one `git show` per file.

The competitor does what a plain script does: for every contract of the base one `git show`, both versions parsed, the
names of the columns compared. It finds less, and pays for every file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.machine import words

CONTRACTS, CHANGED = 1000, 3
CONTRACT = """dataset: shop/main/table_{number}
columns:
  - name: id
    data_type: integer
    checks:
      - missing:
      - duplicate:
  - name: day
    data_type: date
    checks:
      - missing:
  - name: amount
    data_type: decimal(10, 2)
    valid_min: 0
    checks:
      - invalid:
checks:
  - schema:
  - row_count:
      threshold:
        must_be_greater_than: 0
  - freshness:
      column: day
      threshold:
        unit: hour
        must_be_less_than: 48
"""
ONE_BY_ONE = """
import subprocess, sys
from pathlib import Path
from ruamel.yaml import YAML
yaml = YAML(typ="safe")
def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout
bad = 0
for name in git("ls-tree", "-r", "--name-only", "HEAD", "contracts").splitlines():
    old = yaml.load(git("show", f"HEAD:{name}"))
    new = yaml.load(Path(name).read_text())
    bad += bool({c["name"] for c in old["columns"]} - {c["name"] for c in new["columns"]})
print(bad, "bad")
sys.exit(1 if bad else 0)
"""


def report(rounds: int, say: Callable[[str], None]) -> str:
    """Time both as processes, from start to end; both have to refuse."""
    with tempfile.TemporaryDirectory(prefix="ops-bench-") as folder:
        top = Path(folder)
        _repository(top)
        gate = [sys.executable, "-m", "ops_hooks.schema_gate", "--base", "HEAD", "--contracts", "contracts"]
        script = top / "one_by_one.py"
        script.write_text(ONE_BY_ONE, encoding="utf-8")
        took: dict[str, list[float]] = {"gate": [], "one by one": []}
        for number in range(rounds):
            say(f"gate: round {number + 1} of {rounds}")
            took["gate"].append(_timed(gate, top, "3 breaking"))
            took["one by one"].append(_timed([sys.executable, str(script)], top, "3 bad"))
        where = words(top)
    mine, theirs = median(took["gate"]), median(took["one by one"])
    lines = [
        f"schema gate, {CONTRACTS} contracts, {CHANGED} changed ({where})",
        f"  ops-schema-gate            {mine:8.3f} s",
        f"  one git show per contract  {theirs:8.3f} s",
        f"  ratio                      {theirs / mine:8.1f} times as fast (target: 20)",
    ]
    return "\n".join(lines)


def _repository(top: Path) -> None:
    (top / "contracts").mkdir()
    for number in range(CONTRACTS):
        (top / "contracts" / f"table_{number:04}.yml").write_text(CONTRACT.format(number=number), encoding="utf-8")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
    for line in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message=bench"]):
        subprocess.run(["git", *line], cwd=top, check=True)  # noqa: S607 - git is found on PATH
    for number in range(CHANGED):
        file = top / "contracts" / f"table_{number * 300:04}.yml"
        file.write_text(file.read_text(encoding="utf-8").replace("- name: amount", "- name: total_amount_in_cents"))


def _timed(command: list[str], folder: Path, told: str) -> float:
    """Seconds of a process that has to find all that has changed."""
    began = perf_counter()
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = perf_counter() - began
    if ran.returncode != 1 or told not in ran.stdout:
        raise RuntimeError(f"{command[-1]} ended with {ran.returncode}: {ran.stdout[-300:]}{ran.stderr[-300:]}")
    return took
