"""SQLMesh and Dagster, judged by walking the commands of the installed click programs; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, cast

import click
from click import Choice, Context
from click.core import Parameter
from click.exceptions import UsageError as ClickError

from tests.conformance.checkers import CHECKERS, Wrong, load

PROGRAMS = {
    "sqlmesh": lambda: load("sqlmesh.cli.main").cli,
    "dagster": lambda: load("dagster._cli").create_dagster_cli(),
    "dagster-daemon": lambda: load("dagster._daemon.cli").create_dagster_daemon_cli(),
    "dagster-webserver": lambda: load("dagster_webserver.cli").create_dagster_webserver_cli(),
}


def walk(command: Any, name: str, words: Sequence[str], parent: Context | None = None) -> None:
    """Read words as click would: every command, option, its values and choices, and what is required."""
    context = Context(command, info_name=name, parent=parent)
    context.allow_interspersed_args = command.allow_interspersed_args
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except ClickError as error:
        raise Wrong(error.format_message()) from None
    if isinstance(command, click.Group):
        if not rest:
            return
        below = command.get_command(context, rest[0])
        if below is None:
            raise Wrong(f"{name}: No such command {rest[0]!r}")
        walk(below, f"{name} {rest[0]}", rest[1:], context)
        return
    if rest and not context.allow_extra_args and not command.allow_extra_args:
        raise Wrong(f"{name}: Got unexpected extra arguments {rest}")
    for parameter in cast("list[Parameter]", command.params):
        _value(parameter, given, context, mention=not words)


def _value(parameter: Parameter, given: dict[str, Any], context: Context, *, mention: bool) -> None:
    value = given.get(parameter.name)
    if _is_absent(value):
        if parameter.required and not mention and _is_absent(parameter.get_default(context)):
            raise Wrong(f"Missing {parameter.name}")
        return
    if isinstance(parameter.type, Choice):
        for one in cast("Sequence[Any]", value) if isinstance(value, list | tuple) else [value]:
            if isinstance(one, str):
                try:
                    parameter.type.convert(one, parameter, context)
                except ClickError as error:
                    raise Wrong(error.format_message()) from None


def _is_absent(value: Any) -> bool:
    """Click 8.3 has a sentinel for what was not given."""
    return value is None or type(value).__name__ in ("Sentinel", "object") or value in ((), [])


@cache
def _program(name: str) -> Any:
    return PROGRAMS[name]()


def verbs(name: str) -> frozenset[str]:
    """The first words that a program knows."""
    program = _program(name)
    return frozenset(program.list_commands(Context(program)))


def _judge(name: str, words: Sequence[str]) -> None:
    walk(_program(name), name, words)


for _name in PROGRAMS:
    CHECKERS[_name] = partial(_judge, _name)
