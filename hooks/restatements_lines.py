"""Restatements in files of settings, recipes and instructions, which are read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import shell_calls
from .calls import FLAG, restates

Place = tuple[int, int, int]
RECIPE = re.compile(r"[ \t]+[@+-]+")
# `$(error ...)` of make tells and stops.
MAKE_TELLS = re.compile(r"\$\((?:error|warning|info)\s[^()]*\)")
INSTRUCTION = re.compile(r"[ \t]*(?:ONBUILD[ \t]+)?(RUN|CMD|ENTRYPOINT|HEALTHCHECK|ENV|ARG|SHELL)\b", re.I)
UNIT = re.compile(r"(Exec\w+)=[-@:+!|]*")
SETTING = re.compile(r"\s*[\"']?([\w.-]+)[\"']?\s*[=:]\s*(?!=)")
TOLD = frozenset({"description", "desc", "name", "summary", "title", "help", "doc", "comment", "message", "keywords"})
QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")
LISTED = re.compile(r"\[[^\[\]]*\]")
# No `*` and no `--`: a line of a crontab begins with a star, an option with dashes.
NOTE = re.compile(r"\s*(#|//|;|@?rem\b|::)", re.I)
COMMENT = re.compile(r"\s*(#|//|\*|--|;|@?rem\b|::)", re.I)
API = re.compile(r"\brestate_models\s*=(?!=)\s*(?!None\b|\[\s*\]|\(\s*\))")


def shell(text: str) -> list[Place]:
    """Shell text."""
    return sorted({place(text, one.start, one.end) for one in shell_calls.find(text)})


def place(text: str, start: int, end: int) -> Place:
    """`(line, offset, last line)` of a stretch of text."""
    begins = text.rfind("\n", 0, start) + 1
    return text.count("\n", 0, start) + 1, start - begins + 1, text.count("\n", 0, max(end - 1, start)) + 1


def recipes(text: str) -> list[Place]:
    """Makefiles and justfiles: each line, with those that continue it, is a command of its own."""
    return list(_recipes(text))


def _recipes(text: str) -> Iterator[Place]:
    for start, line in _logical(text):
        plain = RECIPE.sub(lambda found: " " * len(found[0]), line, count=1) if RECIPE.match(line) else line
        plain = MAKE_TELLS.sub(lambda found: " " * len(found[0]), plain)
        if name := re.match(r"\s*(?:export\s+)?([\w.]+)\s*[:?+]?=\s*", plain):  # X := --restate-model a
            value = plain[name.end() :]
            if shell_calls.keeps(value) or shell_calls.is_command(value):
                yield place(text, start, start + len(line))
                continue
        yield from (place(text, start + one.start, start + one.end) for one in shell_calls.find(plain))


def instructions(text: str) -> list[Place]:
    """Dockerfiles: shell forms as shell text, exec forms (`CMD ["sqlmesh", ...]`) as lists."""
    return sorted(set(_instructions(text)))


def _instructions(text: str) -> Iterator[Place]:
    entry: list[str] = []
    for start, line in _logical(text, here_documents=True):
        found = INSTRUCTION.match(line)
        if not found:
            continue
        given = line[found.end() :]
        words = [first or second for first, second in QUOTED.findall(given)] if given.lstrip().startswith("[") else []
        name = found[1].upper()
        if name == "ENTRYPOINT":
            entry = words
        given_in_two = name == "CMD" and restates([*entry, *words])
        if restates(words) or given_in_two or any(shell_calls.find(word) for word in words if " " in word):
            yield place(text, start, start + len(line))
        elif not words:
            given = re.sub(r"(?m)^\s*#.*$", lambda one: " " * (len(one[0]) - 1) + "\\" if one[0] else "", given)
            for one in shell_calls.find(given):
                yield place(text, start + found.end() + one.start, start + found.end() + one.end)


def settings(text: str) -> list[Place]:
    """Settings: a line as a command, what a name is set to, quoted texts, and lists of texts. One finding a line."""
    found = {*_settings(text), *_lists(text)}
    first: dict[int, Place] = {}
    for one in sorted(found):
        first.setdefault(one[0], one)
    return list(first.values())


def _settings(text: str) -> Iterator[Place]:
    for start, line in _logical(text):
        if NOTE.match(line):
            continue
        name = UNIT.match(line) or SETTING.match(line)
        if name and name[1].lower() in TOLD:
            continue
        value = line[name.end() :] if name else line
        begins = start + len(line) - len(value)
        if shell_calls.keeps(value.strip("\"' ")):
            yield place(text, start, start + len(line))
        yield from (place(text, begins + one.start, begins + one.end) for one in shell_calls.find(value))
        if API.search(line):
            yield place(text, start, start + len(line))
        for one in QUOTED.finditer(line):
            said = (one[1] or one[2] or "").replace('\\"', '"').lstrip("!%")  # a cell of a notebook that is no JSON
            if shell_calls.is_command(said) or said == FLAG:
                yield place(text, start + one.start(), start + one.end())


def _lists(text: str) -> Iterator[Place]:
    for found in LISTED.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if not NOTE.match(line) and restates([first or second for first, second in QUOTED.findall(found[0])]):
            yield place(text, found.start(), found.end())


def other(text: str) -> list[Place]:
    """In a language that is not read here: the long flag, and quoted commands, on a line that is no comment."""
    found: dict[int, Place] = {}
    for start, line in _logical(text):
        if COMMENT.match(line):
            continue
        if FLAG in line:
            at = start + line.index(FLAG)
            found.setdefault(start, place(text, at, at + 1))
        for one in QUOTED.finditer(line):
            if shell_calls.is_command((one[1] or one[2] or "").replace('\\"', '"')):
                found.setdefault(start, place(text, start + one.start(), start + one.end()))
    return list(found.values())


def _logical(text: str, *, here_documents: bool = False) -> Iterator[tuple[int, str]]:
    """Lines with those that continue them, each with its position; a Dockerfile's with their here-documents."""
    at, unclosed = 0, set[str]()
    while at < len(text):
        start, mark = at, None
        while at < len(text):
            begins, end = at, text.find("\n", at)
            line = text[at : len(text) if end < 0 else end]
            at = len(text) if end < 0 else end + 1
            if here_documents and (found := re.search(r"<<-?['\"]?(\w+)", line)):
                mark = found[1]
            comment = line.lstrip().startswith(("#", "//"))
            # A comment is not continued; between the lines of an instruction it is passed over.
            if (comment and begins == start) or not (line.rstrip("\r").endswith("\\") or (comment and here_documents)):
                break
        if mark and mark not in unclosed:
            if closed := re.compile(rf"^\t*{re.escape(mark)}\r?$", re.M).search(text, at):
                at = min(closed.end() + 1, len(text))
            else:
                unclosed.add(mark)
        yield start, text[start:at].rstrip("\n")
