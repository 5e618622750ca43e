"""The table of programs that may be missing is right, and no larger than what is printed."""

from __future__ import annotations

import pytest

from tests.conformance import arguments, elsewhere, markdown, sources
from tests.conformance.checkers import judge_mention
from tests.conformance.commands import Command
from tests.conformance.verdicts import judged


def test_rows_are_right_where_the_program_is() -> None:
    verdict = judged((Command("elsewhere.py", tuple(words)) for words in elsewhere.examples()), judge_mention)
    assert not verdict.wrong, "\n".join(verdict.wrong)


def test_rows_are_used() -> None:
    each = (*sources.messages(), *arguments.started(), *markdown.in_documents(), *markdown.in_sentences())
    used = {word for command in each for word in command.words}
    for row in elsewhere.examples():
        if row[0] in ("git", "loginctl", "journalctl"):
            assert {word.partition("=")[0] for word in row} <= {word.partition("=")[0] for word in used}


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("git lfs track --filename x", True),
        ("git lfs track --filenames x", False),
        ("git lfs untrack x", False),
        ("sudo systemctl link x", True),
        ("systemctl --user", True),
        ("systemctl --user word x", True),
        ("systemctl unlink x", False),
        ("systemctl enable --soon x", False),
        ("journalctl --user -u x", True),
        ("duckdb data/databox.duckdb", False),
    ],
)
def test_what_the_table_knows(line: str, known: bool) -> None:
    assert (elsewhere.unknown([line.split()]) == []) is known
