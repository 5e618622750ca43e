"""The commands of the package's own sources: in its plans, in what it prints, and in its docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tests.conformance import argued, clicks, machine
from tests.conformance.commands import Command, prose, shell
from tests.conformance.texts import WORD, Text, texts

OURS = ("invoke", "inv", "ops")


@cache
def verbs(program: str) -> frozenset[str]:
    """The first words that a program knows, where it has such."""
    if program in clicks.PROGRAMS:
        return clicks.verbs(program)
    if program in argued.MAINS:
        return argued.choices(program)
    return machine.verbs() if program == "git" else frozenset()


def equivalents() -> Iterator[Command]:
    """What a step of a plan says that a person would type."""
    for text in _of("equivalent"):
        for line in filter(None, map(str.strip, text.text.splitlines())):
            yield from shell(text.where, line)


def messages() -> Iterator[Command]:
    """What is printed: ways out, reasons, notes, headers, usage lines."""
    for text in (*_of(""), *(text for text in _of("argument") if " " in text.text)):
        for command in prose(text.where, text.text):
            # "git {verb} failed": which verb, is not known here; where it is given, it is in a list of arguments.
            if command.words[1:2] != (WORD,) or _has_flag(command) or command.program in OURS:
                yield command


def docstrings() -> Iterator[Command]:
    """What docstrings show. They are prose about programs, too: a command has a flag, or begins with a known verb."""
    for text in _of("docstring"):
        for command in prose(text.where, text.text):
            ours = command.program in OURS
            if ours or _has_flag(command) or (command.words[1:2] and command.words[1] in verbs(command.program)):
                yield command


def _has_flag(command: Command) -> bool:
    return any(re.match(r"--?[a-z]", word) for word in command.words)


def _of(role: str) -> Iterator[Text]:
    return (text for text in texts() if text.role == role)
