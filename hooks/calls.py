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
    | {"fish", "tmux", "screen", "at", "batch", "crontab"}
)
# What these are given is told, not run.
PROSE = frozenset(
    {"echo", "printf", "grep", "egrep", "fgrep", "rg", "ag", "sed", "awk", "cat", "read", "test", "[", "[["}
    | {"log", "logger", "die", "warn", "info", "git", "rem"}
    | {"which", "type", "man", "pip", "pip3"}
)
SQLMESH = frozenset({"sqlmesh", "sqlmesh.cli.main", "sqlmesh.exe"})
# The options of `sqlmesh` itself that take a value; they come before the command.
VALUED = frozenset({"-p", "--paths", "--config", "--gateway", "--log-file-dir", "--dotenv"})
# A word that is filled in later: by a shell, by make, by a template, in Python.
FILLED = re.compile(r"[$?]|\{\{")


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
    if "--explain" in words or guarded(words):
        return False
    if any(word == FLAG or word.startswith(f"{FLAG}=") for word in words):
        return True
    return "plan" in words and any(
        plans_again(words, at + 1)
        for at, word in enumerate(words)
        # In a row of words that are filled in, the first may be the program, the others its options.
        if basename(word) in SQLMESH or (FILLED.match(word) and not (at and FILLED.match(words[at - 1])))
    )


def plans_again(words: Sequence[str], at: int) -> bool:
    """Whether the words from `at`, behind the program, are `plan` with a short flag; its options may come first.

    What is filled in (`?`, `$X`, `{{X}}`) may be such options, so the command may come behind it.
    """
    while at < len(words) and (words[at].startswith("-") or FILLED.match(words[at])):
        at += 2 if words[at] in VALUED else 1
    return at < len(words) and words[at] == "plan" and any(SHORT.match(word) for word in words[at + 1 :])


def basename(word: str) -> str:
    """The name of a program without its folder, and without a quote that nothing closes."""
    return word.replace("\\", "/").rpartition("/")[2].strip("'\"")


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


def guarded(words: Sequence[str]) -> bool:
    """Whether a command stands behind `ops-restate-guard --check --`."""
    if "--" not in words:
        return False
    before = words[: words.index("--")]
    return "--check" in before and any(
        basename(word) in ("ops-restate-guard", "ops_hooks.restate_guard", "hooks.restate_guard") for word in before
    )
