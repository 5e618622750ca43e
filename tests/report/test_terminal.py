"""What people see."""

from __future__ import annotations

import io
import json
import sys
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.namespaces import ns
from ops_tasks.operation.plan import Effect, Plan, Refusal, Result, Run, Step
from ops_tasks.report.commands import OURS, placed, placed_in, spoken
from ops_tasks.report.document import Document
from ops_tasks.report.plan import show_plan
from ops_tasks.report.terminal import BARS, Grid, Terminal, confirm, size, sparkline


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), max_size=60))
def test_a_sparkline_keeps_length_order_and_holes(values: list[int]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert all((mark == "·") == (value == 0) for mark, value in zip(line, values, strict=True))
    ranks = {value: -1 if mark == "·" else BARS.index(mark) for mark, value in zip(line, values, strict=True)}
    assert [ranks[value] for value in sorted(ranks)] == sorted(ranks.values())
    if any(values):
        assert line[values.index(max(values))] in BARS


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (1_500_000, "1.5 MB"),
        (2 * 10**9, "2.0 GB"),
        (3 * 10**15, "3000.0 TB"),
    ],
)
def test_size(count: int, words: str) -> None:
    assert size(count) == words


def test_a_command_is_one_line_however_narrow_the_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal breaks a line on its screen; a break in the text would be pasted, as the end of a command."""

    class Narrow(io.StringIO):
        def isatty(self) -> bool:
            return True

    narrow = Narrow()
    monkeypatch.setattr(sys, "stdout", narrow)
    monkeypatch.setenv("COLUMNS", "40")
    words = "invoke ops.backfill --source=ebird --start=2026-04-18 --end=2026-04-20 --stack=/srv/data/stack"
    Terminal().show(f"  → {words}")
    assert words in narrow.getvalue()


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), (" YES ", True), ("", False), ("n", False), ("yo", False)])
def test_only_a_clear_yes_is_one(monkeypatch: pytest.MonkeyPatch, answer: str, agreed: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer + "\n"))
    assert confirm("Really?") is agreed


def test_nobody_there_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert confirm("Really?") is False


@pytest.mark.parametrize("json", [True, False])
def test_text_stays_out_of_the_way_of_json(capsys: pytest.CaptureFixture[str], json: bool) -> None:
    Terminal(json=json).show("hello")
    seen = capsys.readouterr()
    assert (seen.err if json else seen.out) == "hello\n"
    assert (seen.out if json else seen.err) == ""


def test_events_are_a_line_each_and_secrets_are_hidden(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "very-secret")
    terminal = Terminal()
    terminal.step("started", "Load very-secret", None)
    terminal.step("progress", "half", None)
    terminal.step("done", "Load very-secret", 1.23)
    terminal.step("failed", "Swap [red]x", 0.5)
    terminal.step("putting_back", "Put everything back", None)
    assert capsys.readouterr().out.splitlines() == ["✓ Load *** 1.2 s", "✗ Swap [red]x 0.5 s", "↩ Put everything back"]


def test_a_plan_shows_effects_steps_commands_and_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    def nothing(_run: Run) -> Result:
        return {}

    plan = Plan(
        task="ops.test",
        operation="abc123",
        title="A test",
        arguments={},
        steps=(Step("a", "Take [a] snapshot", nothing, equivalent="cp x y"), Step("b", "Swap", nothing)),
        snapshot="a",
        put_back=nothing,
        effects=(Effect("raw.main.obs", "exchanged"), Effect("snap", "taken", 2_000_000)),
        notes=("SCD is left alone",),
        refusals=(Refusal("too old", "load it first"),),
    )
    show_plan(Terminal(), plan, 10**9, done={"b"})
    seen = capsys.readouterr().out
    for words in (
        "Plan abc123: A test",
        "~ raw.main.obs: exchanged",
        "~ snap: taken 2.0 MB of 1.0 GB free",
        "! SCD is left alone",
        "1. Take [a] snapshot",
        "$ cp x y",
        "2. Swap (done)",
        "✗ too old",
        "→ load it first",
    ):
        assert words in seen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Undo: invoke ops.rollback 3f9c2a", "Undo: invoke ops.rollback 3f9c2a --stack=/s"),
        (
            "invoke ops.retry 3f9c2a (goes on), or invoke ops.rollback 3f9c2a",
            "invoke ops.retry 3f9c2a --stack=/s (goes on), or invoke ops.rollback 3f9c2a --stack=/s",
        ),
        ("invoke ops.doctor says what is wrong", "invoke ops.doctor --stack=/s says what is wrong"),
        (
            "invoke ops.backfill --source=a --start=2026-04-18 --yes",
            "invoke ops.backfill --source=a --start=2026-04-18 --yes --stack=/s",
        ),
        ("look again: invoke db.reset --plan", "look again: invoke db.reset --plan --stack=/s"),
        ("invoke full-refresh", "invoke full-refresh --stack=/s"),
        (
            "invoke ops.restore --at='2026-11-28 10:06' --tz=Europe/Berlin --yes, or nothing",
            "invoke ops.restore --at='2026-11-28 10:06' --tz=Europe/Berlin --yes --stack=/s, or nothing",
        ),
        (
            """(invoke snapshot.create --name=a --why='it'"'"'s; (old)' --yes)""",
            """(invoke snapshot.create --name=a --why='it'"'"'s; (old)' --yes --stack=/s)""",
        ),
        (
            'invoke snapshot.keep --why="say \\"so\\", twice" --yes',
            'invoke snapshot.keep --why="say \\"so\\", twice" --yes --stack=/s',
        ),
        (
            "'invoke ops.doctor --deep' or 'invoke verify'",
            "'invoke ops.doctor --deep --stack=/s' or 'invoke verify --stack=/s'",
        ),
        ("describe it: invoke ops.init", "describe it: invoke ops.init"),
        ("kill 123", "kill 123"),
    ],
)
def test_commands_carry_the_stack_that_was_given(text: str, told: str) -> None:
    assert placed(text, " --stack=/s") == told
    assert placed(text, "") == text


OTHERS = (
    "invoke load.noaa --day=1",
    "could not invoke function",
    "cannot invoke aggregate function",
    "invoke ops.nothing",
)


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_task_of_ours_comes_through_unchanged(text: str) -> None:
    assert placed(text, " --stack=/s") == text


def test_ours_are_the_tasks_of_the_collection() -> None:
    assert all({name, *others} & set(OURS) for name, others in ns.task_names.items())
    for name, takes in OURS.items():
        assert takes == any(flag.name == "stack" for flag in ns[name].get_arguments())


def test_a_document_keeps_its_files_and_marks_quoted_values() -> None:
    finding, diff = {"way_out": "invoke ops.restore --at='a \"b\"' --plan"}, ["+ run: invoke ops.doctor"]
    document = Document("t", "ok", findings=[finding], more={"diff": diff})
    told = json.loads(document.json(partial(placed_in, place=" --stack='/a b'")))
    assert told["diff"] == diff
    assert told["findings"] == [{"way_out": f"{finding['way_out']} --stack='/a b'"}]


def test_a_text_of_a_file_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(place=" --stack=/s")
    terminal.show("run: invoke ops.doctor", verbatim=True)
    terminal.show("run: invoke ops.doctor")
    assert capsys.readouterr().out.splitlines() == ["run: invoke ops.doctor", "run: invoke ops.doctor --stack=/s"]


def test_cells_of_a_table_are_as_clean_as_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "very-secret")
    table = Grid(("what", "why"))
    table.add_row("[red]very-secret[/red]", "token=abcdefgh \x1b[2J")
    Terminal().show(table)
    assert capsys.readouterr().out.split() == ["what", "why", "***", "token=***", "␛[2J"]


def test_a_terminal_is_not_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    odd, clean = "a\x1b[2J\x1b]0;title\x07b\rc\u202ed\x9b1mé", "a␛[2J␛]0;title␇b␍c\ufffdd\ufffd1mé"
    terminal = Terminal()
    terminal.raw(f"{odd}\n")
    terminal.step("failed", odd, 1.0)
    assert capsys.readouterr().out.splitlines() == [clean, f"✗ {clean} 1.0 s"]


def test_the_ops_program_tells_commands_of_its_own() -> None:
    before = spoken.set("ops")
    try:
        text = "invoke ops.retry 3f9c2a, invoke full-refresh, or invoke verify.drift; kill 123"
        assert placed(text, "") == "ops retry 3f9c2a, ops full-refresh, or ops verify.drift; kill 123"
        assert placed("invoke ops.doctor", " --stack=/s") == "ops doctor --stack=/s"
        for text in OTHERS:
            assert placed(text, " --stack=/s") == text
    finally:
        spoken.reset(before)
