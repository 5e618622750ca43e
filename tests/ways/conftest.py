"""A clean environment with this project's wheel in it, and nothing of this repository on its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stacks.conftest import period, shop_made

__all__ = ["period", "shop_made"]  # fixtures of the shop, for this folder too
ROOT = Path(__file__).resolve().parents[2]
UV = str(Path(sys.executable).parent / "uv")
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "INVOKE_OPS")


@dataclass(frozen=True)
class Clean:
    """An environment that has been installed from the wheel, and how to run something in it."""

    folder: Path

    def run(self, *words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in a folder, with its programs first on the path."""
        bins = self.folder / "bin"
        kept = {key: value for key, value in os.environ.items() if not key.startswith((*OURS, "GIT_"))}
        path = os.pathsep.join([str(bins), "/usr/local/bin", "/usr/bin", "/bin"])
        program = str(bins / words[0]) if (bins / words[0]).exists() else words[0]
        return subprocess.run(
            [program, *words[1:]],
            cwd=cwd,
            env=kept | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "PYTHON": str(bins / "python")} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would clone: the files of this repository, committed; no file that git does not know."""
    top = tmp_path_factory.mktemp("repository") / "ops-tasks"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, top / name)
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "--all", "--force"], [*who, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *words], cwd=top, check=True, capture_output=True)
    return top


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from that by the project's own build backend."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--wheel", "--quiet", "--out-dir", str(out), str(repository)], check=True)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    """An environment of its own with the wheel and every extra, at the pinned versions."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "--compile-bytecode"]
    wanted = [f"ops-tasks[all] @ file://{wheel}", "pre-commit"]
    subprocess.run([*install, "-c", str(ROOT / "constraints.txt"), *wanted], check=True)
    return Clean(folder)
