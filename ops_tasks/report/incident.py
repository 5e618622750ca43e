"""An incident report as one HTML file that needs nothing else."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ops_tasks.report.commands import placed
from ops_tasks.report.terminal import readable
from ops_tasks.scenarios.account_facts import Account, Bar, Chart, in_every_text

if TYPE_CHECKING:
    from markupsafe import Markup

MARK = "<!-- ops-tasks incident report -->"
HEIGHT, WIDTH, GAP, LEAST = 100.0, 10.0, 1.0, 1.5


def html(account: Account) -> str:
    """One self-contained page: no script, nothing loaded from anywhere, light and dark, readable on a phone."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("ops_tasks.report", "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"when": when, "clock": clock, "seconds": seconds, "number": number, "breakable": _breakable}
    account = worded(account)
    charts = [(chart, _drawn(chart)) for chart in account.charts]
    return pages.get_template("incident.html.j2").render(
        account=account,
        mark=MARK,
        title=headline(account),
        charts=charts,
        legend={bar["kind"] for _, drawn in charts for bar in drawn["bars"]}
        | {"shade" for _, d in charts if d["shade"]},
        ways=[(way.what, way.command) for way in account.ways],
        days=[(day, list(moments)) for day, moments in groupby(account.timeline, key=lambda one: one.at.date())],
    )


def headline(account: Account) -> str:
    """The title as the first words of a page."""
    return account.title[:1].upper() + account.title[1:]


def worded(account: Account) -> Account:
    """The same for somebody in another folder: commands of ours as they have to be typed there, no hidden signs."""
    place = f" --stack={shlex.quote(account.stack)}"
    return in_every_text(account, lambda text: readable(placed(text, place)))


def when(at: datetime) -> str:
    """`2026-04-23 09:12 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime) -> str:
    """`09:12:40`."""
    return f"{at:%H:%M:%S}"


def seconds(number: float | None) -> str:
    """`1.2 s`, or nothing."""
    return "" if number is None else f"{number:,.1f} s"


def number(count: int | None) -> str:
    """`12,345`, or a dash for what is not known."""
    return "–" if count is None else f"{count:,}"


def _breakable(name: str) -> Markup:
    """A name that may be broken where its parts end, so that a narrow table does not break it anywhere."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[./_])(?=[^./_])", name))


def _drawn(chart: Chart) -> dict[str, Any]:
    """The rectangles of a chart in units of its view box: `x`, `y`, `width`, `height` and `kind`; and the window's."""
    bars = [rectangle for at, bar in enumerate(chart.bars) for rectangle in _rectangles(at, bar, chart.most or 1)]
    inside = [at for at, bar in enumerate(chart.bars) if bar.inside]
    part = 0 < len(inside) < len(chart.bars)
    shade = (inside[0] * WIDTH, (inside[-1] - inside[0] + 1) * WIDTH) if part else None
    return {"width": len(chart.bars) * WIDTH, "height": HEIGHT, "bars": bars, "shade": shade}


def _rectangles(at: int, bar: Bar, most: int) -> list[dict[str, Any]]:
    """A day that is as it was is one bar, one that changed is two."""
    left, whole = at * WIDTH + GAP, WIDTH - 2 * GAP
    sides = [("before", bar.before), ("after", bar.after)] if bar.differs else [("same", bar.after)]
    wide = whole / len(sides)
    found: list[dict[str, Any]] = []
    for place, (kind, rows) in enumerate(sides):
        if rows > 0:
            high = round(max(LEAST, rows / most * HEIGHT), 2)
            x = round(left + place * wide, 2)
            found.append({"kind": kind, "x": x, "y": round(HEIGHT - high, 2), "width": wide, "height": high})
    return found
