"""Every flag and every task that is mentioned anywhere exists, and nobody's program is mentioned."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

from tests.conformance import arguments, configuration, elsewhere, markdown, own, sources
from tests.conformance.checkers import CHECKERS
from tests.conformance.commands import FLAG, STRANGER, TASK, Command, without_commands
from tests.conformance.texts import ROOT, WORD, texts
from tests.conformance.verdicts import judged

# Flags of other programs that stand alone: each with a command line that has it, which is judged.
ALONE = {
    "--config-json": "dagster job launch -j x --config-json {}",
    "--restate-model": "sqlmesh plan prod --restate-model x",
    "--paths": "sqlmesh --paths x info",
    "--dotenv": "sqlmesh --dotenv x info",
    "--log-file-dir": "sqlmesh --log-file-dir x info",
    "--not": "git rev-list HEAD --not --remotes --",
    "--remotes": "git rev-list HEAD --not --remotes --",
    "--branches": "git rev-list --branches --",
    "--tags": "git rev-list --tags --",
    "--no-verify": "git commit --no-verify -m word",
}
# Flags that the documents name because SQLMesh does not take them.
REFUSED = {
    "--restate-mod": "sqlmesh plan prod --restate-mod x",
    "--restate": "sqlmesh plan prod --restate x",
    "--restore-from": "sqlmesh plan prod --restore-from x",
}
# A flag whose name is only known when it runs (`--{name}`, `--keep-{word}`).
OPEN = re.compile(rf"--(?:[a-z-]+-)?(?:{WORD})?")
# Words of a sentence before a flag: "give --base REV", "leave --tz out".
VERBS = frozenset({"give", "leave", "with", "also", "no", WORD})
# Names with a dot that look like a task: files, and `schema.table`, which stands for a table.
NO_TASK = re.compile(r"\w+\.(?:md|yaml|yml|py|env|json)|schema\.(?:table|name|view)")


@cache
def everything() -> tuple[tuple[str, str], ...]:
    """Every text of the sources, and every line of the documents."""
    lines = (
        (f"{page.relative_to(ROOT)}:{number}", line)
        for page in markdown.PAGES
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    )
    return (*((text.where, text.text) for text in texts()), *lines)


def _found(pattern: re.Pattern[str], *, sentences: bool = False) -> Iterator[tuple[str, str]]:
    for where, text in everything():
        # Cutting commands out takes its time, and most texts have neither.
        if pattern.search(text):
            yield from ((where, name) for name in pattern.findall(without_commands(text) if sentences else text))


def test_every_flag_exists() -> None:
    judged_ones = {
        word.partition("=")[0]
        for command in (*arguments.started(), *sources.equivalents(), *sources.messages())
        for word in command.words
        if word.startswith("--")
    }
    known = own.flags() | judged_ones | set(ALONE) | set(REFUSED)
    found = list(_found(FLAG, sentences=True))
    assert len(found) >= 700
    assert [f"{where}: {flag}" for where, flag in found if flag not in known and not OPEN.fullmatch(flag)] == []


def test_the_flags_that_stand_alone_exist() -> None:
    verdict = judged(Command(flag, tuple(shlex.split(line))) for flag, line in ALONE.items())
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
    assert {flag for flag in ALONE if flag not in ALONE[flag]} == set()
    wrong = judged(Command(flag, tuple(shlex.split(line))) for flag, line in REFUSED.items()).wrong
    assert len(wrong) == len(REFUSED)


def test_every_task_exists() -> None:
    found = [(where, name) for where, name in _found(TASK) if not NO_TASK.fullmatch(name)]
    assert len(found) >= 400
    known = own.tasks()
    wrong = [f"{where}: {name}" for where, name in found if name not in known and not configuration.has(name)]
    assert wrong == []


def test_no_program_goes_unseen() -> None:
    known = VERBS | set(CHECKERS) | own.incidents() | own.tasks()
    assert [f"{where}: {name}" for where, name in _found(STRANGER) if name not in known] == []
