"""A restatement that some file calls, and the words by which a command is known to be one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

FLAG = "--restate-model"
# Click takes short flags together: `-r x`, `-rx`, `-vr x`.
SHORT = re.compile(r"-v*r")
ALLOW = re.compile(r"#\s*ops-allow:\s*restate\s*--\s*(\S.*?)\s*$")
LONGEST = 120
SHELLS = frozenset(
    {"sh", "bash", "dash", "zsh", "ksh", "ash", "eval", "ssh", "su", "parallel", "watch", "trap", "script"}
)
# What these are given is told, not run.
PROSE = frozenset(
    {"echo", "printf", "grep", "egrep", "fgrep", "rg", "ag", "sed", "awk", "cat", "read", "test", "[", "[["}
    | {"log", "logger", "die", "warn", "info", "git", "rem"}
)
SQLMESH = frozenset({"sqlmesh", "sqlmesh.cli.main", "sqlmesh.exe"})


@dataclass(frozen=True)
class Call:
    """One call of a restatement. `line` and `column` count from 1; `text` is the call on one line, shortened.

    `allowed` is the reason of an `# ops-allow: restate -- reason` beside it, None where there is none.
    """

    file: str
    line: int
    column: int
    text: str
    kind: str
    allowed: str | None = None


def restates(words: Sequence[str]) -> bool:
    """Whether a command with these arguments restates: `sqlmesh ... plan ... -r`, or the long flag to anything.

    `--explain` shows and does nothing. Behind `ops-restate-guard --check --` it is guarded.
    """
    if "--explain" in words or _guarded(words):
        return False
    if any(word == FLAG or word.startswith(f"{FLAG}=") for word in words):
        return True
    programs = [at for at, word in enumerate(words) if basename(word) in SQLMESH]
    if not programs:
        return False
    after = list(words[programs[0] + 1 :])
    return "plan" in after and any(SHORT.match(word) for word in after[after.index("plan") + 1 :])


def basename(word: str) -> str:
    """The name of a program without its folder."""
    return word.replace("\\", "/").rpartition("/")[2]


def shown(text: str) -> str:
    """A call on one line, shortened."""
    line = " ".join(text.replace("\\\n", " ").split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def allowance(lines: Sequence[str], first: int, last: int) -> str | None:
    """The reason of an allow comment on the lines `first` to `last` (from 1), or alone on the line above."""
    for number in range(first, last + 1):
        if number <= len(lines) and (found := ALLOW.search(lines[number - 1])):
            return found[1]
    above = lines[first - 2].strip() if 2 <= first <= len(lines) + 1 else ""
    found = ALLOW.match(above) if above.startswith("#") else None
    return found[1] if found else None


def _guarded(words: Sequence[str]) -> bool:
    if "--" not in words:
        return False
    before = words[: words.index("--")]
    return "--check" in before and any(
        basename(word) in ("ops-restate-guard", "ops_hooks.restate_guard", "hooks.restate_guard") for word in before
    )
