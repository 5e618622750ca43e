"""Python programs with a parser that can be asked: Soda, dlt, pre-commit, pip, uv, Nox, and Python itself."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.conformance.checkers import CHECKERS, Wrong, checks, judge, load
from tests.conformance.machine import by_help, by_help_of_verb
from tests.conformance.own import SCRIPTS
from tests.conformance.texts import ROOT, WORD


def quietly(read: Callable[[], Any], program: str) -> Any:
    """Read words with a parser that ends the process when it does not like them."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            return read()
        except SystemExit as end:
            if not end.code:
                return None
    lines = [line for line in told.getvalue().splitlines() if line.strip()]
    raise Wrong(lines[-1] if lines else f"{program} refuses it")


@checks("soda")
def soda(words: Sequence[str]) -> None:
    """Soda's own argparse."""
    parser = load("soda_core.cli.cli").create_cli_parser()
    quietly(lambda: parser.parse_known_args(words) if _mention(words) else parser.parse_args(words), "soda")


@cache
def _captured(module: str, name: str, program: str) -> argparse.ArgumentParser:
    """The parser that a `main` makes for itself: the last one asked to parse."""
    made: list[argparse.ArgumentParser] = []

    def caught(self: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        made.append(self)
        raise KeyboardInterrupt

    main = getattr(load(module), name)
    with (
        patch.object(argparse.ArgumentParser, "parse_args", caught),
        patch.object(sys, "argv", [program, "x"]),
        contextlib.suppress(KeyboardInterrupt, SystemExit),
    ):
        main(["x"]) if program == "pre-commit" else main()
    if not made:
        raise AssertionError(f"{program} made no parser")
    return made[-1]


MAINS = {"pre-commit": ("pre_commit.main", "main"), "dlt": ("dlt._workspace.cli._dlt", "_main")}


def _parser(program: str) -> argparse.ArgumentParser:
    return _captured(*MAINS[program], program)


def choices(program: str) -> frozenset[str]:
    """The first words that pre-commit or dlt knows."""
    each = (action.choices for action in _parser(program)._actions if action.nargs == argparse.PARSER)
    return frozenset(name for known in each for name in known or ())


@checks("pre-commit")
def pre_commit(words: Sequence[str]) -> None:
    """pre-commit's argparse."""
    parser = _parser("pre-commit")
    quietly(lambda: parser.parse_args(list(words)), "pre-commit")


@checks("dlt")
def dlt(words: Sequence[str]) -> None:
    """dlt's argparse."""
    parser = _parser("dlt")
    quietly(lambda: parser.parse_args(list(words)), "dlt")


@checks("pip")
def pip(words: Sequence[str]) -> None:
    """pip's own option parser; what is to be installed is a requirement that packaging can read."""
    from packaging.requirements import Requirement

    commands = load("pip._internal.commands")
    if words[0] not in commands.commands_dict:
        raise Wrong(f"pip has no command {words[0]}")
    parser = commands.create_command(words[0]).parser
    options, given = quietly(lambda: parser.parse_args(list(words[1:])), "pip")
    for word in given:
        own = Requirement(word)
        if own.name == "ops-tasks":
            extras(own.extras)
    for editable in getattr(options, "editables", []):
        extras(set(re.findall(r"[\w-]+", editable.partition("[")[2])))


def extras(names: set[str]) -> None:
    import tomllib

    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    if unknown := names - {WORD} - set(known):
        raise Wrong(f"ops-tasks has no extra {', '.join(sorted(unknown))}")


@checks("uv")
def uv(words: Sequence[str]) -> None:
    """uv's help for the command; what `uv run` runs is judged by itself."""
    if list(words[:1]) == ["run"]:
        judge(words[1:])
    else:
        by_help_of_verb("uv", words)


@checks("nox")
def nox(words: Sequence[str]) -> None:
    """Nox's options, and a session of that name in the noxfile or among those we offer."""
    options = load("nox._options").options
    before = list(words[: words.index("--")]) if "--" in words else list(words)
    with patch.object(sys, "argv", ["nox", *before]):
        found = quietly(options.parse_args, "nox")
    text = (ROOT / "noxfile.py").read_text()
    known = set(re.findall(r"@nox\.session.*\ndef (\w+)", text))
    known |= set(re.findall(r'name="([\w-]+)"', (ROOT / "ops_tasks" / "nox.py").read_text()))
    if unknown := set(found.sessions or ()) - known:
        raise Wrong(f"there is no session {', '.join(sorted(unknown))}")


MODULES = {
    "pip": "pip",
    "nox": "nox",
    "pre_commit": "pre-commit",
    "sqlmesh.cli.main": "sqlmesh",
    "dagster": "dagster",
    "dagster._daemon": "dagster-daemon",
    "invoke": "invoke",
    "ops_tasks.program": "ops",
    **{f"ops_hooks.{module}": script for script, module in SCRIPTS.items()},
    **{f"hooks.{module}": script for script, module in SCRIPTS.items()},
}


@checks("python", "python3")
def python(words: Sequence[str]) -> None:
    """Python's own flags; behind `-m` the program that a module is, behind `-c` what compiles."""
    ahead = list(words)
    while ahead and ahead[0].startswith("-"):
        flag = ahead.pop(0)
        if flag in ("-c", "-m") and not ahead:
            return
        if flag == "-c":
            if ahead[0] != WORD:
                compile(ahead[0], "<-c>", "exec")
            if "ops_tasks.program import main" in ahead[0]:
                CHECKERS["ops"](ahead[1:])
            return
        if flag == "-m":
            _module(ahead)
            return
        by_help("python", [flag])
    if ahead and ahead[0].endswith(".py") and not (ROOT / ahead[0]).is_file():
        raise Wrong(f"there is no {ahead[0]}")


def _module(words: Sequence[str]) -> None:
    import importlib.util

    if words[0] in MODULES:
        judge([MODULES[words[0]], *words[1:]])
    if words[0] in MODULES or words[0] == WORD:
        return
    places = [ROOT, ROOT / "sandbox" / "template"]
    name = Path(*words[0].split("."))
    here = any((place / name).with_suffix(".py").is_file() or (place / name).is_dir() for place in places)
    if not here and importlib.util.find_spec(words[0].split(".")[0]) is None:
        raise Wrong(f"there is no module {words[0]}")
    top = importlib.util.find_spec(words[0]) if "." not in words[0] and not here else None
    if top is None or not top.submodule_search_locations:
        return
    load(words[0])  # as `find_spec` would, with an ear for its warnings
    if importlib.util.find_spec(f"{words[0]}.__main__") is None:
        raise Wrong(f"{words[0]} is a package and cannot be directly executed")


def _mention(words: Sequence[str]) -> bool:
    return not any(word.startswith("-") for word in words)
