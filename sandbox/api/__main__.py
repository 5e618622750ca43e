"""`python -m sandbox.api [--detach] DIR` serves the APIs of a stack until it is told to stop."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.api.server import detach, run
from sandbox.errors import SandboxError


def main(argv: list[str]) -> int:
    """Serve; 2 for a wrong command line."""
    folders = [word for word in argv if word != "--detach"]
    if len(folders) != 1:
        sys.stderr.write("usage: python -m sandbox.api [--detach] DIR\n")
        return 2
    folder = Path(folders[0]).resolve()
    try:
        code = detach(folder) if "--detach" in argv else None
        if code is not None:
            return code
        run(folder)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
