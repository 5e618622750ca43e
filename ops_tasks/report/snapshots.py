"""Tables of snapshots: those that there are, and what pruning them would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ops_tasks.report.terminal import Grid, Terminal, escape, size

SHOWN = 5
# To the second: what is pasted behind `--at` has to mean the one that it was listed for.
SECOND = "%Y-%m-%d %H:%M:%S"
Rows = Sequence[Mapping[str, Any]]


def listing(rows: Rows, now: datetime) -> Grid:
    """Snapshots as `snapshot.list` has them in its document: `name`, `created_at`, `bytes`, `verified_at`, `why`, and
    what is special (`forensic`, `problems`, `kept`)."""
    table = Grid(("snapshot", "taken (UTC)", "age", "size", "verified (UTC)", "why"), whole=("snapshot",))
    for row in rows:
        taken = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
        age = now - taken
        table.add_row(
            escape(row["name"]),
            f"{taken:{SECOND}}",
            f"{age.days} d" if age.days else f"{age.seconds // 3600} h {age.seconds % 3600 // 60} min",
            size(row["bytes"]),
            _verified(row),
            "; ".join([*_special(row), escape(row["why"])]),
        )
    return table


def decisions(rows: Rows) -> Grid:
    """What stays and what goes: `name`, `created_at`, `bytes`, `damaged`, and `reasons`, empty if nothing keeps it."""
    table = Grid(("snapshot", "taken (UTC)", "size", "", "why"), whole=("snapshot",))
    for row in rows:
        word = "[green]keep[/green]" if row["reasons"] else "[red]remove[/red]"
        why = escape(", ".join(row["reasons"])) or "[dim]nothing keeps it[/dim]"
        why = f"[red]damaged[/red]; {why}" if row["damaged"] else why
        taken = datetime.fromisoformat(row["created_at"]).astimezone(UTC)
        table.add_row(escape(row["name"]), f"{taken:{SECOND}}", size(row["bytes"]), word, why)
    return table


def show_memory(terminal: Terminal, told: Mapping[str, Any]) -> None:
    """What MotherDuck remembers by itself (`scenarios.memory`), the newest moments of it with their ends."""
    terminal.show(f"MotherDuck: retention {escape(told['retention'])}; plan: {escape(told['plan'])}")
    # The catalogs that one run has written are some milliseconds apart: one moment, since `--at` takes whole seconds.
    moments: dict[str, tuple[list[str], str]] = {}
    for one in told["moments"]:
        second = f"{datetime.fromisoformat(one['created_at']):{SECOND}}"
        names = dict.fromkeys([*moments.get(second, ([], ""))[0], *one["databases"]])
        ends = f"expires in {one['expires_in']}" if one["expires_in"] else "does not expire yet"
        moments[second] = (list(names), ends)
    if not moments:
        terminal.show("  it remembers no moment by itself: only the snapshots above are a way back")
        return
    terminal.show(f"  it remembers {len(moments)} moments by itself (ops.restore --at=TIME), the newest:")
    for second, (names, ends) in list(moments.items())[-SHOWN:]:
        terminal.show(f"  {second} UTC, after a change of {escape(', '.join(names))}; {ends}")


def _verified(row: Mapping[str, Any]) -> str:
    if row["problems"]:
        return "[red]damaged[/red]"
    if row["verified_at"] is None:
        return "[red]never[/red]"
    return f"{datetime.fromisoformat(row['verified_at']).astimezone(UTC):%Y-%m-%d %H:%M}"


def _special(row: Mapping[str, Any]) -> list[str]:
    """What is to be known before the reason why it was taken."""
    found: list[str] = []
    if kept := row["kept"]:
        until = f"until {kept['until']}" if kept["until"] else "for ever"
        word = f"[green]kept {until}[/green]" if kept["holds"] else f"[dim]was kept {until}[/dim]"
        found.append(f"{word} ({escape(kept['why'])})")
    if row["forensic"]:
        found.append("[yellow]as it was found, damage included[/yellow]")
    if row["problems"]:
        found.append(f"[red]{escape(row['problems'][0])}[/red]")
    return found
