"""The same incident report for a pull request or an issue, in GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops_tasks.report.incident import MARK, clock, headline, number, seconds, when, worded
from ops_tasks.report.terminal import sparkline
from ops_tasks.scenarios.account_facts import Account, Chart

SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$!])")
START = re.compile(r"^([-+=]|\d+(?=[.)]))")
MARKS = {"failed": " **(failed)**", "killed": " **(killed)**", "running": " *(running)*", "pending": " *(not begun)*"}
MOST_DAYS = 31
BREAK = "\u200b"


def markdown(account: Account) -> str:
    """Everything of the report; nothing in it, whatever it says, is Markdown, a mention, a reference or a link."""
    return "\n".join([MARK, *_lines(worded(account))]) + "\n"


def _md(text: object) -> str:
    """Text that means nothing in Markdown, in one line."""
    flat = SPECIAL.sub(r"\\\1", " ".join(str(text).split()).replace("&", "&amp;"))
    flat = START.sub(lambda found: found[1] + "\\" if found[1].isdigit() else f"\\{found[1]}", flat)
    for sign in ("@", "://", "#", "www."):
        flat = flat.replace(sign, f"{sign[0]}{BREAK}{sign[1:]}")
    return flat


def _code(text: str) -> str:
    """Inline code, whatever is in it."""
    flat = " ".join(text.splitlines())
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    pad = " " if longest else ""
    return f"{'`' * (longest + 1)}{pad}{flat}{pad}{'`' * (longest + 1)}"


def _block(text: str, indent: str = "") -> list[str]:
    """A block of commands, whatever is in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{indent}{line}" for line in (f"{fence}sh", *text.splitlines(), fence)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _lines(account: Account) -> Iterator[str]:
    yield f"## {'✅' if account.good else '⚠️'} {_md(headline(account))}: {_md(account.words.said)}"
    yield ""
    yield f"{_md(account.incident)}. Operation {_code(account.operation)} ({_code(account.task)}),"
    yield f"{when(account.began)}, {account.duration}."
    if account.undone is not None:
        yield f"Rolled back {when(account.undone)}."
    yield ""
    if account.reason:
        yield from (f"**{_md(account.reason)}**", "")
    if account.way_out:
        yield from (f"→ {_md(account.way_out)}", "")
    if account.figures:
        yield from (" · ".join(f"**{_md(count)}** {_md(label)}" for count, label in account.figures), "")
    if account.found:
        yield from ("### What was found", "", *(f"- {_md(one)}" for one in account.found), "")
    yield from _changed(account)
    if account.checks:
        yield from ("### Validation", "", _row("", "check", "result"), "|---|---|---|")
        yield from (_row("✅" if one.well else "❌", _md(one.name), _md(one.said)) for one in account.checks)
        yield ""
    if account.notes:
        yield from ("### Worth knowing", "", *(f"- {_md(one)}" for one in account.notes), "")
    yield from ("### The way back", "", _md(account.back), "")
    for way in account.ways:
        yield from (f"{_md(way.what)}:", "", *_block(way.command), "")
    yield from _done(account)


def _changed(account: Account) -> Iterator[str]:
    if account.changes:
        outside = any(one.outside is not None for one in account.changes)
        heads = ["table", "rows before", "rows after", "what", *(["outside the window"] if outside else [])]
        yield from (f"### {account.words.changed}", "", _row(*heads), _row(*("---" for _ in heads)))
        for one in account.changes:
            cells = [_md(one.table), number(one.before), number(one.after), _md(one.what)]
            yield _row(*cells, *([_md(one.outside or "")] if outside else []))
        yield ""
    if account.changes_left:
        yield from ([] if account.changes else ["### What changed", ""])
        yield from (_md(account.changes_left), "")
    if account.charts:
        yield from ("<details><summary>Rows per day</summary>", "")
        for chart in account.charts:
            yield from _chart(chart)
        yield from ("</details>", "")
    if account.untouched:
        yield from ("### What is proven untouched", "", *(f"- {_md(one)}" for one in account.untouched))
        names = ", ".join(_md(f"{name} ({rows:,})") for name, rows in account.same)
        yield from (f"- identical, with their rows: {names}", "") if names else ("",)


def _chart(chart: Chart) -> Iterator[str]:
    """The days that differ, and the whole span as one line of bars."""
    yield from (f"**{_md(chart.table)}**, {chart.bars[0].day} to {chart.bars[-1].day}", "")
    # both on one scale
    drawn = sparkline([bar.before for bar in chart.bars] + [bar.after for bar in chart.bars])
    half = len(chart.bars)
    yield from (f"- `{drawn[:half]}` {chart.before}", f"- `{drawn[half:]}` {chart.after}")
    yield from ("", _row("day", chart.before, chart.after), "|---|---:|---:|")
    differing = [bar for bar in chart.bars if bar.differs]
    yield from (_row(f"{bar.day}", f"{bar.before:,}", f"{bar.after:,}") for bar in differing[:MOST_DAYS])
    if len(differing) > MOST_DAYS:
        yield _row(f"{len(differing) - MOST_DAYS} more days", "", "")
    yield ""


def _done(account: Account) -> Iterator[str]:
    yield from ("<details><summary>What was done, step by step</summary>", "")
    for place, one in enumerate(account.did, 1):
        yield f"{place}. {_md(one.title)}{MARKS.get(one.status, '')} {seconds(one.seconds)}".rstrip()
        if one.equivalent:
            yield from ("", *_block(one.equivalent, "   "), "")
    yield from ("", "</details>", "", "<details><summary>Timeline (UTC)</summary>", "", _row("at", "what"), "|---|---|")
    several = len({one.at.date() for one in account.timeline}) > 1
    for one in account.timeline:
        at = f"{one.at:%Y-%m-%d} {clock(one.at)}" if several else clock(one.at)
        yield _row(at, f"{'❌ ' if one.bad else ''}{_md(one.what)}")
    yield from ("", "</details>")
