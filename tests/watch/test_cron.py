"""`watch.units --format=cron`: its lines, held against cron's rule for % and the shell."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest

from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from tests.systems.conftest import small_stack
from tests.watch.conftest import FOLDERS, Invoke, bare, written


def cron_runs(line: str) -> str:
    """What cron gives to the shell of one line: cronie's and Vixie's loop, up to the first % that is not escaped."""
    command, told, escaped = line.split(None, 5)[5], "", False
    for letter in command:
        if letter == "%" and not escaped:
            break
        told = told[:-1] + letter if escaped and letter == "%" else told + letter
        escaped = letter == "\\" and not escaped
    return told


@pytest.mark.parametrize("name", FOLDERS)
def test_what_cron_runs_takes_a_snapshot(name: str, invoke: Invoke, tmp_path: Path) -> None:
    stack = small_stack(tmp_path / name)
    (file,) = written(stack, invoke, tmp_path / "units", "--format=cron")
    comment, line = file.read_text(encoding="utf-8").splitlines()
    assert comment.startswith("#")
    assert line.startswith("0 * * * * ")
    done = bare(["sh", "-c", cron_runs(line)])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # GitPython takes a $ in a path for a variable, and warns of it.
    assert done.stderr == "" or "$" in name
    (one,) = snapshots.every(stack)
    assert one.verified_at


def test_what_cron_runs_reads_the_variables_and_says_what_is_wrong(
    small: Stack, invoke: Invoke, tmp_path: Path
) -> None:
    small.home.mkdir()
    (small.home / "watch.env").write_text("DATABOX_BACKEND=nonsense\n", encoding="utf-8")
    (text,) = invoke(small, "watch.units", "--only=snapshot", "--format=cron").document["files"].values()
    own = tmp_path / "a home" / ".config" / "ops-tasks" / "env"
    own.parent.mkdir(parents=True)
    own.write_text("DATABOX_BACKEND='of all stacks'\n", encoding="utf-8")
    line = ["sh", "-c", cron_runs(text.splitlines()[1])]
    done = bare(line, home=tmp_path / "a home")
    assert (done.returncode, done.stdout) == (2, "")
    assert "DATABOX_BACKEND='nonsense' is no backend" in done.stderr, "the stack's own is read last"
    (small.home / "watch.env").unlink()
    assert "DATABOX_BACKEND='of all stacks'" in bare(line, home=tmp_path / "a home").stderr


def test_cron_knows_the_account_in_its_own_folder_only(small: Stack, invoke: Invoke) -> None:
    ((name, text),) = (
        invoke(small, "watch.units", "--only=snapshot", "--format=cron", "--system").document["files"].items()
    )
    assert text.splitlines()[1].startswith(f"0 * * * * {pwd.getpwuid(os.getuid()).pw_name} set -a;")
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)


def test_a_line_that_cron_would_cut_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    told = invoke(small_stack(tmp_path / ("x" * 200) / ("y" * 200)), "watch.units", "--only=snapshot", "--format=cron")
    assert told.code == 2
    assert "longer than cron reads" in told.err


def test_the_next_command_replaces_the_line_in_the_crontab(small: Stack, invoke: Invoke, tmp_path: Path) -> None:
    """With a crontab that is a file, as nobody's own is touched."""
    fake = tmp_path / "bin" / "crontab"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\nif [ $1 = -l ]; then cat '{tmp_path}/table'; else cat > '{tmp_path}/new'; fi\n", encoding="utf-8"
    )
    fake.chmod(0o755)
    other = "1 2 3 4 5 something else\n"
    (tmp_path / "table").write_text(other, encoding="utf-8")
    for every in ("1h", "6h"):
        done = invoke(
            small,
            "watch.units",
            "--only=snapshot",
            f"--write={tmp_path / 'c'}",
            "--format=cron",
            f"--every={every}",
            "--yes",
        )
        env = {"PATH": f"{fake.parent}:/usr/bin:/bin"}
        subprocess.run(["sh", "-c", done.document["next"][0]], env=env, check=True, timeout=60)
        (tmp_path / "new").rename(tmp_path / "table")
    (file,) = (tmp_path / "c").iterdir()
    assert (tmp_path / "table").read_text(encoding="utf-8") == other + file.read_text(encoding="utf-8")
