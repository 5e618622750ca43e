"""The judges can say no: the commands of a written runbook for this stack that no installed program takes.

They were printed as working recoveries; each was run once, and its program's error is what is expected here.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pytest

from tests.conformance.checkers import Wrong, judge, judge_mention
from tests.conformance.commands import Command, prose, shell
from tests.conformance.markdown import Block, in_block, in_line, in_yaml
from tests.conformance.verdicts import judged

AS_WRITTEN = {
    "sqlmesh state list": "No such command 'list'",
    "sqlmesh plan prod --restore-from 2026-04-18": "No such option.*--restore-from",
    "uv run duckdb data/databox.duckdb 'SELECT 1'": "nobody checks 'duckdb'",
    "duckdb data/databox.duckdb": "nobody checks 'duckdb'",
    "dagster instance show": "No such command 'show'",
    "dagster asset-check execute --select x": "No such command 'asset-check'",
    "dagster job backfill --partition-set-name '*'": "No such option.*--partition-set-name",
    "DAGSTER_HOME=x dagster instance show": "No such command 'show'",
    "cd data && sqlmesh state list": "No such command 'list'",
    "inspected=$(dagster instance show)": "No such command 'show'",
}
# One for every judge, so that none of them takes everything.
ALTERED = {
    "sqlmesh plan prod --restate-models x": "No such option",
    "sqlmesh plan prod --restate-model": "requires an argument",
    "sqlmesh invalidate --sync": "Missing",
    "dagster schedule start --everything x": "No such option",
    "dagster-daemon runs": "No such command",
    "dagster-webserver --ports 1": "No such option",
    "dlt pipelines list": "invalid choice",
    "soda contract prove --contract x": "invalid choice",
    "soda contract verify --contracts-all x": "unrecognized arguments",
    "pre-commit run --every-file": "unrecognized arguments",
    "pip instal x": "no command instal",
    "pip install --upgraded x": "no such option",
    "pip install 'ops-tasks[everything]'": "no extra everything",
    "uv pip2 install x": "unrecognized subcommand",
    "uv sync --frozen-solid": "has no --frozen-solid",
    "nox -s drills": "no session drills",
    "nox --session-name drill": "unrecognized arguments",
    "python -m sqlmesh plan": "cannot be directly executed",
    "python -m pre_commit runs": "invalid choice",
    "python -m ops_hooks.large_files --every": "unrecognized arguments",
    "python -m nowhere.at_all": "no module nowhere",
    "python -Z x": "has no -Z",
    "git lg --oneline": "not a git command",
    "git log --one-line-each": "unrecognized argument",
    "git restore --stagged x": "unknown option",
    "git ls": "git has no command ls",
    "invoke ops.backfil --source=x": "No idea what",
    "invoke ops.backfill --sources=x": "No idea what",
    "invoke ops.backfill2": "there is no task ops.backfill2",
    "invoke sandbox.break flip-bites": "nothing breaks flip-bites",
    "ops backfill --sources=x": "No idea what",
    "ops-large-files --range-of x": "unrecognized arguments",
    "ops-schema-gate --format yaml": "invalid choice",
    "ops-restate-guard --check -- sqlmesh plans": "No such command",
    "task verify:all": "no task verify:all",
    "kill -31000 1": "no signal",
    "cp --archived a b": "has no --archived",
    "df --human a": "has no --human",
    "sudo dagster instance show": "No such command",
    "crontab --list": "crontab --list",
    "frobnicate --now": "nobody checks 'frobnicate'",
}


@pytest.mark.parametrize(("line", "error"), {**AS_WRITTEN, **ALTERED}.items())
def test_wrong_commands_are_told(line: str, error: str) -> None:
    wrong = judged(shell("here", line)).wrong
    assert len(wrong) == 1
    with pytest.raises(Wrong, match=error):
        raise Wrong(wrong[0])


@pytest.mark.parametrize(
    "text",
    [
        "Roll back: sqlmesh plan prod --restore-from 2026-04-18",
        "look with dagster instance show, then go on",
        "the way back is `sqlmesh state list`",
        "→ invoke ops.backfill --sources=ebird",
        "run git log --one-line-each; it tells",
    ],
)
def test_wrong_commands_in_sentences_are_told(text: str) -> None:
    assert len(judged(prose("here", text)).wrong) == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "$ dagster instance show\nInstance\n"),
        ("sh", "sqlmesh state list\n"),
        ("console", "  → invoke ops.backfill --sources=ebird\n"),
        ("yaml", "jobs:\n  a:\n    steps:\n      - run: ops-schema-gate --format yaml\n"),
    ],
)
def test_wrong_commands_in_blocks_are_told(language: str, text: str) -> None:
    assert len(judged(in_block(Block("here", language, text))).wrong) == 1


@pytest.mark.parametrize(
    "code", ["sqlmesh state list", "ops.backfill --sources=x", "flip-bites --file=x", "X=1 git ls"]
)
def test_wrong_code_in_sentences_is_told(code: str) -> None:
    assert len(judged(in_line("here", code), judge_mention).wrong) == 1


def test_what_is_right_is_taken() -> None:
    """The same lines, put right: a judge that refuses everything would pass the tests above."""
    lines = [
        "sqlmesh state export -o x",
        "sqlmesh plan prod --restate-model x --start 2026-04-18",
        "dagster instance info",
        "dagster job backfill -j x --partitions y --noprompt",
        "soda contract verify --contract x",
        "git log --oneline",
        "invoke ops.backfill --source=x",
        "uv pip install x",
        "python -m pre_commit run",
    ]
    verdict = judged(Command("here", tuple(shlex.split(line))) for line in lines)
    assert verdict.wrong == []
    assert verdict.count == len(lines)


def test_a_flag_without_its_value_is_a_mention_only_at_the_end() -> None:
    judge_mention(["sqlmesh", "plan", "--restate-model"])
    with pytest.raises(Wrong, match="No such option"):
        judge_mention(["sqlmesh", "plan", "--restate-models"])
    with pytest.raises(Wrong, match="requires an argument"):
        judge(["sqlmesh", "plan", "--restate-model"])


def test_hooks_in_yaml_are_judged() -> None:
    found: Sequence[Command] = list(in_yaml("here", "hooks:\n  - entry: ops-large-files --ranges x\n"))
    assert len(judged(found).wrong) == 1
