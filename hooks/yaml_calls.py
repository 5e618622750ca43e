"""Restatements in YAML: workflows, Taskfiles, CI jobs, and any other text or list of texts that is a command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import shell_calls
from .calls import restates

# Below these keys a text is a script, whatever it begins with.
SCRIPTS = frozenset(
    {"run", "script", "before_script", "after_script", "cmd", "cmds", "command", "commands", "entry", "entrypoint"}
    | {"args", "sh", "deps", "preconditions", "status", "shell", "exec", "runcmd", "defer"}
)
# And these are prose, whatever they say.
PROSE = frozenset({"name", "description", "desc", "summary", "title", "help", "message", "comment", "doc", "reason"})
GITHUB = re.compile(r"(^|/)\.github/")


def find(text: str, file: str) -> list[tuple[int, int, int]]:
    """`(line, offset, last line)` of every restatement; raises ruamel's `YAMLError` for text that is no YAML.

    In a workflow only `run:` is a script; everywhere else a text below another key counts when it begins as a command.
    """
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    only_run = bool(GITHUB.search(file.replace("\\", "/")))
    found: dict[tuple[int, int], int] = {}
    for document in _documents(yaml, text):
        for line, offset, last in _walk(document, "", text.splitlines(), only_run, ()):
            found.setdefault((line, offset), last)
    return [(line, offset, last) for (line, offset), last in sorted(found.items())]


def _documents(yaml: Any, text: str) -> Iterator[Any]:
    loader, parser = yaml.get_constructor_parser(text)
    composer = loader if hasattr(loader, "check_node") else loader.composer
    try:
        while composer.check_node():
            yield composer.get_node()
    finally:
        parser.dispose()


def _walk(
    node: Any, key: str, lines: list[str], only_run: bool, above: tuple[int, ...]
) -> Iterator[tuple[int, int, int]]:
    if node is None or id(node) in above:
        return
    around = (*above, id(node))
    if node.id == "mapping":
        for name, value in node.value:
            yield from _walk(value, name.value if name.id == "scalar" else "", lines, only_run, around)
    elif node.id == "sequence":
        words = [item.value if item.id == "scalar" else "?" for item in node.value]
        if not only_run and key not in PROSE and restates(words):
            last = _last(node.value[-1])
            yield node.start_mark.line + 1, node.start_mark.column + 1, last
            return
        for item in node.value:
            yield from _walk(item, key, lines, only_run, around)
    elif key not in PROSE and _is_script(str(node.value), key, only_run=only_run):
        yield from _in_scalar(node, lines)


def _is_script(text: str, key: str, *, only_run: bool) -> bool:
    return key == "run" if only_run else (key in SCRIPTS or shell_calls.begins(text.split()))


def _in_scalar(node: Any, lines: list[str]) -> Iterator[tuple[int, int, int]]:
    """Places in the file; a literal block is read as it stands there, so that its lines keep their numbers."""
    if node.style not in ("|", ">"):
        if shell_calls.find(node.value):
            yield node.start_mark.line + 1, node.start_mark.column + 1, _last(node)
        return
    first, end = int(node.start_mark.line) + 1, _last(node)
    raw = "\n".join(lines[first:end])
    if node.style == ">":
        # A folded block joins its lines with blanks: as a shell would with a continuation.
        raw = re.sub(r"\n(?=[ \t]*\S)", " ", raw)
        if shell_calls.find(raw):
            yield first + 1, _indent(lines[first]) + 1, end
        return
    for one in shell_calls.find(raw):
        begins = raw.rfind("\n", 0, one.start) + 1
        line = first + 1 + raw.count("\n", 0, one.start)
        yield line, one.start - begins + 1, first + 1 + raw.count("\n", 0, max(one.end - 1, one.start))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last(node: Any) -> int:
    """The last line of a node (from 1); the end of a block lies at the beginning of the line after it."""
    mark = node.end_mark
    return max(mark.line if mark.column == 0 and mark.line > node.start_mark.line else mark.line + 1, 1)
