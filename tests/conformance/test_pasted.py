"""What is shown to be pasted is taken by the task itself, not by its parser alone: its flags go together.

Every example of a task's help and every command line of a page is run, with `--plan` where the task has it, on a stack
that is described and empty. Whatever starts another program ends the run there: by then the flags have been looked at.
"""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from invoke.program import Program

from tests.conformance import markdown, own
from tests.conformance.commands import Command, shell
from tests.conformance.texts import ROOT

EXAMPLE = "Example: "
PROGRAMS = {"invoke": "plugin", "inv": "plugin", "ops": "ops"}
USAGE = 2
# What an empty stack, or this machine, does not have; nothing else keeps a shown line from being taken.
LACKS = (
    "no file ",
    "unknown operation ",
    "unknown snapshot ",
    "there is no operation ",
    "no SQLMesh project in ",
    "--prom: /var/lib/node_exporter/",
)
# What stands in a page for something that is different every time.
OPEN = {"YYYYMMDD": "20260423", "ID": "3f9c2a"}


class Started(BaseException):
    """The task has begun to work."""


def _tasks() -> dict[str, Any]:
    plugin = own.collection("plugin")
    return {name: plugin[name] for name in plugin.task_names}


def _examples() -> Iterator[Command]:
    for name, task in _tasks().items():
        yield from shell(name, (inspect.getdoc(task) or "").partition(EXAMPLE)[2].strip())


def _filled(word: str) -> str:
    for name, value in OPEN.items():
        word = re.sub(rf"(?<![A-Z]){name}(?![A-Z])", value, word)
    return word


def _lines() -> dict[tuple[str, ...], str]:
    """Each line with a flag once, and where it stands."""
    shown = (one for one in (*_examples(), *markdown.in_documents()) if one.program in PROGRAMS)
    lines: dict[tuple[str, ...], str] = {}
    for one in shown:
        words = tuple(map(_filled, one.words[one.words.index(one.program) :]))
        if len(words) > 2 and not words[1].startswith("sandbox."):
            lines.setdefault(words, one.where)
    return lines


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack with every section of the configuration and no file; nobody can start a program."""

    def started(*_: object, **__: object) -> None:
        raise Started

    for folder in ("transforms/main", "contracts", "data"):
        (tmp_path / folder).mkdir(parents=True)
    text = (ROOT / "invoke.yaml").read_text(encoding="utf-8")
    (tmp_path / "invoke.yaml").write_text(text.replace("root: .sandbox/stack", "root: ."), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(subprocess.Popen, "__init__", started)
    return tmp_path


def taken(words: Sequence[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a task says of its flags when it is given these; nothing when it takes them."""
    program, name, *given = words
    collection = own.collection(PROGRAMS[program])
    flags = {flag for one in collection.to_contexts() if name in (one.name, *one.aliases) for flag in one.flags}
    given = [word for word in given if word != "--json" and not word.startswith("--stack=")]
    given += ["--json", f"--stack={folder}"] if "--stack" in flags else ["--json"]
    if "--plan" in flags and not any(word.startswith("--plan") for word in given):
        given.append("--plan")
    code: object = 0
    try:
        Program(namespace=collection).run([program, name, *given])
    except SystemExit as end:
        code = end.code
    except Started:
        return ""
    finally:
        out = capsys.readouterr().out
    if code != USAGE:
        return ""
    reason = json.loads(out)["findings"][0]["reason"]
    return "" if reason.startswith(LACKS) else reason


def test_what_is_shown_is_taken(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _lines()
    told = {f"{where}: {shlex.join(words)}": taken(words, described, capsys) for words, where in lines.items()}
    wrong = [f"{line}: {reason}" for line, reason in told.items() if reason]
    assert not wrong, "\n".join(wrong)
    assert len(lines) >= 40


def test_flags_that_do_not_go_together_are_found(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("invoke", "watch.units", "--every=6h", "--format=cron")
    assert taken(words, described, capsys) == "--every is for one watch"
