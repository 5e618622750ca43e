"""What is known of programs that a machine may lack; where one is installed, it is asked itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.conformance.texts import WORD

# A program with its verb, and those of its flags that we print, by the manual pages (git-lfs 3.3, systemd 252).
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "git lfs install": (),
    "git lfs track": ("--filename",),
    "git lfs migrate import": ("--include",),
    "systemctl": ("--user",),
    "systemctl start": ("--user",),
    "systemctl stop": ("--user",),
    "systemctl restart": ("--user",),
    "systemctl link": ("--user",),
    "systemctl enable": ("--user", "--now"),
    "systemctl daemon-reload": ("--user",),
    "loginctl enable-linger": (),
    "systemd-analyze verify": (),
    "journalctl": ("--user", "-u"),
    "trailing-whitespace-fixer": (),
    "end-of-file-fixer": (),
    "check-yaml": (),
    "check-merge-conflict": (),
    "ruff check": ("--force-exclude",),
    "ruff format": ("--force-exclude", "--check"),
}


def unknown(absent: Iterable[Sequence[str]]) -> list[str]:
    """Those commands of programs that are not installed here whose verb, or a flag, is not in the table."""
    return [" ".join(words) for words in absent if not _is_known([word for word in words if word != "sudo"])]


def examples() -> Iterator[list[str]]:
    """A command line for every row."""
    return ([*name.split(), *flags] for name, flags in ELSEWHERE.items())


def _is_known(words: Sequence[str]) -> bool:
    flags = {word.partition("=")[0] for word in words if word.startswith("-")}
    plain = [word for word in words if not word.startswith("-")]
    for name, known in ELSEWHERE.items():
        begin = name.split()
        if plain[: len(begin)] == begin and flags <= set(known):
            verbs = {other.split()[1] for other in ELSEWHERE if other.startswith(f"{name} ")}
            if not verbs or not plain[1:] or plain[1] == WORD:
                return True
    return False
