"""What the machine has: git in a repository made for the question, everything else by its own help."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from itertools import takewhile
from pathlib import Path

from tests.conformance.checkers import CHECKERS, Absent, Wrong, checks, judge
from tests.conformance.texts import WORD

REFUSED = re.compile(
    r"unknown (?:option|switch)|unrecognized argument|is not a git command|unknown subcommand|invalid option|"
    r"^usage:|requires a value|cannot be used together|option .* requires|bad option",
    re.M | re.I,
)


@cache
def _repository() -> Path:
    """A repository with one commit and one staged file, that nobody else uses."""
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "a").write_text("a\n")
    for words in (["init", "-q", "-b", "main"], ["add", "a"], ["commit", "-q", "-m", "a"]):
        _git(folder, words)
    return folder


def _git(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    own = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_EDITOR": "true",
        "GIT_SEQUENCE_EDITOR": "true",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        **{f"GIT_{who}_{what}": "word@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    return subprocess.run(
        ["git", *words],
        cwd=folder,
        env=kept | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


@cache
def verbs() -> frozenset[str]:
    """The commands that git knows, those of its own insides too."""
    return frozenset(_git(_repository(), ["--list-cmds=main,others"]).stdout.split())


@checks("git")
def git(words: Sequence[str]) -> None:
    """Git itself, in a throw-away repository without a remote: what it says of the words, not of the content."""
    plain = [word for word in words if not word.startswith("-")]
    if plain[:1] == ["lfs"] and shutil.which("git-lfs") is None:
        raise Absent("Git LFS is not installed here")
    if len(words) == 1 and plain:
        if plain[0] not in verbs():
            raise Wrong(f"git has no command {plain[0]}")
        return
    done = _git(_repository(), words)
    if done.returncode and (said := REFUSED.search(done.stderr)):
        line = done.stderr[said.start() :].splitlines()[0]
        raise Wrong(f"git {' '.join(words)}: {line}")


def find(program: str) -> str:
    """Where a program is: beside this Python, or on PATH; raises `Absent`."""
    found = shutil.which(program, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        raise Absent(f"{program} is not installed here")
    return found


@cache
def _help(program: str, *verb: str) -> str:
    command = [find(program), *verb, "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if verb and ran.returncode:
        raise Wrong(ran.stderr.strip()[:200])
    return ran.stdout + ran.stderr


def by_help(program: str, words: Sequence[str], *, verbs: bool = False) -> None:
    """Every flag, and with `verbs` the first word that is none, stands in the program's help."""
    has_flags(program, _help(program), words)
    plain = [word for word in words if not word.startswith("-")]
    if verbs and plain and plain[0] != WORD and not re.search(rf"^\s+{re.escape(plain[0])}\b", _help(program), re.M):
        raise Wrong(f"{program} has no command {plain[0]}")


def by_help_of_verb(program: str, words: Sequence[str]) -> None:
    """Every flag stands in the help of the command, which ends with an error where there is no such command."""
    verb = list(takewhile(lambda word: not word.startswith("-"), words))[:2]
    text = _help(program, *verb[:1]) if verb else _help(program)
    has_flags(f"{program} {verb[0] if verb else ''}", text, words)


def has_flags(program: str, text: str, words: Sequence[str]) -> None:
    """Raise `Wrong` for a flag that a help text does not have; what is behind `--` is none."""
    for word in words:
        if word == "--":
            break
        if word.startswith("--"):
            known = [word.partition("=")[0]]
        else:
            known = [f"-{letter}" for letter in word[1:] if letter.isalpha()] if word.startswith("-") else []
        for flag in known:
            if not re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text):
                raise Wrong(f"{program} has no {flag}")


for _program in ("cp", "mv", "df", "rm", "id", "install", "grep", "cat", "chmod", "dirname", "journalctl"):
    CHECKERS[_program] = partial(by_help, _program)
for _program in ("systemctl", "loginctl", "systemd-analyze"):
    CHECKERS[_program] = partial(by_help, _program, verbs=True)
for _program in ("trailing-whitespace-fixer", "end-of-file-fixer", "check-yaml", "check-merge-conflict"):
    CHECKERS[_program] = partial(by_help, _program)
CHECKERS["ruff"] = partial(by_help_of_verb, "ruff")


@checks("kill")
def kill(words: Sequence[str]) -> None:
    """A signal that this machine has, and numbers of processes."""
    import signal

    for word in words:
        name = word.removeprefix("-").removeprefix("s").strip()
        if word.startswith("-") and not (name.isdigit() and int(name) in {int(one) for one in signal.Signals}):
            raise Wrong(f"there is no signal {word}")


@checks("crontab")
def crontab(words: Sequence[str]) -> None:
    """`-l`, and a file or `-`: what POSIX knows."""
    if any(word.startswith("-") and word not in ("-", "-l", "-e", "-r") for word in words):
        raise Wrong(f"crontab {' '.join(words)}")


@checks("command")
def command(words: Sequence[str]) -> None:
    """The shell's own: where a program is (`-v NAME`), as POSIX has it."""
    if len(words) != 2 or words[0] != "-v":
        raise Wrong(f"command {' '.join(words)}")


@checks("apt-get")
def apt_get(words: Sequence[str]) -> None:
    """Its verbs by its help; its flags by itself, asked for its version with them: it refuses what it does not know."""
    by_help("apt-get", [word for word in words if not word.startswith("-")], verbs=True)
    flags = [word for word in words if word.startswith("-")]
    ran = subprocess.run(["apt-get", *flags, "--version"], capture_output=True, text=True, timeout=30)
    if ran.returncode:
        raise Wrong(ran.stderr.strip())


@checks("sudo", "exec", "!", "if", "then", "do", "else")
def behind(words: Sequence[str]) -> None:
    """What is behind it is the command."""
    if words:
        judge(words)


@checks("cd", "source", "set", "printf", "eval", "export", "echo", "[", ".", "for", "done", "fi", ":", "true")
def builtin(words: Sequence[str]) -> None:
    """Of the shell itself; a substitution inside is judged on its own."""


@checks("bash", "sh")
def shell(words: Sequence[str]) -> None:
    """A script of this repository, or text behind -c."""
