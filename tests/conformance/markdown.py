"""What the documents show: fenced blocks by language, and code within sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from tests.conformance.checkers import CHECKERS
from tests.conformance.commands import STRANGER, TASK, Command, prose, shell, usage
from tests.conformance.own import incidents
from tests.conformance.texts import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.S | re.M)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
VARIABLE = re.compile(r"[A-Z]\w*=\S*")
# What a block may be: commands, configuration, code, or something that is looked at and not typed.
LANGUAGES = {"", "console", "sh", "bash", "yaml", "yml", "python", "json", "diff", "text", "sql"}
SHELLS = {"console", "sh", "bash"}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text."""

    where: str
    language: str
    text: str


@cache
def blocks() -> tuple[Block, ...]:
    """Every fenced block of every page."""
    found: list[Block] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for one in FENCE.finditer(text):
            line = text.count("\n", 0, one.start()) + 2
            found.append(Block(f"{page.relative_to(ROOT)}:{line}", one[2], one[3]))
    return tuple(found)


@cache
def inlines() -> tuple[tuple[str, str], ...]:
    """Every code within a sentence, with its place; `.name` in a table of commands is of the collection before it."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        text = FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), page.read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            space = ""
            for code in INLINE.findall(line):
                if code.startswith(".") and space and line.startswith("| `"):
                    code = space + code
                elif TASK.match(code):
                    space = code.partition(".")[0]
                found.append((f"{page.relative_to(ROOT)}:{number}", code))
    return tuple(found)


def in_block(block: Block) -> Iterator[Command]:
    """The commands of a block: all of a script, behind `$ ` where there is one, and those its output names."""
    if block.language in ("yaml", "yml"):
        yield from in_yaml(block.where, block.text)
        return
    lines = block.text.replace("\\\n", " ").splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    for line in lines:
        if line.startswith("$ "):
            yield from shell(block.where, line[2:])
        elif block.language in SHELLS and not prompted:
            yield from shell(block.where, line)
        elif block.language in SHELLS or not block.language:
            known = line.split(" ")[0] in CHECKERS
            yield from shell(block.where, line) if known else prose(block.where, line)


def in_yaml(where: str, text: str) -> Iterator[Command]:
    """What a workflow, a hook or a configuration has run."""
    from ruamel.yaml import YAML

    def walk(node: Any) -> Iterator[Command]:
        if isinstance(node, dict):
            for key, value in cast("dict[str, Any]", node).items():
                if key in ("run", "entry", "cmd") and isinstance(value, str):
                    yield from shell(where, re.sub(r"\$\{\{.*?\}\}|\{\{.*?\}\}", "word", value))
                else:
                    yield from walk(value)
        elif isinstance(node, list):
            for one in cast("list[Any]", node):
                yield from walk(one)

    yield from walk(cast("Any", YAML(typ="safe")).load(text))


def in_line(where: str, code: str) -> Iterator[Command]:
    """The command that code within a sentence is, if it is one: a known program, a task or an incident with arguments.

    Whatever else has a flag is taken for a command, too, so that nobody's program is told.
    """
    text = usage(code)
    first, _, rest = text.partition(" ")
    if TASK.fullmatch(first) and rest:
        yield from shell(where, f"invoke {text}")
    elif first in incidents() and rest:
        yield from shell(where, f"invoke sandbox.break {text}")
    elif rest and (first in CHECKERS or VARIABLE.fullmatch(first) or STRANGER.match(text)):
        yield from shell(where, text)
    else:
        yield from prose(where, text)


@cache
def in_documents() -> tuple[Command, ...]:
    """The commands of every block."""
    return tuple(command for block in blocks() for command in in_block(block))


@cache
def in_sentences() -> tuple[Command, ...]:
    """The commands of every code within a sentence."""
    return tuple(command for where, code in inlines() for command in in_line(where, code))
