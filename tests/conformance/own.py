"""Our own programs, judged by their own parsers: Invoke's, and those of the scripts."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, cast

from tests.conformance.checkers import CHECKERS, Wrong, checks
from tests.conformance.texts import ROOT, WORD

SCRIPTS = {
    "ops-large-files": "large_files",
    "ops-schema-gate": "schema_gate",
    "ops-contract-lint": "contract_lint",
    "ops-restate-guard": "restate_guard",
}


@cache
def collection(name: str) -> Any:
    """What `invoke` finds in this repository, what it finds with the plugin alone, and what `ops` has."""
    from ops_tasks.namespaces import ns

    if name == "plugin":
        return ns
    if name == "ops":
        from ops_tasks.program import namespace

        return namespace(ns)
    return cast("Any", import_module("tasks")).ns


@cache
def _initial() -> Any:
    from invoke.program import Program

    return Program(namespace=collection("invoke")).initial_context


@cache
def _contexts(name: str) -> dict[str, Any]:
    """Every task of a collection by its names, aliases included."""
    return {called: one for one in collection(name).to_contexts() for called in (one.name, *one.aliases)}


@cache
def incidents() -> frozenset[str]:
    """What `sandbox.break` knows."""
    return frozenset(import_module("sandbox.breaks").registry())


def parse(name: str, words: Sequence[str]) -> None:
    """Let Invoke's own parser read a command line; where a task's name is open, one of the collection takes it."""
    if not words or not words[0].endswith(f".{WORD}"):
        _parse(name, words)
        return
    wrong = Wrong(f"there is no task {words[0]}")
    for one in _contexts(name):
        if one.startswith(words[0].removesuffix(WORD)):
            try:
                _parse(name, [one, *words[1:]])
                return
            except Wrong as refused:
                wrong = refused
    raise wrong


def _parse(name: str, words: Sequence[str]) -> None:
    from invoke.exceptions import ParseError
    from invoke.parser import Parser

    known = _contexts(name)
    if len(words) == 1 and not words[0].startswith("-"):
        if words[0] not in known:
            raise Wrong(f"there is no task {words[0]}")
        return
    # Invoke copies every context it is given, for every line: it gets those that the line may mean.
    contexts = {id(known[word]): known[word] for word in words if word in known}
    try:
        found = Parser(initial=_initial(), contexts=contexts.values()).parse_argv(list(words))
    except (ParseError, ValueError) as error:
        raise Wrong(str(error)) from None
    if found.unparsed:
        raise Wrong(f"not read: {found.unparsed}")
    if list(words[:1]) == ["sandbox.break"] and words[1:] and words[1] not in incidents() | {WORD}:
        raise Wrong(f"nothing breaks {words[1]}")


for _name, _which in {"invoke": "invoke", "inv": "invoke", "ops": "ops"}.items():
    CHECKERS[_name] = partial(parse, _which)


@cache
def parser_of(script: str) -> Any:
    """The argparse parser that a script makes for itself."""
    import argparse

    class Made(Exception):
        pass

    def caught(self: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        raise Made(self)

    kept = argparse.ArgumentParser.parse_known_args
    argparse.ArgumentParser.parse_known_args = cast("Any", caught)
    try:
        import_module(f"hooks.{SCRIPTS[script]}").main([])
    except Made as made:
        return made.args[0]
    finally:
        argparse.ArgumentParser.parse_known_args = kept
    raise AssertionError(f"{script} reads no arguments")


def _script(script: str, words: Sequence[str]) -> None:
    told = io.StringIO()
    before = list(words[: words.index("--")]) if script == "ops-restate-guard" and "--" in words else list(words)
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        try:
            parser_of(script).parse_args(before)
        except SystemExit as end:
            if end.code:
                raise Wrong(told.getvalue().strip().splitlines()[-1]) from None
    if len(before) < len(words):
        from tests.conformance.checkers import judge

        if words[len(before) + 1 :]:
            judge(words[len(before) + 1 :])


for _script_name in SCRIPTS:
    CHECKERS[_script_name] = partial(_script, _script_name)


@checks("task")
def task(words: Sequence[str]) -> None:
    """go-task: this repository's Taskfile.yml has the task."""
    from ruamel.yaml import YAML

    known = cast("Any", YAML(typ="safe")).load((ROOT / "Taskfile.yml").read_text())["tasks"]
    if words[0] not in known:
        raise Wrong(f"Taskfile.yml has no task {words[0]}")


@cache
def flags() -> frozenset[str]:
    """Every flag of every task, of Invoke itself, and of every script."""
    found: set[str] = set(_initial().flags)
    for context in collection("invoke").to_contexts():
        found |= set(context.flags) | set(context.inverse_flags)
    for script in SCRIPTS:
        found |= set(parser_of(script)._option_string_actions)
    return frozenset(found)


@cache
def tasks() -> frozenset[str]:
    """Every name of every task."""
    return frozenset(
        name for context in collection("invoke").to_contexts() for name in (context.name, *context.aliases)
    )
