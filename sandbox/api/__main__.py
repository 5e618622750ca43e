"""`python -m sandbox.api DIR` serves the APIs of a stack until it is interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.api.server import run
from sandbox.errors import SandboxError


def main(argv: list[str]) -> int:
    """Serve; 2 for a wrong command line."""
    if len(argv) != 1:
        sys.stderr.write("usage: python -m sandbox.api DIR\n")
        return 2
    try:
        run(Path(argv[0]).resolve())
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
