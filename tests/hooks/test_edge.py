"""A name that cannot be encoded and a reader who leaves are no stack trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAYS = "from hooks.edge import say; say('é \\udcff → x\\n' * {times})"


def test_what_cannot_be_encoded_is_escaped() -> None:
    command = [sys.executable, "-c", SAYS.format(times=1)]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == rb"\xe9 \udcff \u2192 x" + b"\n"


def test_a_closed_pipe_is_silent() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-c", SAYS.format(times=100_000)],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")
