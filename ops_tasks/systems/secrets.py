"""Secrets never reach a journal, a log, a report or an error."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ops_tasks.secret_looks import HIDDEN, hide
from ops_tasks.stack import FOUND, texts

NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|(?:^|_)KEY$|CREDENTIALS|AUTHORIZATION"
    r"|^OPS_PING|^OPS_NOTIFY",
    re.IGNORECASE,
)
SHORTEST = 6
LINE = 16


def redact(text: str) -> str:
    """Return `text` with every secret hidden: those of the environment and of dlt's `secrets.toml`, and whatever looks
    like one (`secret_looks`).

    A value that is part of a name in the stack's own configuration is left alone: it is no secret there, and a journal
    without its names could not be read again.
    """
    for value in _values(tuple(sorted(os.environ.items())), _files(), _words()):
        text = text.replace(value, HIDDEN)
    return hide(text)


def survives(value: Any) -> bool:
    """Whether a JSON value can be written down: not so when a secret is the same as one of its names."""
    text = json.dumps(value, default=str)
    return redact(text) == text


@lru_cache(maxsize=4)
def _values(
    environment: tuple[tuple[str, str], ...], files: tuple[tuple[str, int], ...], words: frozenset[str]
) -> tuple[str, ...]:
    found = {value for name, value in environment if NAMES.search(name)}
    found |= {value for path, _ in files for value in _written(Path(path))}
    found |= {line.strip() for value in found for line in value.splitlines() if len(line.strip()) >= LINE}
    found = {value for value in found if len(value) >= SHORTEST and not any(value in word for word in words)}
    spelled = {spelling for value in found for spelling in (value, json.dumps(value)[1:-1], quote(value, safe=""))}
    return tuple(sorted(spelled, key=len, reverse=True))


def _files() -> tuple[tuple[str, int], ...]:
    """Every `secrets.toml` of the stacks that were found, and when it was written."""
    folders = {folder for stack in FOUND.values() for folder in (stack.root, stack.file.parent)}
    files = [folder / ".dlt" / "secrets.toml" for folder in sorted(folders)]
    return tuple((str(file), file.stat().st_mtime_ns) for file in files if file.is_file())


def _written(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    try:
        yield from texts(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        yield from re.findall(r"""["']([^"'\n]+)["']""", text)


def _words() -> frozenset[str]:
    return frozenset[str]().union(*(stack.words for stack in FOUND.values()))
