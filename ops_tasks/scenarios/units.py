"""The files that let systemd or cron run the watches of a stack; values, written by nobody here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.watching import Watch
from ops_tasks.stack import BACKEND, Stack
from ops_tasks.systems.units import Calendar

SYSTEMD, CRON = "systemd", "cron"
SECRETS = "watch.env"
OWN_SECRETS = ".config/ops-tasks/env"
START = ("-P", "-c", "from ops_tasks.program import main; main()")
PLAIN = re.compile(r"[\w@+=:,./-]+", re.ASCII)
LONGEST_LINE = 998
HEADER = "# Written by watch.units, which replaces it as a whole."


@dataclass(frozen=True)
class Place:
    """Where the watches run: the program, the variables that are no secrets, account and home (none: one's own)."""

    stack: Stack
    python: str
    variables: tuple[tuple[str, str], ...] = ()
    user: str = ""
    home: str = ""

    @property
    def folder(self) -> str:
        """The folder of the configuration."""
        return str(self.stack.file.parent)

    @property
    def secrets(self) -> str:
        """The file of tokens of this stack alone, read after the account's own; neither need be there."""
        return str(self.stack.home / SECRETS)

    def unit(self, watch: Watch) -> str:
        """A name that no other stack's watch has, and that cron.d takes (no dot)."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.stack.file.parent.name.lower()).strip("-")[:40]
        words = ["ops-watch", watch.name, slug, sha256(self.folder.encode()).hexdigest()[:8]]
        return "-".join(word for word in words if word)

    def command(self, watch: Watch) -> list[str]:
        """What is run, word by word; it asks nothing."""
        return [self.python, *START, watch.task, f"--stack={self.folder}", "--yes"]


def place(stack: Stack, python: str, backend: str, user: str = "", home: str = "") -> Place:
    """Check what the files are going to hold; `backend` is what the environment says, if it says anything.

    Raises `UsageError` for a path that has a control character or is no UTF-8.
    """
    found = Place(stack, python, ((BACKEND, backend),) if backend else (), user, home)
    for word in (found.python, found.folder, found.secrets, found.home):
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in word):
            raise UsageError(f"{word!r} has a line break or another control character in it", "rename the folder")
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(f"{word!r} is no UTF-8", "rename the folder")
    if not Path(python).is_absolute():
        raise UsageError(f"the interpreter has no path of its own: {python!r}", "run this with the stack's own Python")
    return found


def systemd(where: Place, watch: Watch, when: Calendar) -> dict[str, str]:
    """File name -> text of a service and its timer."""
    name, told = where.unit(watch), f"{watch.description} of the stack in {where.folder} ({watch.task})"
    service = [
        HEADER,
        "[Unit]",
        f"Description={_specified(told)}",
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={where.user}"] if where.user else []),
        *(f"Environment={key}={value}" for key, value in where.variables),
        # For the system's own systemd %h is root's home, whatever User= says.
        f"EnvironmentFile=-{_pattern(where.home) or '%h'}/{OWN_SECRETS}",
        f"EnvironmentFile=-{_pattern(where.secrets)}",
        f"ExecStart={exec_start(where.command(watch))}",
    ]
    timer = [
        HEADER,
        "[Unit]",
        f"Description={_specified(told)}",
        "",
        "[Timer]",
        f"OnCalendar={when.systemd()}",
        "AccuracySec=1s",  # systemd may be a minute late otherwise, and the heartbeat counts seconds
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return {f"{name}.service": "\n".join(service) + "\n", f"{name}.timer": "\n".join(timer) + "\n"}


def cron(where: Place, watch: Watch, when: Calendar) -> dict[str, str]:
    """File name -> text of a crontab; with a user it is one for cron.d."""
    name = where.unit(watch)
    files = f'"$HOME"/{OWN_SECRETS} {shlex.quote(where.secrets)}'
    command = [
        "set -a;",
        *(f"{key}={shlex.quote(value)};" for key, value in where.variables),
        f'for ops_env in {files}; do [ ! -r "$ops_env" ] || . "$ops_env"; done;',
        f"exec {shlex.join(where.command(watch))} >/dev/null # {name}",
    ]
    line = cron_line(when.cron(), where.user, " ".join(command))
    return {name: f"{HEADER} {name}\n{line}\n"}


def exec_start(words: Sequence[str]) -> str:
    """A command for `ExecStart=`: nothing in it is a variable or a specifier, whatever it looks like."""
    # systemd (252) starts no program whose own path has a quote or a backslash.
    odd = re.search(r"""['"\\]""", words[0])
    whole = ["/bin/sh", "-c", 'exec "$0" "$@"', *words] if odd else words
    line = " ".join(_specified(word if PLAIN.fullmatch(word) else _quoted(word)) for word in whole)
    return f":{line}" if "$" in line else line


def cron_line(when: str, user: str, command: str) -> str:
    """One line of a crontab, `command` being for the shell, its words quoted by `shlex`.

    Raises `UsageError` for one that is longer than cron reads (Debian's crontab(5): 998 characters).
    """
    # For cron a % ends the command and \% is one, but \\% ends it too: there the shell's quotes end and begin again.
    escaped = command.replace("\\%", "\\''%").replace("%", "\\%")
    line = " ".join(filter(None, [when, user, escaped]))
    if len(line.encode()) > LONGEST_LINE:
        raise UsageError(f"the line is longer than cron reads ({LONGEST_LINE} characters)", "--format=systemd")
    return line


def next_commands(where: Place, files: Sequence[Path], known: Path) -> list[str]:
    """What is to be run once the files are written; `known` is the folder in which systemd or cron looks for them."""
    timers = " ".join(file.name for file in files if file.suffix == ".timer")
    there = all(file.parent == known for file in files)
    root = "sudo " if where.user else ""
    named = shlex.join(str(file) for file in files)
    if not timers:
        if where.user:
            return [] if there else [f"sudo install -m 644 {named} {known}"]
        gone = " ".join(f"-e {file.name}" for file in files)
        return [f"(crontab -l 2>/dev/null | grep -vF {gone}; cat {named}) | crontab -"]
    control = f"{root}systemctl" if where.user else "systemctl --user"
    link = [] if there else [f"{control} link {named}"]
    linger = [] if where.user else ["loginctl enable-linger"]
    return [*link, f"{control} daemon-reload", f"{control} enable --now {timers}", *linger]


def _specified(text: str) -> str:
    return text.replace("%", "%%")


def _pattern(path: str) -> str:
    """A path for `EnvironmentFile=`, which takes shell patterns."""
    return re.sub(r"([\\*?\[])", r"\\\1", _specified(path))


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
