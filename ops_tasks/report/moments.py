"""A past, and how the present differs from it: what comes back, what is lost, per table and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ops_tasks.durations import told
from ops_tasks.report.terminal import Grid, Terminal, escape

MOST = 5
WHEN = {"before": "now", "after": "in the copy"}


def show_moment(terminal: Terminal, asked: str, found: Mapping[str, Any], lines: Sequence[str]) -> None:
    """What was asked for and what was found: `label`, `created_at`, `expires_at` (ISO), and how far it lies back."""
    now = datetime.now(UTC)
    time = datetime.fromisoformat(found["created_at"])
    if asked:
        terminal.show(f"asked for {escape(asked)}")
    terminal.show(f"found {escape(found['label'])}: {time:%Y-%m-%d %H:%M:%S} UTC, {told(now - time)} ago")
    if found["expires_at"]:
        left = datetime.fromisoformat(found["expires_at"]) - now
        terminal.show(f"  [yellow]![/yellow] MotherDuck forgets it: expires in {told(left)}")
    for line in lines:
        terminal.show(f"  {escape(line)}")


def show_difference(terminal: Terminal, difference: Mapping[str, Mapping[str, Any]]) -> None:
    """A line per table that differs, with its days: + comes back, - is lost, ~ becomes what it was."""
    if not difference:
        terminal.show("The copy and the present do not differ in any row.")
        return
    whole = ("the cut changes", "rows", "+ come back", "- are lost", "~ change")
    table = Grid((*whole, "days"), whole=whole, fold=True)
    for name, one in difference.items():
        days = [f"{day} {_counts(counts)}" for day, counts in one["days"].items() if day != "none"]
        more = f" and {len(days) - MOST} more" if len(days) > MOST else ""
        columns = f"; columns {', '.join(one['columns'])}" if one["columns"] else ""
        unread = "".join(f"; {WHEN[side]} it cannot be read: {why}" for side, why in one.get("unread", {}).items())
        counts = (f"{one[what]:,}" if one[what] else "" for what in ("added", "removed", "changed"))
        said = f"{', '.join(days[:MOST])}{more}{columns}{unread}".removeprefix("; ")
        table.add_row(escape(name), _rows(one), *counts, escape(said))
    terminal.show(table)


def show_foreseen(terminal: Terminal, foreseen: Mapping[str, Mapping[str, Any]]) -> None:
    """Before there is a copy: `now`, `then`, `known`, `days` and `values` of `foreseeing.Foreseen` by table."""
    whole = ("the cut changes", "rows", "came since")
    table = Grid((*whole, "days"), whole=whole, fold=True)
    for name, one in foreseen.items():
        days = [f"{day} {rows:,}" for day, rows in one["days"].items() if day != "none"]
        more = f" and {len(days) - MOST} more" if len(days) > MOST else ""
        then = ("gone" if one["then"] is None else f"{one['then']:,}") if one["known"] else "?"
        rows = f"{'gone' if one['now'] is None else format(one['now'], ',')}→{then}"
        came = sum(one["days"].values())
        said = f"{', '.join(days[:MOST])}{more}" or ("other values" if one["values"] else "")
        table.add_row(escape(name), rows, f"{came:,}" if came else "", said)
    terminal.show(table if foreseen else "Nothing is known to have come since.")
    terminal.show("What was deleted or overwritten since is seen per day in the run only, on the copy, before the cut.")


def _rows(one: Mapping[str, Any]) -> str:
    missing = {side: "?" if side in one.get("unread", {}) else "gone" for side in WHEN}
    before, after = (missing[side] if one[side] is None else f"{one[side]:,}" for side in WHEN)
    return f"{before}→{after}"


def _counts(counts: Sequence[int]) -> str:
    return "".join(f"{sign}{count}" for sign, count in zip("+-~", counts, strict=True) if count)
