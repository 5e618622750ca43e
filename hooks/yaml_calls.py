"""Restatements in YAML: workflows, Taskfiles, CI jobs, and any other text or list of texts that is a command."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from . import python_calls, shell_calls
from .calls import FLAG, restates

# Below these keys a text is a script, whatever it begins with.
SCRIPTS = frozenset(
    {"run", "script", "before_script", "after_script", "cmd", "cmds", "command", "commands", "entry"}
    | {"entrypoint", "args", "sh", "deps", "preconditions", "status", "shell", "exec", "runcmd", "defer"}
)
# And these are prose, whatever they say.
PROSE = frozenset({"name", "description", "desc", "summary", "title", "help", "message", "comment", "doc", "reason"})
PROGRAMS = ("command", "entrypoint", "entry")
# What YAML takes for the end of a line.
BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
GITHUB = re.compile(r"(^|/)\.github/")
Place = tuple[int, int, int]


def find(text: str, file: str) -> list[Place]:
    """`(line, offset, last line)` of every restatement; raises ruamel's `YAMLError` for text that is no YAML.

    In a workflow only `run:` is a script; everywhere else a text below another key counts when it begins as a command.
    A value that begins with the long flag counts everywhere: it is kept for a command to come.
    """
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    only_run = bool(GITHUB.search(file.replace("\\", "/")))
    found: dict[tuple[int, int], int] = {}
    for document in _documents(yaml, text):
        for line, offset, last in _walk(document, "", BREAK.split(text), only_run, set()):
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


def _walk(node: Any, key: str, lines: list[str], only_run: bool, seen: set[int]) -> Iterator[Place]:
    if node is None or id(node) in seen:  # an alias stands for a node that was looked at, or that holds it
        return
    seen.add(id(node))
    if node.id == "mapping":
        pairs = [(name.value if name.id == "scalar" else "", value) for name, value in node.value]
        yield from _in_two(dict(pairs))
        python = any(name == "shell" and str(value.value).startswith("python") for name, value in pairs)
        for name, value in pairs:
            if python and name == "run" and value.id == "scalar":
                yield from _python(value, lines)
            else:
                yield from _walk(value, name, lines, only_run, seen)
    elif node.id == "sequence":
        if not only_run and key not in PROSE and restates(_words(node)):
            yield _start(node, _last(node.value[-1]))
            return
        for item in node.value:
            yield from _walk(item, key, lines, only_run, seen)
    elif str(node.value).startswith(FLAG) and node.style not in ("|", ">"):
        if "--explain" not in str(node.value):
            yield _start(node, _last(node))
    elif key not in PROSE and _is_script(str(node.value), key, only_run=only_run):
        yield from _in_scalar(node, lines)


def _in_two(pairs: dict[str, Any]) -> Iterator[Place]:
    """A program below one key and its arguments below another: containers, hooks, build steps."""
    args = pairs.get("args")
    program = next((pairs[name] for name in PROGRAMS if name in pairs), None)
    if args is None or program is None or args.id != "sequence":
        return
    before, after = _words(program), _words(args)
    if restates([*before, *after]) and not restates(before) and not restates(after):
        yield _start(args, _last(args))


def _words(node: Any) -> list[str]:
    if node.id == "scalar":
        return str(node.value).split()
    return [item.value if item.id == "scalar" else "?" for item in node.value] if node.id == "sequence" else []


def _is_script(text: str, key: str, *, only_run: bool) -> bool:
    if only_run:
        return key == "run"
    return key in SCRIPTS or text.startswith("#!") or shell_calls.is_command(text)


def _python(node: Any, lines: list[str]) -> Iterator[Place]:
    """`shell: python` of a workflow."""
    first, end = int(node.start_mark.line) + 1, _last(node)
    try:
        found = python_calls.find(node.value)
    except (SyntaxError, ValueError, RecursionError):
        found = []
        if shell_calls.find(node.value):
            yield _start(node, end)
    for line, _, last in found:
        if node.style == "|" and first + line <= len(lines):
            yield first + line, _indent(lines[first + line - 1]) + 1, first + last
        else:
            yield _start(node, end)


def _in_scalar(node: Any, lines: list[str]) -> Iterator[Place]:
    """Places in the file; a literal block is read as it stands there, so that its lines keep their numbers."""
    if node.style not in ("|", ">"):
        if shell_calls.find(node.value):
            yield _start(node, _last(node))
        return
    first, end = int(node.start_mark.line) + 1, _last(node)
    raw = "\n".join(lines[first:end])
    if node.style == ">":
        # A folded block joins its lines with blanks: as a shell would with a continuation.
        raw = re.sub(r"\n(?=[ \t]*\S)", " ", raw)
        if shell_calls.find(raw):
            yield first + 1, _indent(lines[first]) + 1, end
        return
    # Without its indentation, or the end of a here-document is not seen.
    plain = textwrap.dedent(raw)
    for one in shell_calls.find(plain):
        begins = plain.rfind("\n", 0, one.start) + 1
        line = first + plain.count("\n", 0, one.start)
        width = _indent(lines[line]) - _indent(plain[begins:].partition("\n")[0])
        yield line + 1, one.start - begins + width + 1, first + 1 + plain.count("\n", 0, max(one.end - 1, one.start))


def _start(node: Any, last: int) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1, last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _last(node: Any) -> int:
    """The last line of a node (from 1); the end of a block lies at the beginning of the line after it."""
    mark = node.end_mark
    return max(mark.line if mark.column == 0 and mark.line > node.start_mark.line else mark.line + 1, 1)
