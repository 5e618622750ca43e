"""Journals made by hand, in the words of the operations that really write them, in the smallest stack there can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ops_tasks.operation.journal import EVENTS, operations
from ops_tasks.scenarios.account import account
from ops_tasks.scenarios.account_facts import Account
from ops_tasks.stack import find

OPERATION = "abc123"
SNAPSHOT = "pre_backfill_ebird_20260418_abc123"
STEPS = ("snapshot", "measure before", "restate", "compare")
DAYS = [f"2026-04-{day:02}" for day in range(1, 23)]
WINDOW = DAYS[17:20]
BACK: dict[str, Any] = {"files": 17, "identical": True, "theirs": []}
Line = tuple[str, str | None, dict[str, Any]]


def planned(**more: Any) -> Line:
    """The first line of a backfill's journal; `more` replaces parts of its plan."""
    plan: dict[str, Any] = {
        "task": "ops.backfill",
        "title": "backfill of ebird for 2026-04-18..2026-04-20",
        "arguments": {
            "snapshot": SNAPSHOT,
            "window": {"start": WINDOW[0], "end": WINDOW[-1]},
            "flags": [{"table": "raw.main.obs", "day": d, "rows": 0, "usual": 21.0, "kind": "zero"} for d in WINDOW],
            "notes": ["species_status_history is not restated"],
        },
        "steps": [{"name": name, "title": f"Do {name}", "equivalent": f"do {name}"} for name in STEPS],
        "seen": [],
    }
    return "planned", None, plan | more


def done(name: str, **result: Any) -> list[Line]:
    """A step that was begun and is done."""
    return [("started", name, {"title": f"Do {name}"}), ("done", name, result)]


KEPT = done("snapshot", snapshot=SNAPSHOT, bytes=18_200_000, files=17)
WORK = [
    *KEPT,
    *done("measure before", tables=3, rows=100),
    *done("restate", audits=[{"audit": "a", "model": "m", "failures": 0, "skipped": False}]),
    *done("compare", tables=3, rows=163, changed=1, untouched=2),
]
FAILED: Line = ("failed", "compare", {"reason": "marts.daily changed outside", "way_out": "look at the log"})
SUCCEEDED: Line = ("succeeded", None, {"seconds": {}})


def measured(table: str = "raw.main.obs") -> dict[str, Any]:
    """What lies beside the journal of a backfill that filled three empty days of one table, and no other."""
    before = {day: [21, "x"] for day in DAYS if day not in WINDOW}
    changed = {
        "table": table,
        "role": {"kind": "reloaded", "model_kind": "", "may_change": None, "keeps_rows": False},
        "rows": [399, 462],
        "days": {day: [0, 21] for day in WINDOW},
        "outside": [],
        "excluded": ["computed_at"],
        "dated": True,
        "changed": True,
    }
    same = changed | {"rows": [7, 7], "days": {}, "excluded": [], "changed": False, "role": {"kind": "untouched"}}
    return {
        "comparison.json": [same | {"table": "a.same"}, same | {"table": "b.same"}, changed],
        "before.json": {table: {"rows": 399, "days": before}},
        "after.json": {table: {"rows": 462, "days": before | {day: [21, "y"] for day in WINDOW}}},
    }


def write(root: Path, lines: list[Line], files: dict[str, Any] | None = None) -> Path:
    """A stack of one operation, a second between each of its lines; returns the operation's folder."""
    (root / "p").mkdir(exist_ok=True)
    (root / "invoke.yaml").write_text("ops:\n  databases: {a: a.duckdb}\n  sqlmesh: {project: p}\n", encoding="utf-8")
    folder = operations(root / ".ops") / OPERATION
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / EVENTS).open("w", encoding="utf-8") as file:
        for at, (event, step, data) in enumerate(lines):
            when = f"2026-04-23T09:{at // 60:02}:{at % 60:02}+00:00"
            file.write(json.dumps({"at": when, "event": event, "step": step, "data": data}) + "\n")
    for name, value in (files or {}).items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    kept = root / ".ops" / "snapshots" / SNAPSHOT
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "manifest.json").write_text("{}", encoding="utf-8")
    return folder


def told(root: Path, lines: list[Line], files: dict[str, Any] | None = None, *, running: bool = False) -> Account:
    """The account of such an operation."""
    from ops_tasks.operation.journal import history

    write(root, lines, files)
    stack = find(str(root))
    return account(stack, history(stack.home)[0], running=running)
