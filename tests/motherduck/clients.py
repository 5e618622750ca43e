"""Processes with an account in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from sandbox.motherduck import server as service
from sandbox.motherduck.server import Server

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = """
import duckdb

def refused(connection, statement, kind=duckdb.Error):
    try:
        connection.execute(statement)
    except kind as error:
        return str(error)
    raise AssertionError(f"taken: {statement}")

def rows(connection, statement):
    return [row[0] for row in connection.execute(statement).fetchall()]

def one(connection, statement):
    return rows(connection, statement)[0]
"""
CONNECTED = 'c = duckdb.connect("md:")\n'


def environment(account: Server, **more: str) -> dict[str, str]:
    """The environment of a client."""
    return os.environ | service.environment(account.folder) | more


def source(script: str, *, prelude: bool = True) -> str:
    """A script as a client runs it."""
    return FUNCTIONS + (CONNECTED if prelude else "") + textwrap.dedent(script)


def well(account: Server, script: str, *, prelude: bool = True, warnings: str = "error", **more: str) -> str:
    """Run a script as a client, `c` being connected to the account; it has to end well. Returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", source(script, prelude=prelude)],
        cwd=ROOT,
        env=environment(account, **more),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(account: Server, script: str, *, prelude: bool = True, **more: str) -> subprocess.Popen[str]:
    """Start a client that talks: `print(..., flush=True)` to the test, `input()` waits for it."""
    return subprocess.Popen(
        [sys.executable, "-c", source(script, prelude=prelude)],
        cwd=ROOT,
        env=environment(account, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def hear(process: subprocess.Popen[str]) -> str:
    """The next line of a client that talks."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def say(process: subprocess.Popen[str], line: str = "go on") -> None:
    """Let a client that waits go on."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
