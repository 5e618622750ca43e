"""What people see: one console, its colours and width given up where there is no terminal."""

from __future__ import annotations

import re
import sys
import time
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING

from ops_tasks.systems.secrets import redact

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.status import Status

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 120
COMMAND = re.compile(r"\binvoke [a-z][a-z-]*(?:\.[a-z-]+)?(?: [0-9a-f]{6}\b)?(?: --[a-z-]+(?:=[^\s,;()\"\\]+)?)*")
# The program whose commands are told: `invoke`, or `ops`.
spoken: ContextVar[str] = ContextVar("spoken", default="invoke")


class Terminal:
    """Prints for people: on standard output, or on standard error while `--json` has standard output."""

    def __init__(self, *, json: bool = False, place: str = "") -> None:
        """Choose the stream; nothing is imported before the first print. `place` is added to commands, see `placed`."""
        self.json = json
        self._place = place
        self._stream: IO[str] = sys.stderr if json else sys.stdout
        self._made: Console | None = None
        self._status: Status | None = None
        self._began = 0.0
        self._title = ""

    @property
    def place(self) -> str:
        """What is added to commands."""
        return self._place

    @property
    def console(self) -> Console:
        """The rich console, made when first needed."""
        if self._made is None:
            from rich.console import Console

            width = None if self._stream.isatty() else WIDTH
            self._made = Console(file=self._stream, width=width, highlight=False, soft_wrap=not self._stream.isatty())
        return self._made

    def show(self, renderable: RenderableType = "") -> None:
        """Print a line, table or panel; square brackets are markup only in what the project itself writes."""
        if isinstance(renderable, str):
            renderable = redact(placed(renderable, escape(self._place)))
        self.console.print(renderable)

    def raw(self, text: str) -> None:
        """Print a text as it is, without markup; secrets are hidden."""
        self._stop()
        self._stream.write(redact(text))
        self._stream.flush()

    def step(self, event: str, text: str, seconds: float | None) -> None:
        """Tell one event of a running operation: a live line on a terminal, one line per finished step elsewhere."""
        if event == "started":
            self._began, self._title = time.monotonic(), text
            self._stop()
            if self._stream.isatty():
                self._status = self.console.status(escape(text))
                self._status.start()
        elif event == "progress":
            if self._status is not None:
                spent = time.monotonic() - self._began
                self._status.update(f"{escape(self._title)} [dim]{escape(redact(text))} · {spent:.0f} s[/dim]")
        elif event == "putting_back":
            self._stop()
            self.show(f"[yellow]↩[/yellow] {escape(text)}")
        else:
            self._stop()
            mark = "[green]✓[/green]" if event == "done" else "[red]✗[/red]"
            self.show(f"{mark} {escape(text)} [dim]{seconds or 0:.1f} s[/dim]")

    def pause(self) -> None:
        """End the live line: somebody is going to be asked something."""
        self._stop()

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def placed(text: str, place: str) -> str:
    """Add `place` (` --stack=DIR`, or nothing) to every command of ours in a text, behind its id and flags.

    Told by the `ops` program they are that program's: where it is used there need not be a `tasks.py` for Invoke.
    """

    def told(found: re.Match[str]) -> str:
        words = found.group().split(" ")
        if (program := spoken.get()) == "ops":
            words[:2] = [program, words[1].removeprefix("ops.")]
        return " ".join(words) + place

    return COMMAND.sub(told, text) if place or spoken.get() == "ops" else text


def escape(text: str) -> str:
    """Make text from outside safe to print as rich markup."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)


def sparkline(values: list[int]) -> str:
    """One character per value, scaled to the largest; a zero is a dot, so that a hole is seen."""
    top = max(values, default=0)
    return "".join("·" if v <= 0 else BARS[min(len(BARS) - 1, v * len(BARS) // (top + 1))] for v in values)


def size(count: int) -> str:
    """Bytes for people: 12.3 MB."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def confirm(question: str) -> bool:
    """Ask; anything but a clear yes is a no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
