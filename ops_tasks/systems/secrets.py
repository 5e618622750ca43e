"""Secrets never reach a journal, a log, a report or an error."""

from __future__ import annotations

import os
import re
from functools import lru_cache

NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY|CREDENTIALS", re.IGNORECASE)
IN_TEXT = re.compile(
    r"((?:motherduck_token|token|password|api_?key|secret)\s*[=:]\s*)(['\"]?)[^\s'\"&;,]{6,}\2", re.IGNORECASE
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
    return tuple(sorted(found, key=len, reverse=True))
