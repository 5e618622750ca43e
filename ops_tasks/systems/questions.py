"""Questions that a configuration leaves to a person: comments with a mark, where something had to be guessed."""

from __future__ import annotations

import re
from pathlib import Path

MARK = "?:"
ASKED = re.compile(rf"\s*#\s*{re.escape(MARK)}\s*(.+)")


def asked(file: Path) -> list[tuple[int, str]]:
    """The open questions of a file: 1-based line and text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(at, found[1].strip()) for at, line in enumerate(lines, 1) if (found := ASKED.fullmatch(line))]
