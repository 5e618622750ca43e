"""Commands of ours in the texts that people read: told as the program that is used, for the stack that was given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, cast

# A value as a shell takes it: quoted as `shlex.quote` does, in double quotes, or bare.
_VALUE = r"""(?:'[^']*'(?:"'"'[^']*')*|"(?:[^"\\]|\\.)*"|[^\s,;()"'\\]+)"""
COMMAND = re.compile(rf"\binvoke ([a-z][a-z-]*(?:\.[a-z-]+)?)((?: [0-9a-f]{{6}}\b)?(?: --[a-z-]+(?:={_VALUE})?)*)")
VERBATIM = ("diff", "files")
OURS: dict[str, bool] = {}
"""Every task of the plugin by the name it is called by, and whether it takes `--stack`: filled where tasks are made."""

# The program whose commands are told: `invoke`, or `ops`.
spoken: ContextVar[str] = ContextVar("spoken", default="invoke")


def placed(text: str, place: str) -> str:
    """Add `place` (` --stack=DIR`, or nothing) to every command of ours in a text, behind its id and flags.

    Told by the `ops` program they are that program's: where it is used there need not be a `tasks.py` for Invoke.
    """

    def told(found: re.Match[str]) -> str:
        name, words = found.groups()
        if name not in OURS:
            return found[0]
        program = spoken.get()
        ours = name.removeprefix("ops.") if program == "ops" else name
        return f"{program} {ours}{words}{place if OURS[name] else ''}"

    return COMMAND.sub(told, text) if place or spoken.get() == "ops" else text


def placed_in(value: Any, place: str) -> Any:
    """The same in every text of a JSON value, those of files and of their differences left as they are."""
    if isinstance(value, str):
        return placed(value, place)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: one if key in VERBATIM else placed_in(one, place) for key, one in items}
    if isinstance(value, list | tuple):
        return [placed_in(one, place) for one in cast("list[Any]", value)]
    return value
