"""Runs the stack's own commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox import account
from sandbox.errors import SandboxError

# What belongs to one stack or one window, and must not come from the caller's environment.
FOREIGN = ("DATABOX_", "DLT_INTERVAL_")
ACCOUNT = ("MOTHERDUCK_DOUBLE", "MOTHERDUCK_TOKEN", "motherduck_token")
QUIET = {
    "SODA_CORE_TELEMETRY_ENABLED": "false",
    "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a stack's commands: ours, without any setting that belongs to another stack or window."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in ACCOUNT}
    own = {"DAGSTER_HOME": str(folder / ".dagster")} | account.environment(folder)
    return kept | QUIET | own | dict(more or {})


def python(folder: Path, *arguments: str, more: Mapping[str, str] | None = None) -> str:
    """Run Python in the stack's folder and return what it printed; raises `SandboxError` with its last words."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(folder, more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise SandboxError(f"{' '.join(arguments)} failed (exit {done.returncode}): {said}")
    return done.stdout
