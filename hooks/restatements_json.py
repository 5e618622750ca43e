"""Restatements in JSON and in notebooks, told by the line of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from . import python_calls, shell_calls
from .calls import FLAG, restates
from .restatements_lines import TOLD, Place, place

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
PROGRAMS = ("command", "entrypoint", "program")
MAGIC = re.compile(r"\s*(?:\w+\s*=\s*)?(!!?|%(?:sx|system)\s|%%(?:bash|sh|script|!)|%plan\b)")


class Text(NamedTuple):
    """A string of the document and where it stands."""

    value: str
    start: int
    end: int


def values(text: str) -> list[Place]:
    """Commands and lists of words in a JSON document; raises `ValueError` for text that is no JSON."""
    return sorted({place(text, start, end) for start, end in _commands(_read(text), "")})


def notebook(text: str) -> list[Place]:
    """Code cells: `!command`, `%plan` and shell cells as shell, the rest as Python. `ValueError` for no notebook."""
    found: set[Place] = set()
    for cell in _get(_read(text), "cells", []):
        if isinstance(cell, list) and getattr(_get(cell, "cell_type", None), "value", "") == "code":
            source = _get(cell, "source", [])
            lines = _lines([source] if isinstance(source, Text) else source)
            found |= {place(text, line.start, line.end) for line in _in_cell(lines)}
    return sorted(found)


def _read(text: str) -> Any:
    """The document with every string placed; an object is a list of pairs. Strings come in the order of the text."""
    places = STRING.finditer(text)

    def placed(value: Any) -> Any:
        if isinstance(value, str):
            found = next(places)
            return Text(value, found.start(), found.end())
        if isinstance(value, _Pairs):
            return _Pairs([(placed(name), placed(inner)) for name, inner in value])
        return [placed(inner) for inner in _items(value)] if isinstance(value, list) else value

    return placed(json.loads(text, object_pairs_hook=_Pairs))


class _Pairs(list[Any]):
    """An object of JSON as its pairs, names that stand twice included."""


def _get(value: Any, name: str, default: Any) -> Any:
    if not isinstance(value, _Pairs):
        return default
    return next((inner for key, inner in value if key.value == name), default)


def _commands(value: Any, key: str) -> Iterator[tuple[int, int]]:
    if isinstance(value, _Pairs):
        args = _items(_get(value, "args", []))
        program = next((found for name in PROGRAMS if isinstance(found := _get(value, name, None), Text)), None)
        if program and not restates(_words(args)) and restates([*program.value.split(), *_words(args)]):
            yield next((one.start, one.end) for one in [*args, program] if isinstance(one, Text))
        for name, inner in value:
            yield from _commands(inner, name.value.lower())
    elif isinstance(value, Text):
        if key not in TOLD and (shell_calls.is_command(value.value) or value.value.startswith(FLAG)):
            yield value.start, value.end
    elif items := _items(value):
        texts = [inner for inner in items if isinstance(inner, Text)]
        if key not in TOLD and texts and restates(_words(items)):
            yield texts[0].start, texts[0].end
            return
        for inner in items:
            yield from _commands(inner, key)


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _words(items: list[Any]) -> list[str]:
    return [item.value if isinstance(item, Text) else "?" for item in items]


def _lines(source: list[Any]) -> list[Text]:
    """The lines of a cell; those that share a string of the file share its place."""
    return [
        Text(line, one.start, one.end) for one in source if isinstance(one, Text) for line in one.value.splitlines()
    ]


def _in_cell(lines: list[Text]) -> Iterator[Text]:
    if lines and re.match(r"%%(?:bash|sh|script|!)", lines[0].value):
        yield from _told(lines[1:], "\n".join(line.value for line in lines[1:]))
        return
    plain: list[str] = []
    at = 0
    while at < len(lines):
        found = MAGIC.match(lines[at].value)
        if not found:
            plain.append(lines[at].value)
            at += 1
            continue
        first = at
        while lines[at].value.endswith("\\") and at + 1 < len(lines):
            at += 1
        at += 1
        plain += [" " * (len(lines[first].value) - len(lines[first].value.lstrip())) + "pass"] + [""] * (at - first - 1)
        said = "\n".join([lines[first].value[found.end() :], *(line.value for line in lines[first + 1 : at])])
        if shell_calls.find(f"sqlmesh plan {said}" if found[1] == "%plan" else said):
            yield lines[first]
    text = "\n".join(plain)
    try:
        yield from (lines[line - 1] for line, _, _ in python_calls.find(text))
    except (SyntaxError, ValueError, RecursionError):
        yield from _told(lines, text)


def _told(lines: list[Text], text: str) -> Iterator[Text]:
    return (lines[text.count("\n", 0, one.start)] for one in shell_calls.find(text))
