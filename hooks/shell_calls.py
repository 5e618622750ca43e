"""Restatements in shell text: commands split as a shell splits them, as far as that can be done without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .calls import FLAG, PROSE, SHELLS, basename, restates

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
HEREDOC = re.compile(r"<<(-?)[ \t]*(['\"\\]?)([A-Za-z_][A-Za-z0-9_]*)")
WRAPPERS = frozenset(
    {"sudo", "env", "time", "exec", "nohup", "command", "nice", "xargs", "timeout", "uv", "uvx", "poetry", "pipenv"}
    | {"pdm", "hatch", "rye", "python", "python3", "run", "-m", "docker", "docker-compose", "kubectl"}
)
BREAKS = "\n;|&()"
DEEPEST = 5


@dataclass
class Command:
    """One simple command: its words, where it stands in the text, and whether its output goes into a shell."""

    words: list[str] = field(default_factory=list[str])
    start: int = -1
    end: int = 0
    piped: bool = False
    bodies: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    inner: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


@dataclass(frozen=True)
class Found:
    """A restatement in a text, from its first character to its last, both as positions in the text."""

    start: int
    end: int


def find(text: str, depth: int = 0) -> list[Found]:
    """Every restatement in shell text."""
    if depth > DEEPEST or ("sqlmesh" not in text and "restate" not in text):
        return []
    found: list[Found] = []
    commands = list(split(text))
    for at, command in enumerate(commands):
        into = commands[at + 1] if command.piped and at + 1 < len(commands) else None
        found += _of(command, depth, into_shell=into is not None and _program(into.words) in SHELLS)
    return found


def _of(command: Command, depth: int, *, into_shell: bool) -> Iterator[Found]:
    for start, inner in command.inner:  # $(...) and `...` run whatever is around them
        yield from _shifted(find(inner, depth + 1), start)
    program = _program(command.words)
    shell = program in SHELLS or any(basename(word) in SHELLS for word in command.words)
    for start, body in command.bodies:
        if shell or into_shell:
            yield from _shifted(find(body, depth + 1), start)
    if program in PROSE:
        if into_shell:
            yield from (Found(command.start, command.end) for word in command.words[1:] if find(word, depth + 1))
        return
    given = (word for word in command.words if shell and " " in word)  # bash -c "..."
    kept = any(_in_assignment(word) for word in command.words)
    if kept or restates(command.words) or any(find(word, depth + 1) for word in given):
        yield Found(command.start, command.end)


def _shifted(found: list[Found], by: int) -> Iterator[Found]:
    return (Found(one.start + by, one.end + by) for one in found)


def _in_assignment(word: str) -> bool:
    """`FLAGS="--restate-model x"`: the flag is kept for a command to come."""
    name = ASSIGNMENT.match(word)
    return name is not None and FLAG in re.split(r"[\s=]+", word[name.end() :]) and "--explain" not in word


def _program(words: list[str]) -> str:
    """The first word that is no assignment."""
    return next((basename(word) for word in words if not ASSIGNMENT.match(word)), "")


def split(text: str) -> Iterator[Command]:
    """Cut a text into simple commands; quotes are taken off, line continuations joined, comments left out."""
    command, word = Command(), None
    at, pending = 0, list[tuple[Command, str, bool]]()

    def close() -> None:
        nonlocal word
        if word is not None:
            command.words.append(word)
            command.end = at
            word = None

    while at < len(text):
        char = text[at]
        joined = char == "\\" and text[at + 1 : at + 2] in ("\r", "\n")
        if word is None and command.start < 0 and not char.isspace() and char not in BREAKS and not joined:
            command.start = at
        if char == "\\" and at + 1 < len(text):
            if text[at + 1] not in "\r\n":
                word = (word or "") + text[at + 1]
            at += 3 if text[at + 1 : at + 3] == "\r\n" else 2
        elif char == "#" and word is None:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            if not command.words:
                command.start = -1
        elif char == "'":
            end = text.find("'", at + 1)
            end = len(text) if end < 0 else end
            word = (word or "") + text[at + 1 : end]
            at = end + 1
        elif char == '"':
            end = _quoted(text, at + 1)
            inside = text[at + 1 : end]
            command.inner += _substitutions(inside, at + 1)
            word = (word or "") + re.sub(r"\\\r?\n", "", re.sub(r'\\(["$`\\])', r"\1", inside))
            at = end + 1
        elif text.startswith("$(", at) or char == "`":
            end = _closed(text, at + 2) if char == "$" else text.find("`", at + 1)
            end = len(text) if end < 0 else end
            start = at + (2 if char == "$" else 1)
            command.inner.append((start, text[start:end]))
            word = (word or "") + text[at : end + 1]
            at = end + 1
        elif (found := HEREDOC.match(text, at)) and not text.startswith("<<<", at):
            close()
            pending.append((command, found[3], bool(found[1])))
            at = found.end() + (1 if found[2] and found[2] != "\\" else 0)
        elif char in BREAKS:
            close()
            piped = char == "|" and not text.startswith("||", at)
            at += 1
            if command.words or command.inner:
                command.piped = piped
                command.end = max(command.end, command.start)
                yield command
            command = Command()
            if char == "\n" and pending:
                at = _bodies(text, at, pending)
                pending = []
        elif char.isspace():
            close()
            at += 1
        else:
            word = (word or "") + char
            at += 1
    close()
    if command.words or command.inner:
        yield command


def _bodies(text: str, at: int, pending: list[tuple[Command, str, bool]]) -> int:
    """Give each waiting command the body of its here-document; returns where the text goes on."""
    for command, mark, dashed in pending:
        begin = at
        while at < len(text):
            end = text.find("\n", at)
            line = text[at : len(text) if end < 0 else end]
            after = len(text) if end < 0 else end + 1
            if (line.lstrip("\t") if dashed else line).rstrip("\r") == mark:
                command.bodies.append((begin, text[begin:at]))
                at = after
                break
            at = after
        else:
            command.bodies.append((begin, text[begin:]))
    return at


def _quoted(text: str, at: int) -> int:
    """Where a double-quoted text ends."""
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 2
        elif text.startswith("$(", at):
            end = _closed(text, at + 2)
            at = len(text) if end < 0 else end + 1
        else:
            at += 1
    return min(at, len(text))


def _closed(text: str, at: int) -> int:
    """Where a `$(` is closed, quotes and inner parentheses passed over; -1 for nowhere."""
    deep = 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "'":
            end = text.find("'", at + 1)
            at = len(text) if end < 0 else end
        elif char == '"':
            at = _quoted(text, at + 1)
        elif char == "(":
            deep += 1
        elif char == ")":
            deep -= 1
            if not deep:
                return at
        at += 1
    return -1


def _substitutions(inside: str, by: int) -> Iterator[tuple[int, str]]:
    """The `$(...)` and `...` inside of a quoted text."""
    at = 0
    while at < len(inside):
        if inside.startswith("$(", at):
            end = _closed(inside, at + 2)
            end = len(inside) if end < 0 else end
            yield by + at + 2, inside[at + 2 : end]
            at = end
        elif inside[at] == "`":
            end = inside.find("`", at + 1)
            end = len(inside) if end < 0 else end
            yield by + at + 1, inside[at + 1 : end]
            at = end
        at += 1


def begins(words: list[str]) -> bool:
    """Whether words begin as a command does that runs SQLMesh: assignments and wrappers, a shell, or the program."""
    for word in words:
        name = basename(word.strip("'\""))
        if name in ("sqlmesh", "sqlmesh.cli.main") or name in SHELLS:
            return True
        if not (ASSIGNMENT.match(word) or name in WRAPPERS or word.startswith(("-", "$"))):
            return name in ("cd", "set", "export", "source", ".")
    return False
