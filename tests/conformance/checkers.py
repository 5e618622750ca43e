"""Program -> what judges a command line of it. A program that is not here is a finding by itself."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import PurePath
from typing import Any

Checker = Callable[[Sequence[str]], None]
CHECKERS: dict[str, Checker] = {}
VALUELESS = re.compile(r"requires an argument|requires a value|expected one argument|needed value")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.S)


class Wrong(Exception):
    """The installed tool would not take this command line."""


class Absent(Exception):
    """The program is not installed here: nothing can be said."""


def checks(*programs: str) -> Callable[[Checker], Checker]:
    """Register a judge: it gets the words behind the program's name and raises `Wrong`, or `Absent`."""

    def register(checker: Checker) -> Checker:
        CHECKERS.update(dict.fromkeys(programs, checker))
        return checker

    return register


def load(module: str) -> Any:
    """Import a tool's module; what the tool warns of while it is imported is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(module)


def judge(words: Sequence[str]) -> None:
    """Let the judge of the program look at a command line; variables before it are not part of it."""
    rest = list(words)
    while rest and ASSIGNMENT.fullmatch(rest[0]):
        rest.pop(0)
    if not rest:
        return
    name = PurePath(rest[0]).name
    if name not in CHECKERS:
        raise Wrong(f"nobody checks {name!r}")
    CHECKERS[name](rest[1:])


def judge_mention(words: Sequence[str]) -> None:
    """The same for code within a sentence, where the last flag may stand without its value."""
    try:
        judge(words)
    except Wrong as wrong:
        if not words[-1].startswith("-") or not VALUELESS.search(str(wrong)):
            raise
        judge([*words, "word"])
