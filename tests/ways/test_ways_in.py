"""Three ways in, from an installed wheel: a `tasks.py`, the `ops` program, hooks by `repo:`. And sessions for Nox."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.stacks.conftest import Shop
from tests.stacks.shop_api import Api, serving
from tests.ways.conftest import Clean

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(900)]
SINGLE = """from invoke import Collection
from ops_tasks.namespaces.snapshot import ns as snapshot

ns = Collection(snapshot)
"""
SESSIONS = "from ops_tasks.nox import doctor, drill, gates\n"


@pytest.fixture
def shop(shop_made: Path, period: tuple[date, date], tmp_path: Path) -> Iterator[Shop]:
    """The shop, not described yet."""
    shutil.copytree(shop_made, tmp_path / "shop")
    with serving(Api(*period)) as api:
        yield Shop(tmp_path / "shop", api)


def commit(top: Path, message: str = "all") -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for words in (["add", "--all"], [*who, "commit", "--quiet", "--no-verify", "--message", message]):
        subprocess.run(["git", *words], cwd=top, check=True, capture_output=True)


def test_nothing_of_the_repository_is_needed(clean: Clean, tmp_path: Path) -> None:
    where = clean.run("python", "-c", "import ops_tasks, ops_hooks; print(ops_tasks.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(clean.folder)), where.stderr
    told = clean.run("python", "-c", "import sandbox", cwd=tmp_path)
    assert "No module named 'sandbox'" in told.stderr


def test_init_then_the_program_then_a_tasks_py(clean: Clean, shop: Shop) -> None:
    made = clean.run("ops", "init", "--yes", cwd=shop.folder)
    assert made.returncode == 0, made.stderr
    doctor = clean.run("ops", "doctor", "--json", cwd=shop.folder)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert json.loads(doctor.stdout)["verdict"]["words"] == "healthy"

    day = shop.today - timedelta(days=4)
    shop.change(f"DELETE FROM landing.parcels WHERE left_at::DATE = DATE '{day}'")
    window = [f"--start={day}", f"--end={day}", "--allow-growth", "--yes"]
    mended = clean.run("ops", "backfill", "--source=landing", *window, cwd=shop.folder, SHOP_API=shop.api.url)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert shop.differences() == []

    listed = clean.run("invoke", "--list", cwd=shop.folder)
    assert listed.returncode == 0, listed.stderr
    assert "ops.backfill" in listed.stdout
    history = clean.run("invoke", "ops.history", "--json", cwd=shop.folder)
    assert [one["status"] for one in json.loads(history.stdout)["operations"]] == ["succeeded"]
    (shop.folder / "tasks.py").write_text(SINGLE)
    single = clean.run("invoke", "--list", cwd=shop.folder)
    assert "snapshot.create" in single.stdout
    assert "ops.backfill" not in single.stdout
    taken = clean.run("invoke", "snapshot.create", "--name=mine", cwd=shop.folder)
    assert taken.returncode == 0, taken.stderr


@pytest.mark.parametrize("program", ["ops", "invoke"])
def test_completion_works_in_a_real_shell(clean: Clean, shop: Shop, program: str) -> None:
    assert clean.run("ops", "init", "--yes", cwd=shop.folder).returncode == 0
    script = f"""
        source <({program} --print-completion-script=bash)
        COMP_WORDS=({program} ops.back) COMP_CWORD=1 COMP_LINE='{program} ops.back' COMP_POINT=${{#COMP_LINE}}
        $(complete -p {program} | sed 's/.*-F \\([^ ]*\\) .*/\\1/') {program} ops.back {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    told = clean.run("bash", "-c", script, cwd=shop.folder)
    assert "ops.backfill" in told.stdout.split(), told.stdout + told.stderr
    for shell in ("zsh", "fish"):
        assert program in clean.run(program, f"--print-completion-script={shell}", cwd=shop.folder).stdout


def test_hooks_by_repo(clean: Clean, repository: Path, tmp_path: Path) -> None:
    top = tmp_path / "theirs"
    top.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=top, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    hooks = "".join(f"      - id: {name}\n" for name in ("ops-large-files", "ops-restate-guard"))
    config = f"repos:\n  - repo: file://{repository}\n    rev: {head.stdout.strip()}\n    hooks:\n{hooks}"
    (top / ".pre-commit-config.yaml").write_text(config)
    (top / "notes.md").write_text("nothing bad\n")
    commit(top)
    home = str(tmp_path / "cache")
    fine = clean.run("pre-commit", "run", "--all-files", cwd=top, PRE_COMMIT_HOME=home)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    (top / "dump.bin").write_bytes(b"\0" * 700_000)
    (top / "nightly.sh").write_text("sqlmesh plan prod --restate-model shop.orders --no-prompts\n")
    subprocess.run(["git", "add", "--all"], cwd=top, check=True)
    stopped = clean.run("pre-commit", "run", cwd=top, PRE_COMMIT_HOME=home)
    assert stopped.returncode == 1
    assert "dump.bin" in stopped.stdout
    assert "nightly.sh" in stopped.stdout


def test_sessions_for_nox(clean: Clean, shop: Shop) -> None:
    assert clean.run("ops", "init", "--yes", cwd=shop.folder).returncode == 0
    (shop.folder / "noxfile.py").write_text(SESSIONS)
    commit(shop.folder)
    listed = clean.run("nox", "--list", cwd=shop.folder)
    assert {"ops-gates", "ops-doctor", "ops-drill"} <= set(listed.stdout.split()), listed.stderr
    assert clean.run("nox", "-s", "ops-gates", cwd=shop.folder).returncode == 1, "nothing to compare with"
    fine = clean.run("nox", "-s", "ops-gates", "ops-doctor", "--", "--base=HEAD", cwd=shop.folder)
    assert "ops-gates was successful" in fine.stdout + fine.stderr, fine.stdout + fine.stderr
    assert clean.run("ops", "snapshot.create", "--name=good", cwd=shop.folder).returncode == 0
    drilled = clean.run("nox", "-s", "ops-drill", cwd=shop.folder)
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    (shop.folder / "dump.bin").write_bytes(b"\0" * 700_000)
    commit(shop.folder, "a large one")
    stopped = clean.run("nox", "-s", "ops-gates", "--", "--base=HEAD~1", cwd=shop.folder)
    assert stopped.returncode == 1
    assert "dump.bin" in stopped.stdout + stopped.stderr
