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

from ops_tasks.stack import FOUND, texts

NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|(?:^|_)KEY$|CREDENTIALS|AUTHORIZATION"
    r"|^OPS_PING|^OPS_NOTIFY",
    re.IGNORECASE,
)
# The text may be JSON, and has to stay so: quotes may be escaped, and a quoted name hides a quoted value only.
_IS = r"""(?:\s*[=:]\s*\\?['"]?|\\?['"]\s*[=:]\s*\\?['"])"""
_LETTER = r"""(?:[^\s'"\\&;,]|\\u[0-9a-f]{4})"""
IN_TEXT = re.compile(
    rf"((?:token|passw(?:or)?d|passphrase|(?:api|access|private)[_-]?key|secret){_IS}){_LETTER}{{6,}}", re.IGNORECASE
)
HEADER = re.compile(
    rf"((?:authorization{_IS}(?:(?:bearer|basic|digest|token)\s+|(?={_LETTER}{{12}}))|\bbearer\s+(?={_LETTER}{{16}}))){_LETTER}+",
    re.IGNORECASE,
)
PARAMETER = re.compile(
    r"""([?&][\w.%-]*(?:token|key|secret|passw(?:or)?d|pwd|sig|signature|auth|credentials?)=)[^&\s'"\\#;,)]+""",
    re.IGNORECASE,
)
LOGIN = re.compile(r"""(\b[a-z][a-z0-9+.-]*://[^\s/:@'"\\?#]*:)(?:[^\s/'"\\?#]|\\u[0-9a-f]{4})+@""", re.IGNORECASE)
# One without its end is hidden up to the next quote. A log comes line by line: then it is the lines of 64 characters.
PRIVATE_KEY = re.compile(
    r"""-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----)(?:[^"'\\]|\\[nrt]))*"""
    r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
)
KEY_LINE = re.compile(r"^(?![0-9a-f]+\s*$)[A-Za-z0-9+/]{64}(?=\s*$)", re.MULTILINE)
HIDDEN = "***"
SHORTEST = 6
LINE = 16


def redact(text: str) -> str:
    """Return `text` with every secret hidden: those of the environment and of dlt's `secrets.toml`, and whatever looks
    like one (`token=...`, an `Authorization` header, a login in an address, a private key).

    A value that is part of a name in the stack's own configuration is left alone: it is no secret there, and a journal
    without its names could not be read again.
    """
    for value in _values(tuple(sorted(os.environ.items())), _files(), _words()):
        text = text.replace(value, HIDDEN)
    text = KEY_LINE.sub(HIDDEN, PRIVATE_KEY.sub(HIDDEN, text))
    text = LOGIN.sub(rf"\g<1>{HIDDEN}@", text)
    for pattern in (HEADER, PARAMETER, IN_TEXT):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


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
