"""Which pages of `docs/` are rendered, by what, and whether the committed ones are up to date."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from docs_tools import cli, runbook

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES: dict[str, Callable[[], str]] = {"cli.md": cli.render, "runbook.md": runbook.render}
SHOWN = 40


def stale(name: str) -> str:
    """Nothing for a page that is up to date; otherwise what is different, and the command that renders it."""
    wanted, file = PAGES[name](), DOCS / name
    there = file.read_text(encoding="utf-8") if file.is_file() else ""
    if wanted == there:
        return ""
    lines = list(difflib.unified_diff(there.splitlines(), wanted.splitlines(), f"docs/{name}", "rendered", lineterm=""))
    return "\n".join([f"docs/{name} is stale: render it with `invoke dev.docs --page={name}`", *lines[:SHOWN]])


def write(name: str) -> str:
    """Render a page into its place, and say so."""
    (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return f"docs/{name} is rendered"
