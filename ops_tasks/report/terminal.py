"""What people see: one console, its colours and width given up where there is no terminal."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ops_tasks.report.commands import placed
from ops_tasks.systems.secrets import redact

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 120
# What a terminal obeys, and what turns a line around; a line's own end and a tab stay.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Grid:
    """A table without lines: the names of its columns, those that are not to be wrapped, and rows of markup."""

    heads: tuple[str, ...]
    whole: tuple[str, ...] = ()
    fold: bool = False
    rows: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    def add_row(self, *cells: str) -> None:
        """Add a row: a cell per column."""
        self.rows.append(cells)


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

    def show(self, shown: str | Grid = "", *, verbatim: bool = False) -> None:
        """Print a text or a table; square brackets are markup only in what the project itself writes.

        In a `verbatim` text, one of a file, commands are left as they are.
        """
        if isinstance(shown, Grid):
            self.console.print(self._table(shown))
        else:
            # A line break in the middle of a command would make two of it for whoever pastes it.
            self.console.print(readable(shown) if verbatim else self._told(shown), soft_wrap=True)

    def _told(self, text: str) -> str:
        return readable(placed(text, escape(self._place)))

    def _table(self, grid: Grid) -> Table:
        """Made of what may be shown: a secret that is wrapped could not be found any more."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in grid.heads:
            table.add_column(head, no_wrap=head in grid.whole, overflow="fold" if grid.fold else "ellipsis")
        for row in grid.rows:
            table.add_row(*map(self._told, row))
        return table

    def raw(self, text: str) -> None:
        """Print a text as it is, without markup; secrets are hidden."""
        self._stop()
        self._stream.write(readable(text))
        self._stream.flush()

    def step(self, event: str, text: str, seconds: float | None) -> None:
        """Tell one event of a running operation: a live line on a terminal, one line per finished step elsewhere."""
        if event == "started":
            self._began, self._title = time.monotonic(), text
            self._stop()
            if self._stream.isatty():
                self._status = self.console.status(escape(readable(text)))
                self._status.start()
        elif event == "progress":
            if self._status is not None:
                spent, title = time.monotonic() - self._began, escape(readable(self._title))
                self._status.update(f"{title} [dim]{escape(readable(text))} · {spent:.0f} s[/dim]")
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


def readable(text: str) -> str:
    """A text with secrets hidden and every sign that a terminal would obey made visible."""
    return CONTROL.sub(lambda found: chr(0x2400 + ord(found[0])) if found[0] < " " else "\ufffd", redact(text))


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
