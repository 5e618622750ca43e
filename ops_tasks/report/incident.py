"""An incident report as one HTML file that needs nothing else, and as Markdown for a pull request."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ops_tasks.scenarios.account_facts import Account, Bar, Chart

MARK = "<!-- ops-tasks incident report -->"
HEIGHT, WIDTH, GAP = 100.0, 10.0, 1.0
SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def html(account: Account) -> str:
    """One self-contained page: no script, nothing loaded from anywhere, light and dark, readable on a phone."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("ops_tasks.report", "templates")
    rooms = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rooms.filters |= {"when": when, "clock": clock, "seconds": seconds}
    return rooms.get_template("incident.html.j2").render(
        account=account, mark=MARK, charts=[(chart, _drawn(chart)) for chart in account.charts]
    )


def markdown(account: Account) -> str:
    """The same for a pull request or an issue, in GitHub's Markdown."""
    return "\n".join([MARK, *_lines(account)]) + "\n"


def when(at: datetime) -> str:
    """`2026-04-23 09:12 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime) -> str:
    """`09:12:40`."""
    return f"{at:%H:%M:%S}"


def seconds(number: float | None) -> str:
    """`1.2 s`, or nothing."""
    return "" if number is None else f"{number:.1f} s"


def _drawn(chart: Chart) -> dict[str, Any]:
    """The rectangles of a chart: x, width and height in units of its view box, before and after for each day."""
    bars = [_bar(at, bar, chart.most or 1) for at, bar in enumerate(chart.bars)]
    inside = [at for at, bar in enumerate(chart.bars) if bar.inside]
    whole = len(inside) == len(chart.bars)
    shade = (inside[0] * WIDTH, (inside[-1] - inside[0] + 1) * WIDTH) if inside and not whole else None
    return {"width": len(chart.bars) * WIDTH, "height": HEIGHT, "bars": bars, "shade": shade}


def _bar(at: int, bar: Bar, most: int) -> dict[str, float]:
    left, half = at * WIDTH + GAP, (WIDTH - 2 * GAP) / 2
    before, after = bar.before / most * HEIGHT, bar.after / most * HEIGHT
    return {"x": left, "x2": left + half, "width": half, "before": round(before, 2), "after": round(after, 2)}


def _md(text: object) -> str:
    """Text that means nothing in Markdown: escaped, in one line."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split())).replace("@", "@\u200b")


def _code(text: str) -> str:
    """Inline code, whatever is in it."""
    flat = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(account: Account) -> list[str]:
    sign = "✅" if account.good else "⚠️"
    lines = [
        f"## {sign} {_md(account.title)}: {_md(account.end)}",
        "",
        f"{_md(account.incident)}. Operation {_code(account.operation)} ({_code(account.task)}), "
        f"{when(account.began)}, {account.duration}.",
        "",
    ]
    lines += [f"**{_md(account.reason)}**", ""] if account.reason else []
    if account.found:
        lines += ["### What was found", "", *(f"- {_md(one)}" for one in account.found), ""]
    if account.changes:
        lines += ["### What changed", "", _row("table", "rows", "days", "outside the window"), "|---|---|---|---|"]
        for one in account.changes:
            lines.append(_row(_md(one.table), f"{one.before:,} → {one.after:,}", _md(one.days), _md(one.outside)))
        lines.append("")
    if account.untouched:
        lines += ["### What is proven untouched", "", *(f"- {_md(one)}" for one in account.untouched), ""]
    if account.checks:
        lines += ["### Validation", "", _row("", "check", "result"), "|---|---|---|"]
        lines += [_row("✅" if one.well else "❌", _md(one.name), _md(one.said)) for one in account.checks]
        lines.append("")
    lines += ["<details><summary>What was done, step by step</summary>", ""]
    for number, one in enumerate(account.did, 1):
        mark = {"done": "", "failed": " **(failed)**", "pending": " *(not begun)*"}[one.status]
        lines.append(f"{number}. {_md(one.title)}{mark} {seconds(one.seconds)}".rstrip())
        lines += [f"   - {_code(line)}" for line in one.equivalent.splitlines() if line.strip()]
    lines += ["", "</details>", "", "<details><summary>Timeline (UTC)</summary>", ""]
    lines += [_row("at", "what"), "|---|---|"]
    lines += [_row(clock(one.at), f"{'❌ ' if one.bad else ''}{_md(one.what)}") for one in account.timeline]
    lines += ["", "</details>", "", "### The way back", "", _md(account.back_words)]
    lines += ["", "```console", f"$ {account.back}", "```"] if account.back else []
    return lines
