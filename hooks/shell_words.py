"""Cuts shell text into simple commands, as far as that can be done without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
HEREDOC = re.compile(r"<<(?!<)(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|(\\?)([^\s;|&()<>'\"`\\]+))")
REDIRECT = re.compile(r"\d*(?:>>|>\||>&|<&|<>|>(?!\()|<(?![<(]))|&>>?")
ESCAPES = re.compile(r'\\(["$`\\])')
CONTINUED = re.compile(r"\\\r?\n")
BREAKS = "\n;|&()"


@dataclass
class Command:
    """One simple command: its words, where it stands in the text, and what ends it.

    `bodies` are here-documents, `inner` are substitutions: each with its position in the text. `files` are what is
    redirected to or from.
    """

    words: list[str] = field(default_factory=list[str])
    start: int = -1
    end: int = 0
    ended_by: str = ""
    files: list[str] = field(default_factory=list[str])
    bodies: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    inner: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    @property
    def piped(self) -> bool:
        """Whether the output goes into the next command."""
        return self.ended_by == "|"


@dataclass(frozen=True)
class _Pending:
    """A here-document whose body begins on the next line."""

    command: Command
    mark: str
    dashed: bool
    literal: bool


def split(text: str) -> Iterator[Command]:
    """The simple commands; quotes are taken off, line continuations joined, comments and redirections left out.

    A quote that is never closed stands for itself, so that prose around a command cannot hide it.
    """
    command, word = Command(), None
    at, pending, array, redirected = 0, list[_Pending](), 0, False
    last_sum, open_marks = text.rfind("))"), set[tuple[str, bool]]()

    def close() -> None:
        nonlocal word, redirected
        if word is not None:
            (command.files if redirected else command.words).append(word)
            command.end = at
            word, redirected = None, False

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
        elif text.startswith("$'", at) and (end := _single(text, at + 2)) >= 0:
            word = (word or "") + re.sub(r"\\(.)", r"\1", text[at + 2 : end])
            at = end + 1
        elif char == "'" and (end := text.find("'", at + 1)) >= 0:
            word = (word or "") + text[at + 1 : end]
            at = end + 1
        elif char == '"' and (end := _quoted(text, at + 1)) >= 0:
            inside = text[at + 1 : end]
            command.inner += substitutions(inside, at + 1)
            word = (word or "") + CONTINUED.sub("", ESCAPES.sub(r"\1", inside))
            at = end + 1
        elif text.startswith("${", at) and (end := text.find("}", at)) >= 0 and "\n" not in text[at:end]:
            word = (word or "") + text[at : end + 1]
            at = end + 1
        elif text.startswith(("$(", "<(", ">("), at) or char == "`":
            end = _closed(text, at + 2) if char != "`" else text.find("`", at + 1)
            end = len(text) if end < 0 else end
            start = at + (1 if char == "`" else 2)
            command.inner.append((start, text[start:end]))
            word = (word or "") + text[at : end + 1]
            at = end + 1
        elif text.startswith("((", at) and at < last_sum and word is None and not command.words:
            at = text.find("))", at) + 2
        elif char == "(" and word and ASSIGNMENT.fullmatch(word):
            command.words.append("?")
            word, array, at = None, array + 1, at + 1
        elif char == ")" and array:
            close()
            array, at = array - 1, at + 1
        elif array and char == "\n":
            close()
            at += 1
        elif text.startswith("<<<", at):
            close()
            at += 3
        elif found := HEREDOC.match(text, at):
            close()
            mark = found[2] or found[3] or found[5]
            pending.append(_Pending(command, mark, bool(found[1]), bool(found[2] or found[3] or found[4])))
            at = found.end()
        elif (found := REDIRECT.match(text, at)) and (word is None or not char.isdigit()):
            close()
            at, redirected = found.end(), True
        elif char in BREAKS:
            close()
            command.ended_by = text[at : at + 2] if text[at : at + 2] in ("||", "&&", ";;") else char
            at += 1
            if _is_any(command, pending):
                command.end = max(command.end, command.start)
                yield command
            command = Command()
            if char == "\n" and pending:
                at = _bodies(text, at, pending, open_marks)
                pending = []
        elif char.isspace():
            close()
            at += 1
        else:
            word = (word or "") + char
            at += 1
    close()
    if _is_any(command, pending):
        yield command


def _is_any(command: Command, pending: list[_Pending]) -> bool:
    return bool(command.words or command.inner) or any(one.command is command for one in pending)


def _bodies(text: str, at: int, pending: list[_Pending], open_marks: set[tuple[str, bool]]) -> int:
    """Give each waiting command the body of its here-document; returns where the text goes on.

    One that nothing closes is none: what looks like it (`1 << x`) must not hide the rest of the text. `open_marks` are
    those that nothing closes, so that the text is searched for each of them once.
    """
    for one in pending:
        begin = at
        if (one.mark, one.dashed) in open_marks:
            continue
        while at < len(text):
            end = text.find("\n", at)
            line = text[at : len(text) if end < 0 else end]
            after = len(text) if end < 0 else end + 1
            if (line.lstrip("\t") if one.dashed else line).rstrip("\r") == one.mark:
                body = text[begin:at]
                one.command.bodies.append((begin, body))
                if not one.literal:
                    one.command.inner += substitutions(body, begin)
                at = after
                break
            at = after
        else:
            open_marks.add((one.mark, one.dashed))
            at = begin
    return at


def _single(text: str, at: int) -> int:
    """Where a `$'...'` ends; -1 for nowhere."""
    while at < len(text) and text[at] != "'":
        at += 2 if text[at] == "\\" else 1
    return at if at < len(text) else -1


def _quoted(text: str, at: int) -> int:
    """Where a double-quoted text ends; -1 for nowhere."""
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 2
        elif text.startswith("$(", at):
            end = _closed(text, at + 2)
            at = len(text) if end < 0 else end + 1
        else:
            at += 1
    return at if at < len(text) else -1


def _closed(text: str, at: int) -> int:
    """Where a `$(` is closed, quotes and inner parentheses passed over; -1 for nowhere."""
    deep = 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "'":
            at = max(text.find("'", at + 1), at)
        elif char == '"':
            at = max(_quoted(text, at + 1), at)
        elif char == "(":
            deep += 1
        elif char == ")":
            deep -= 1
            if not deep:
                return at
        at += 1
    return -1


def substitutions(inside: str, by: int) -> Iterator[tuple[int, str]]:
    """The `$(...)` and `...` inside of a quoted text or a here-document."""
    at = 0
    while at < len(inside):
        if inside[at] == "\\":
            at += 1
        elif inside.startswith("$(", at):
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
