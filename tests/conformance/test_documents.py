"""Every command that the documents show, and those of Taskfile, workflows and hook manifest, is taken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest

from tests.conformance import elsewhere, markdown, own
from tests.conformance.checkers import Wrong, judge, judge_mention
from tests.conformance.commands import Command, shell
from tests.conformance.texts import ROOT
from tests.conformance.verdicts import judged

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
# What the documents name because it does not work; each is asked for its error.
NAMED_AS_WRONG = {("python", "-m", "sqlmesh"): "cannot be directly executed"}
CONFIGURATIONS = [ROOT / ".pre-commit-config.yaml", MANIFEST]


def _yaml(file: Path) -> Any:
    from ruamel.yaml import YAML

    return cast("Any", YAML(typ="safe")).load(file.read_text(encoding="utf-8"))


def test_blocks() -> None:
    verdict = judged(markdown.in_documents())
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
    assert verdict.count >= 120
    assert {"invoke", "sqlmesh", "git", "pip", "nox", *own.SCRIPTS} <= set(verdict.programs)


def test_code_in_sentences() -> None:
    verdict = judged((one for one in markdown.in_sentences() if one.words not in NAMED_AS_WRONG), judge_mention)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
    assert verdict.count >= 120
    assert {"invoke", "sqlmesh", "dagster", "soda", "git", "pre-commit"} <= set(verdict.programs)


@pytest.mark.parametrize(("words", "error"), NAMED_AS_WRONG.items())
def test_what_is_said_to_fail_fails(words: tuple[str, ...], error: str) -> None:
    with pytest.raises(Wrong, match=error):
        judge(words)


def test_every_page_is_read() -> None:
    """A page whose fences do not close, or are of a language nobody reads, would hide what it shows."""
    assert len(markdown.PAGES) >= 50
    fences = sum(len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.M)) for page in markdown.PAGES)
    assert fences == 2 * len(markdown.blocks())
    assert {block.language for block in markdown.blocks()} <= markdown.LANGUAGES


@pytest.mark.parametrize("file", [*WORKFLOWS, *CONFIGURATIONS], ids=lambda file: file.name)
def test_what_ci_runs(file: Path) -> None:
    commands = list(markdown.in_yaml(file.name, file.read_text(encoding="utf-8")))
    verdict = judged(commands)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
    assert verdict.count >= 4


def test_hooks_with_their_arguments() -> None:
    hooks = _yaml(MANIFEST)
    commands = [Command(hook["id"], (*hook["entry"].split(), *hook.get("args", []))) for hook in hooks]
    assert judged(commands).wrong == []
    assert {command.program for command in commands} == set(own.SCRIPTS)


def test_taskfile() -> None:
    tasks = _yaml(ROOT / "Taskfile.yml")["tasks"]
    commands = [
        command
        for name, task in tasks.items()
        for command in shell(f"Taskfile.yml: {name}", task["cmd"].replace("{{.CLI_ARGS}}", ""))
    ]
    verdict = judged(commands)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert verdict.programs == {"invoke": len(tasks)}


def test_script_of_ci() -> None:
    verdict = judged(shell(".ci/run", (ROOT / ".ci" / "run").read_text(encoding="utf-8")))
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert verdict.count >= 5


def test_hooks_in_documents_exist() -> None:
    known = {hook["id"] for hook in _yaml(MANIFEST)}
    shown = {
        (block.where, name)
        for block in markdown.blocks()
        if block.language in ("yaml", "yml")
        for name in re.findall(r"\bid: *(ops-[\w-]+)", block.text)
    }
    assert len({name for _, name in shown}) >= 2
    assert [found for found in shown if found[1] not in known] == []
