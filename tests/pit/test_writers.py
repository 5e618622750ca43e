"""Somebody writes while a snapshot of MotherDuck's catalogs is taken: waited for, or refused, never a mixed set."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops_tasks.operation.lock import holder
from sandbox import stacks
from tests.conftest import ROOT, Sandbox
from tests.pit.test_incidents import leftovers
from tests.pit.test_plans import OURS, names, server

WRITE_UNTIL_TOLD = """
import sys, duckdb
connection = duckdb.connect("md:")
connection.execute("CREATE TABLE raw_usgs.main.somebody_was_here AS SELECT 1 AS x")
print("writing", flush=True)
sys.stdin.readline()
connection.close()
"""
WRITE_BETWEEN = """
import pathlib, sys, time, duckdb
log, stop, seen = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), 0
print("ready", flush=True)
while not stop.exists():
    kept = log.read_text().count('OF "raw_usgs"') if log.exists() else 0
    if kept > seen:
        seen = kept
        with duckdb.connect("md:raw_ebird") as connection:
            connection.execute("CREATE OR REPLACE TABLE main.somebody_was_here AS SELECT random() AS x")
    time.sleep(0.002)
"""


def client(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Another process of the same account."""
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        cwd=ROOT,
        env=os.environ | stacks.environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.rehearsal
def test_a_writer_is_waited_for(remote_sandbox: Sandbox) -> None:
    with client(remote_sandbox.folder, WRITE_UNTIL_TOLD) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        command = [
            sys.executable,
            "-m",
            "invoke",
            "snapshot.create",
            "--name=waits",
            f"--stack={remote_sandbox.folder}",
        ]
        env = os.environ | stacks.environment(remote_sandbox.folder)
        with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) as taking:
            until = time.monotonic() + 60
            while holder(remote_sandbox.folder / ".ops").get("pid") != taking.pid:
                assert taking.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            process.communicate("end\n", timeout=60)
            assert taking.wait(timeout=120) == 0
    assert remote_sandbox.invoke("snapshot.verify", "--name=waits").code == 0
    restored = remote_sandbox.invoke("ops.restore", "--snapshot=waits", "--plan")
    assert restored.code == 0, restored.err


def test_one_who_writes_in_between_makes_no_mixed_set(remote_sandbox: Sandbox, tmp_path: Path) -> None:
    there = server(remote_sandbox)
    stop = tmp_path / "stop"
    with client(remote_sandbox.folder, WRITE_BETWEEN, str(there.folder / "statements.log"), str(stop)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        taken = remote_sandbox.invoke("snapshot.create", "--name=mixed")
        stop.touch()
    assert process.returncode == 0
    assert taken.code in (0, 6), taken.err
    assert leftovers(remote_sandbox.folder) == []
    if taken.code == 6:
        assert "was written to" in taken.document["findings"][0]["reason"]
        assert names(remote_sandbox) == set()
        assert set(there.databases()) == OURS
    else:
        assert remote_sandbox.invoke("snapshot.verify", "--name=mixed").code == 0
