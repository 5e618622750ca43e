"""Repositories of the tests' own, with real git and real pre-commit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = """dataset: shop/main/orders
columns:
  - name: id
    data_type: integer
    checks:
      - missing:
checks:
  - row_count:
"""
# The hooks as a repository with this very environment runs them: nothing has to be installed first.
SYSTEM = """repos:
  - repo: local
    hooks:
      - {{id: ops-large-files, name: large, entry: "{python} -m hooks.large_files", args: ["--"], language: system}}
      - id: ops-schema-gate
        name: gate
        entry: "{python} -m hooks.schema_gate --base HEAD --staged --contracts contracts"
        language: system
        files: \\.ya?ml$
        pass_filenames: false
      - id: ops-restate-guard
        name: guard
        entry: "{python} -m hooks.restate_guard"
        args: ["--"]
        language: system
        types: [text]
"""


@dataclass(frozen=True)
class Repository:
    """A git repository whose commits go through pre-commit."""

    top: Path

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        whole = clean | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        return subprocess.run(
            command, cwd=self.top, env=whole | env, capture_output=True, text=True, timeout=200, check=False
        )

    def git(self, *words: str) -> subprocess.CompletedProcess[str]:
        who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
        return self.run("git", *who, *words)

    def commit(self, message: str = "a commit") -> subprocess.CompletedProcess[str]:
        assert self.git("add", "--all").returncode == 0
        return self.git("commit", "--message", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One with a contract, committed, and the hooks installed into git."""
    made = Repository(tmp_path / "shop")
    (made.top / "contracts").mkdir(parents=True)
    made.git("init", "--quiet")
    (made.top / "contracts" / "orders.yml").write_text(CONTRACT)
    (made.top / ".pre-commit-config.yaml").write_text(SYSTEM.format(python=sys.executable))
    installed = made.run(sys.executable, "-m", "pre_commit", "install")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    first = made.commit("first")
    assert first.returncode == 0, first.stdout + first.stderr
    return made
