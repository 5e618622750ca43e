"""What is known of programs that a machine may lack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Programs that a machine may lack, and what of them we print: the words that are no values, from their manual pages.
# Where the program is installed it is asked itself. Git LFS: git-lfs 3.3 was asked by hand.
ELSEWHERE = {
    "git lfs install": (),
    "git lfs track": ("--filename",),
    "git lfs migrate import": ("--include",),
    "systemctl": ("--user", "start", "stop", "restart", "enable", "status", "daemon-reload", "list-timers", "--now"),
    "loginctl": ("enable-linger",),
    "systemd-analyze": ("verify", "calendar", "--user", "--iterations"),
    "trailing-whitespace-fixer": (),
    "end-of-file-fixer": (),
    "check-yaml": (),
    "check-merge-conflict": (),
    "ruff check": ("--force-exclude",),
    "ruff format": ("--force-exclude", "--check"),
    "journalctl": ("--user", "-u", "-n", "-e", "-f"),
}


def unknown(absent: Iterable[Sequence[str]]) -> list[str]:
    """Those commands of programs that are not installed here whose verbs and flags are not among the known ones."""
    return [" ".join(words) for words in absent if not _is_known(words)]


def _is_known(words: Sequence[str]) -> bool:
    for verbs, known in ELSEWHERE.items():
        if (program := verbs.split()) == list(words[: len(program)]):
            rest = words[len(program) :]
            flags = {word.partition("=")[0] for word in rest if word.startswith("-")}
            verb = next((word for word in rest if not word.startswith("-")), None)
            return flags <= set(known) and (len(program) > 1 or verb is None or verb in known)
    return False
