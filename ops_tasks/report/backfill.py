"""How a backfill is shown: the days before, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ops_tasks.report.terminal import Grid, Terminal, escape, sparkline
from ops_tasks.scenarios.backfill_facts import Survey
from ops_tasks.scenarios.window import LOOKBACK, Flag, Window

MOST_FLAGS = 6


def show_days(terminal: Terminal, seen: Survey, found: Iterable[Flag]) -> None:
    """Rows per day of the last 30 days, a line per table, the suspicious days named."""
    flagged: dict[str, list[Flag]] = {}
    for flag in found:
        flagged.setdefault(flag.table, []).append(flag)
    days = [seen.today - timedelta(days=ago) for ago in range(LOOKBACK, 0, -1)]
    drawn = f"rows per day, {days[0]:%m-%d}..{days[-1]:%m-%d}"
    table = Grid(("table", drawn, "suspicious"), whole=(drawn,))
    for name, rows in seen.series.items():
        flags = flagged.get(name, [])
        words = ", ".join(f"{flag.day:%m-%d} {flag.kind} {flag.rows} ({flag.usual:.0f})" for flag in flags[:MOST_FLAGS])
        more = f" and {len(flags) - MOST_FLAGS} more" if len(flags) > MOST_FLAGS else ""
        colour = "red" if flags else "green"
        spark = sparkline([rows.get(day, 0) for day in days])
        table.add_row(escape(name), f"[{colour}]{spark}[/{colour}]", f"[red]{words}{more}[/red]" if flags else "")
    terminal.show(table)


def show_changes(terminal: Terminal, changes: Sequence[Mapping[str, Any]], window: Window) -> None:
    """What is different now, per table and day, and how much is proven untouched."""
    table = Grid(("changed", "rows", "days", "outside the window"))
    excluded: dict[str, list[str]] = {}
    for change in changes:
        if change["excluded"]:
            excluded[change["table"]] = list(change["excluded"])
        if not change["changed"]:
            continue
        inside = {day: rows for day, rows in change["days"].items() if day not in change["outside"]}
        words = ", ".join(f"{day[5:]} {old}→{new}" for day, (old, new) in list(inside.items())[:MOST_FLAGS])
        more = f" and {len(inside) - MOST_FLAGS} more" if len(inside) > MOST_FLAGS else ""
        outside = ", ".join(change["outside"][:MOST_FLAGS]) or ("none" if change["dated"] else "no day column")
        old, new = change["rows"]
        table.add_row(escape(change["table"]), f"{old}→{new}", f"{words}{more}", outside)
    terminal.show(table)
    for change in changes:
        before, after = change.get("orphans", (0, 0))
        if before > after:
            terminal.show(
                f"[green]✓[/green] {escape(change['table'])}: {before - after:,} rows without a parent removed"
            )
    same = [change for change in changes if not change["changed"]]
    rows = sum(change["rows"][1] for change in same)
    held = sum(1 for change in changes if change["changed"] and change["dated"] and not change["outside"])
    terminal.show(
        f"[green]✓[/green] {len(same)} tables ({rows:,} rows) identical by count and fingerprint; "
        f"{held} changed tables are identical on every day outside of {window}"
    )
    if excluded:
        names = "; ".join(f"{table}: {', '.join(columns)}" for table, columns in sorted(excluded.items()))
        terminal.show(f"  [dim]not compared, because they tell the time of the run: {escape(names)}[/dim]")
