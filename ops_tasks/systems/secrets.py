"""Secrets never reach a journal, a log, a report or an error."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from urllib.parse import quote

NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|CREDENTIALS", re.IGNORECASE)
# The text may be JSON, and has to stay so: quotes may be escaped, and a quoted name hides a quoted value only.
IN_TEXT = re.compile(
    r"""((?:token|password|api_?key|secret)(?:\s*[=:]\s*\\?['"]?|\\?['"]\s*[=:]\s*\\?['"]))"""
    r"""(?:[^\s'"\\&;,]|\\u[0-9a-f]{4}){6,}""",
    re.IGNORECASE,
)
HIDDEN = "***"
SHORTEST = 6


def redact(text: str) -> str:
    """Return `text` with every secret of the environment, and everything that looks like `token=...`, hidden."""
    for value in _values(tuple(sorted(os.environ.items()))):
        text = text.replace(value, HIDDEN)
    return IN_TEXT.sub(rf"\g<1>{HIDDEN}", text)


@lru_cache(maxsize=4)
def _values(environment: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    found = {value for name, value in environment if NAMES.search(name) and len(value) >= SHORTEST}
    spelled = {spelling for value in found for spelling in (value, json.dumps(value)[1:-1], quote(value, safe=""))}
    return tuple(sorted(spelled, key=len, reverse=True))
