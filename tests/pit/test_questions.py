"""The question before the cut, and secrets that nothing may repeat."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sandbox import account, breaks, stacks
from tests.conftest import ROOT, Sandbox
from tests.pit.test_incidents import kept, leftovers
from tests.pit.test_plans import server

RESTORE = ("ops.restore", "--snapshot=nightly")


def answered(
    sandbox: Sandbox, *answers: str, meanwhile: Callable[[], None] = lambda: None, words: Sequence[str] = RESTORE
) -> tuple[int, str]:
    """`ops.restore`, or another task, at a terminal, its questions answered one by one; exit code and what was seen.

    While the last one is asked, something happens `meanwhile`.
    """
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "invoke", *words, f"--stack={sandbox.folder}"]
    env = os.environ | stacks.environment(sandbox.folder)
    seen, left = b"", list(answers)
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while True:
            try:
                read = os.read(terminal, 4096)
            except OSError:  # Linux: the other end is closed
                break
            seen += read
            if seen.rstrip().endswith(b"[y/N]") and left:
                if len(left) == 1:
                    meanwhile()
                os.write(terminal, left.pop(0).encode())
                seen += b"\n"
            if not read:
                break
        code = process.wait(timeout=120)
    os.close(terminal)
    assert left == [], seen.decode()
    return code, seen.decode()


def test_a_no_before_the_cut(sandbox: Sandbox) -> None:
    kept(sandbox)
    breaks.apply("dropped-view", sandbox.folder)
    before = sandbox.hashes()
    planned = sandbox.invoke("ops.restore", "--snapshot=nightly", "--plan", json_output=False)
    assert planned.code == 0, planned.err
    assert "ebird.fct_daily_bird_observations" in planned.out
    assert "gone→" in planned.out
    assert sandbox.hashes() == before
    code, seen = answered(sandbox, "y\n", "n\n")
    assert code == 3, seen
    assert "ebird.fct_daily_bird_observations" in seen
    assert sandbox.hashes() == before


@pytest.mark.rehearsal
@pytest.mark.parametrize("second", ["n\n", "\n"], ids=["no", "nothing"])
def test_a_no_before_the_cut_puts_everything_back(both: Sandbox, second: str) -> None:
    kept(both)
    breaks.apply("mass-delete", both.folder)
    broken = both.hashes()
    code, seen = answered(both, "y\n", second)
    assert code == 3, seen
    assert "raw_ebird.main.observations" in seen
    assert both.hashes() == broken
    assert leftovers(both.folder) == []
    assert not any("broken" in name for name in _databases(both))
    code, seen = answered(both, "y\n", "y\n")
    assert code == 0, seen
    assert both.differences() == []


def _databases(sandbox: Sandbox) -> list[str]:
    return server(sandbox).databases() if account.of(sandbox.folder) else []


def written(folder: Path) -> str:
    """All that tasks have written down, as far as it is text."""
    files = [path for path in (folder / ".ops").rglob("*") if path.is_file() and path.suffix != ".duckdb"]
    return "\n".join(path.read_bytes().decode("utf-8", errors="replace") for path in files)


@pytest.mark.rehearsal
def test_no_token_is_ever_written(remote_sandbox: Sandbox) -> None:
    right = server(remote_sandbox).read().token
    planted = "md_planted_4f1c9a77d0"
    secrets = remote_sandbox.folder / ".dlt" / "secrets.toml"
    secrets.parent.mkdir(exist_ok=True)
    secrets.write_text(f'[destination.motherduck]\ncredentials = "md:databox?motherduck_token={planted}"\n')
    said = ""
    for env, code in (({"motherduck_token": "md_wrong_8c2e55b1aa"}, 2), ({"motherduck_token": ""}, 2), ({}, 0)):
        ran = remote_sandbox.invoke("snapshot.create", f"--name=taken_{len(said)}", env=env)
        assert ran.code == code, ran.err
        said += ran.out + ran.err
    breaks.apply("mass-delete", remote_sandbox.folder)
    for number in (3, 60):
        server(remote_sandbox).lose_connection(number, times=1000)
        ran = remote_sandbox.invoke("ops.restore", f"--snapshot={_newest(remote_sandbox)}", "--yes")
        assert ran.code != 0
        said += ran.out + ran.err
        server(remote_sandbox).find_connection()
        for one in remote_sandbox.invoke("ops.history").document["operations"]:
            if one["status"] == "stopped":
                remote_sandbox.invoke("ops.rollback", one["operation"], "--yes")
    for token in (right, planted, "md_wrong_8c2e55b1aa"):
        assert token not in said
        assert token not in written(remote_sandbox.folder)


def _newest(sandbox: Sandbox) -> str:
    return str(sandbox.invoke("snapshot.list").document["snapshots"][-1]["name"])


def test_a_token_in_dlt_s_secrets_is_enough(remote_sandbox: Sandbox) -> None:
    secrets = remote_sandbox.folder / ".dlt" / "secrets.toml"
    secrets.parent.mkdir(exist_ok=True)
    token = server(remote_sandbox).read().token
    secrets.write_text(f'[destination.motherduck.credentials]\ndatabase = "databox"\npassword = "{token}"\n')
    taken = remote_sandbox.invoke("snapshot.create", "--name=nightly", env={"motherduck_token": ""})
    assert taken.code == 0, taken.err
    assert token not in taken.out + taken.err + written(remote_sandbox.folder)
