"""`python -m docs_tools.pictures`: what the real commands print on a real broken stack, as pictures for the README."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from sandbox import breaks, stacks
from sandbox.api.server import serve

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
TODAY = date(2026, 4, 23)
WIDTH, ROWS = 124, 400
PROGRAMS = {
    "invoke": [sys.executable, "-m", "invoke"],
    "sqlmesh": [sys.executable, "-c", "from sqlmesh.cli.main import cli; cli(prog_name='sqlmesh')"],
}
TASKS = "from ops_tasks import ns as ns\n"
QUESTION = "[y/N]"
GUARD = "\n\nfrom ops_tasks import guard\n\nguard.install(config)\n"
RESTATE = (
    "sqlmesh plan prod --restate-model ebird.fct_daily_bird_observations --start 2026-04-18 --no-prompts --auto-apply"
)
NORMAL = [
    (24, 27, 32),
    (240, 113, 113),
    (110, 206, 150),
    (226, 190, 103),
    (108, 170, 240),
    (196, 150, 236),
    (95, 200, 210),
    (200, 206, 214),
]
THEME = TerminalTheme((24, 27, 32), (222, 226, 232), NORMAL, [(120, 130, 142), *NORMAL[1:]])
NAMES = {"brown": "yellow", "brightblack": "bright_black"}  # pyte's words for rich's
FETCHED = re.compile(r"@font-face \{.*?\}\s*", re.S)
UNIQUE = re.compile(r"terminal-\d+")


@dataclass(frozen=True)
class Shown:
    """What a terminal shows when a command is through: what was typed, and the screen."""

    typed: str
    screen: pyte.Screen


def main() -> int:
    """Play both scenes and write their pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ops-pictures-") as place:
        folder = Path(place) / "databox"
        stacks.up(folder, today=TODAY, serve=False, validate=False)
        breaks.apply("bad-window", folder, start=date(2026, 4, 18), end=date(2026, 4, 20), mode="empty")
        (folder / "tasks.py").write_text(TASKS, encoding="utf-8")
        with serve(folder):
            backfill = play(folder, "invoke ops.backfill --source=ebird", answer="y")
        project = folder / "transforms" / "main"
        config = project / "config.py"
        config.write_text(config.read_text(encoding="utf-8") + GUARD, encoding="utf-8")
        refusal = play(project, RESTATE)
    for name, shown in (("backfill", backfill), ("refusal", refusal)):
        (PICTURES / f"{name}.svg").write_text(draw(shown), encoding="utf-8")
    return 0


def play(folder: Path, typed: str, answer: str = "") -> Shown:
    """Type a command into a terminal of its own, and answer the question that it asks."""
    program, *words = shlex.split(typed)
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "50", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*PROGRAMS[program], *words], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen = pyte.Screen(WIDTH, ROWS)
    stream = pyte.ByteStream(screen)
    while said := _read(ours):
        stream.feed(said)
        if answer and screen.display[screen.cursor.y].rstrip().endswith(QUESTION):
            os.write(ours, f"{answer}\n".encode())
            answer = ""
    process.wait()
    os.close(ours)
    return Shown(typed, screen)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # so says Linux that nobody has the other end open any more
        return b""


def draw(shown: Shown) -> str:
    """The picture as SVG: the same for the same text, and it fetches no font."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), (shown.typed, "bold")), soft_wrap=True)
    for line in _lines(shown.screen):
        console.print(line, soft_wrap=True)
    console.print()  # rich cuts the last line off below its letters
    svg = FETCHED.sub("", console.export_svg(title="ops-tasks", theme=THEME))
    return UNIQUE.sub("terminal", svg).rstrip() + "\n"


def _lines(screen: pyte.Screen) -> Iterator[Text]:
    """The screen's lines with their colours, without what is empty at its end."""
    rows = [[screen.buffer[row][column] for column in range(screen.columns)] for row in range(screen.lines)]
    last = max((at for at, row in enumerate(rows) if any(cell.data.strip() for cell in row)), default=-1)
    for row in rows[: last + 1]:
        runs = [("".join(cell.data for cell in run), style) for style, run in groupby(row, _style)]
        line = Text.assemble(*runs)
        line.rstrip()
        yield line


def _style(cell: Any) -> Style:
    colour = cast("str", cell.fg)
    named = NAMES.get(colour, colour)
    shade = None if named == "default" else f"#{named}" if re.fullmatch(r"[0-9a-f]{6}", named) else named
    return Style(color=shade, bold=cell.bold or None, italic=cell.italics or None, underline=cell.underscore or None)


if __name__ == "__main__":
    sys.exit(main())
