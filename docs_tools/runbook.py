"""`docs/runbook.md`: our own sentences from `runbook.md.j2`, and between them what the real commands told."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from docs_tools.cli import cell
from docs_tools.scenes import Told, gather

TEMPLATE = Path(__file__).with_name("runbook.md.j2")
WIDTH = 110
STATEMENTS = ("CREATE ", "ALTER ", "COPY ")
PAGE = re.compile(r"docs/(\S+\.md)")
# Steps that look and change nothing; at the end of a plan they are the validation of what came before.
LOOKS = {"rows", "compare", "drift", "audits", "checks", "contracts", "freshness", "seal"}


@dataclass(frozen=True)
class Line:
    """A step as it is shown: its name, its title, and what a person would type."""

    name: str
    title: str
    equivalent: str


def render() -> str:
    """The whole page."""
    return page(gather())


def page(told: Mapping[str, Told]) -> str:
    """The page, made of what was told. Raises `UndefinedError` for a scene that the template names and nobody plays."""
    loose = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # it makes Markdown, of our own words
    )
    words = {one.__name__: one for one in (symptoms, verdict, evidence, recovery, validation, more, same, prevention)}
    return loose.from_string(TEMPLATE.read_text(encoding="utf-8")).render(told=told, **words)


def verdict(told: Told) -> str:
    """What the doctor concludes, and its exit code."""
    return f"`{told.document['verdict']['words']}` (exit {told.code})"


def evidence(told: Told, number: int = 0) -> str:
    """The reason that one finding gives."""
    return str(told.document["findings"][number]["reason"])


def recovery(told: Told) -> str:
    """The steps of a plan that do."""
    return steps(split(told)[0])


def validation(told: Told) -> str:
    """The steps of a plan that look whether it is well done."""
    return steps(split(told)[1])


def more(told: Told, than: Told) -> str:
    """What a plan does that another one does not."""
    return steps(added(split(told)[0], split(than)[0]))


def split(told: Told) -> tuple[list[Line], list[Line]]:
    """The steps of a plan that do, and those at its end that look whether it is well done."""
    given: list[dict[str, Any]] = told.document["steps"]
    first = len(given)
    while first and given[first - 1]["name"] in LOOKS:
        first -= 1
    lines = [Line(one["name"], one["title"], one["equivalent"]) for one in given]
    if not 0 < first < len(lines):
        raise ValueError(f"{told.words}: which steps of {[one['name'] for one in given]} are its validation?")
    return lines[:first], lines[first:]


def added(lines: Sequence[Line], known: Sequence[Line]) -> list[Line]:
    """The steps that another plan does not have, or that a person would do there in another way."""
    there = {(line.name, line.equivalent) for line in known}
    return [line for line in lines if (line.name, line.equivalent) not in there]


def same(one: Told, other: Told) -> str:
    """The words of a command whose plan is the same as another's. Raises `ValueError` as soon as it is not."""
    if split(one) != split(other):
        raise ValueError(f"{one.words} does not plan what {other.words} plans")
    return one.words


def steps(lines: Sequence[Line]) -> str:
    """A numbered list; steps that are the same but for a day are one."""
    shown: list[str] = []
    for number, line in enumerate(dict.fromkeys(lines), 1):
        shown.append(f"{number}. {line.title}")
        if line.equivalent:
            shown.append(textwrap.indent(f"\n{typed(line.equivalent)}\n", "    ", lambda text: bool(text.strip())))
    return "\n".join(shown).rstrip("\n")


def typed(equivalent: str) -> str:
    """What a person would type, as a block."""
    sql = equivalent.startswith(STATEMENTS)
    block = "\n".join(f"{one};" if sql else folded(one) for one in equivalent.splitlines())
    return f"```{'sql' if sql else 'sh'}\n{block}\n```"


def folded(command: str) -> str:
    """A command on several lines, where it is too long for one."""
    return command if len(command) <= WIDTH else command.replace(" --restate-model", " \\\n  --restate-model")


def symptoms(told: Told) -> str:
    """What the doctor found, a row for each cause: the first evidence of it, and how many more there are."""
    by_cause: dict[str, list[dict[str, Any]]] = {}
    for finding in told.document["findings"]:
        by_cause.setdefault(finding["cause"], []).append(finding)
    rows = ["| cause | evidence | way out |", "|---|---|---|"]
    for cause, found in by_cause.items():
        first, rest = found[0], f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        evidence = str(first["evidence"]).removeprefix(f"{first['subject']}: ")
        said = cell(f"{first['subject']}: {evidence}{rest}")
        rows.append(f"| `{cause}` | {said} | {way_out(first['way_out'])} |")
    return "\n".join(rows)


def way_out(text: str) -> str:
    """A way out with its command set as one, and with links to the pages that it names."""
    text = PAGE.sub(r"[\1](\1)", text)
    words, _, command = text.partition("invoke ")
    return f"{words}`invoke {command}`" if command else text or "–"


def had(row: Mapping[str, str]) -> str:
    """What it takes to have a protection, or how it is here already."""
    return way_out(row["way_out"]) if row["way_out"] else f"{row['status']}: {row['told']}"


def prevention(told: Told) -> str:
    """The appendix of a repository: what stops each cause, and what it takes to have it."""
    rows: list[dict[str, str]] = told.document["rows"]
    shown = ["| incident | cause | what stops it | to have it |", "|---|---|---|---|"]
    shown += [f"| {one['scenario']} | {one['cause']} | {one['check']} | {had(one)} |" for one in rows]
    return "\n".join(shown)
