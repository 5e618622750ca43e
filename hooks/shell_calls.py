"""Restatements in shell text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .calls import FILLED, FLAG, PROSE, SHELLS, basename, guarded, restates
from .shell_words import ASSIGNMENT, Command, split

WRAPPERS = frozenset(
    {"sudo", "env", "time", "exec", "nohup", "command", "nice", "xargs", "timeout", "uv", "uvx", "poetry", "pipenv"}
    | {"pdm", "hatch", "rye", "python", "python3", "run", "-m", "docker", "docker-compose", "kubectl"}
)
KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "sudo", "xargs", "env", "time"})
PYTHON = re.compile(r"python[\d.]*$")
# A here-document that goes into such a file is a script; into another file it is prose.
SCRIPT = re.compile(r"\.(?:sh|bash|zsh|ksh|py)$|/cron\.\w+/|/(?:s?bin|hooks)/")
# The five fields before a command in a crontab, or `@daily`.
TIMES = re.compile(r"(?:[\d*][\d*/,\-]*|@[a-z]+)$")
MOVES = frozenset({"cd", "set", "export", "source", "."})
DEEPEST = 5


@dataclass(frozen=True)
class Found:
    """A restatement in a text, from its first character to its last, both as positions in the text."""

    start: int
    end: int


def find(text: str, depth: int = 0) -> list[Found]:
    """Every restatement in shell text."""
    if depth > DEEPEST or not _may(text):
        return []
    found: list[Found] = []
    commands = list(split(text))
    for at, command in enumerate(commands):
        into = commands[at + 1].words if command.piped and at + 1 < len(commands) else []
        found += _of(command, depth, into_shell=_is_shell(into))
    return found


def _may(text: str) -> bool:
    return "restate" in text or "plan" in text


def begins(words: list[str]) -> bool:
    """Whether words begin as a command does that runs SQLMesh: assignments and wrappers, a shell, or the program."""
    for word in words:
        name = basename(word.strip("'\"!"))
        if name in ("sqlmesh", "sqlmesh.cli.main") or name in SHELLS:
            return True
        if FILLED.match(word) and words[-1] != word:
            return True
        if not (ASSIGNMENT.match(word) or name in WRAPPERS or word.startswith("-") or TIMES.match(word)):
            return name in MOVES
    return False


def is_command(text: str) -> bool:
    """Whether a text that is only kept is a command all the same: it begins as one, or goes on so behind `&&` or `|`.

    What stands in parentheses or behind a semicolon is as often a sentence.
    """
    if not _may(text):
        return False
    ends = "&&"
    for command in split(text):
        if ends in ("&&", "||", "|") and begins(command.words):
            return bool(find(text))
        ends = command.ended_by
    return False


def keeps(text: str) -> bool:
    """Whether a text that is kept holds the long flag for a command to come: `--restate-model x`.

    A sentence that speaks of `sqlmesh plan --restate-model` is not one.
    """
    words = re.split(r"[\s=]+", text)
    return FLAG in words and "--explain" not in words and ("sqlmesh" not in text or begins(words))


def _of(command: Command, depth: int, *, into_shell: bool) -> Iterator[Found]:
    for start, inner in command.inner:  # $(...) and `...` run whatever is around them
        yield from _shifted(find(inner, depth + 1), start)
    if guarded(command.words) or _is_pattern(command):
        return
    program = _program(command.words)
    shell = _is_shell(command.words)
    for start, body in command.bodies:
        if shell or into_shell or not program or any(SCRIPT.search(name) for name in (*command.files, *command.words)):
            yield from _shifted(find(body, depth + 1), start)
        if any(PYTHON.match(basename(word)) for word in command.words):
            yield from _shifted(_python(body), start)
    if program in PROSE:
        if into_shell:
            yield from (Found(command.start, command.end) for word in command.words[1:] if find(word, depth + 1))
        return
    if _restates(command, program, depth, shell=shell):
        yield Found(command.start, command.end)


def _restates(command: Command, program: str, depth: int, *, shell: bool) -> bool:
    words = command.words
    if restates(words) or any(_in_assignment(word) for word in words):
        return True
    if shell or program == "alias":  # bash -c "..."
        return any(find(word.partition("=")[2] if program == "alias" else word, depth + 1) for word in words[1:])
    code = words[words.index("-c") + 1 :] if "-c" in words and PYTHON.match(program) else []
    return bool(code) and bool(_python(code[0]))


def _python(text: str) -> list[Found]:
    """Restatements in Python that a shell is given; text that is no Python is none."""
    from . import python_calls

    try:
        places = python_calls.find(text)
    except (SyntaxError, ValueError, RecursionError):
        return find(text, DEEPEST)
    starts = [0, *(found.end() for found in re.finditer("\n", text)), len(text)]
    return [Found(starts[line - 1] + offset - 1, starts[last] - 1) for line, offset, last in places]


def _is_pattern(command: Command) -> bool:
    """`--restate-model)` in a `case`."""
    return len(command.words) == 1 and command.words[0].startswith(FLAG) and command.ended_by in (")", "|")


def _is_shell(words: list[str]) -> bool:
    return _program(words) not in PROSE and any(basename(word) in SHELLS for word in words)


def _shifted(found: list[Found], by: int) -> Iterator[Found]:
    return (Found(one.start + by, one.end + by) for one in found)


def _in_assignment(word: str) -> bool:
    """`FLAGS="--restate-model x"`, `COMMAND="sqlmesh plan -r x"`: kept for a command to come."""
    name = ASSIGNMENT.match(word)
    return name is not None and (keeps(word[name.end() :]) or is_command(word[name.end() :]))


def _program(words: list[str]) -> str:
    """The first word that is no assignment, no keyword and no wrapper that runs what follows."""
    return next((basename(word) for word in words if not ASSIGNMENT.match(word) and word not in KEYWORDS), "")
