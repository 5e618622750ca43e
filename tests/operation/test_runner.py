"""Plans of made-up steps, run to each of the three ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.errors import Refused, StepFailed, UsageError
from ops_tasks.operation import runner
from ops_tasks.operation.journal import Journal, operations, read
from ops_tasks.operation.plan import Plan, Result, Run, Step, wrote_nothing
from ops_tasks.operation.runner import Outcome

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Stage:
    """A made-up operation and everything that happens in it, in order."""

    home: Path
    seen: list[str] = field(default_factory=list[str])

    def step(
        self,
        name: str,
        raises: BaseException | None = None,
        check: BaseException | None = None,
        undo: BaseException | None = None,
        act: Callable[[Run], None] = lambda _run: None,
    ) -> Step:
        def do(run: Run) -> Result:
            self.seen.append(f"do {name}")
            act(run)
            if raises is not None:
                raise raises
            return {"of": name}

        def judge(_run: Run, result: Result) -> None:
            self.seen.append(f"check {name} {result['of']}")
            if check is not None:
                raise check

        def undone(_run: Run) -> None:
            self.seen.append(f"undo {name}")
            if undo is not None:
                raise undo

        return Step(name, f"Title of {name}", do, judge, undo=undone)

    def plan(self, *steps: Step, put_back: BaseException | None = None) -> Plan:
        def back(_run: Run) -> Result:
            self.seen.append("put back")
            if put_back is not None:
                raise put_back
            return {"identical": True}

        def release(kill: bool) -> None:
            self.seen.append(f"release {'by force' if kill else 'gently'}")

        arguments = {"window": "today"}
        return Plan("ops.test", "abc123", "A test", arguments, steps, "snapshot", back, release)

    def run(self, plan: Plan, **options: Any) -> Outcome:
        return runner.run(plan, Journal(operations(self.home) / plan.operation), say=self.say, **options)

    def say(self, event: str, text: str, seconds: float | None) -> None:
        if event in ("progress", "putting_back"):
            self.seen.append(f"say {text}")
        assert (seconds is not None) == (event in ("done", "failed"))

    @property
    def events(self) -> list[str]:
        """The journal, as `event step`."""
        return [" ".join(filter(None, (e.event, e.step))) for e in read(self.home, "abc123").events]

    @property
    def status(self) -> str:
        return read(self.home, "abc123").status


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_plan_with_two_steps_of_one_name_cannot_be_made(stage: Stage) -> None:
    with pytest.raises(ValueError, match="more than one step is called 'load'"):
        stage.plan(stage.step("snapshot"), stage.step("load"), stage.step("load"))


def test_success(stage: Stage) -> None:
    plan = stage.plan(stage.step("snapshot"), stage.step("work", act=lambda run: run.say("half")))
    outcome = stage.run(plan)
    assert stage.seen == [
        *("do snapshot", "check snapshot snapshot"),
        *("do work", "say half", "check work work"),
        "release gently",
    ]
    assert (outcome.status, outcome.step, outcome.reason) == ("succeeded", None, "")
    assert outcome.results == {"snapshot": {"of": "snapshot"}, "work": {"of": "work"}}
    assert outcome.seconds.keys() == {"snapshot", "work"}
    expected = ["planned", "started snapshot", "done snapshot", "started work", "done work", "succeeded"]
    assert stage.events == expected
    assert read(stage.home, "abc123").planned["arguments"] == {"window": "today"}


def test_a_failure_before_the_snapshot_puts_nothing_back(stage: Stage) -> None:
    outcome = stage.run(stage.plan(stage.step("look", raises=ValueError("odd")), stage.step("snapshot")))
    assert stage.seen == ["do look", "release by force"]
    assert (outcome.status, outcome.step, outcome.reason) == ("put_back", "look", "ValueError: odd")
    record = read(stage.home, "abc123")
    assert record.events[-1].data == {"nothing_changed": True}
    assert "ValueError: odd" in (record.folder / "trace.log").read_text()


def test_a_trace_is_written_redacted(stage: Stage) -> None:
    plan = stage.plan(stage.step("look", raises=ValueError("s3cr3t")), stage.step("snapshot"))
    folder = operations(stage.home) / "abc123"
    runner.run(
        plan, Journal(folder, lambda text: text.replace("s3cr3t", "***")), say=lambda _event, _text, _seconds: None
    )
    trace = (folder / "trace.log").read_text(encoding="utf-8")
    assert "ValueError: ***" in trace
    assert "s3cr3t" not in trace


def test_a_failing_snapshot_puts_nothing_back(stage: Stage) -> None:
    outcome = stage.run(stage.plan(stage.step("snapshot", raises=StepFailed("no", "buy a disk")), stage.step("work")))
    assert "put back" not in stage.seen
    assert (outcome.status, outcome.reason, outcome.way_out) == ("put_back", "no", "buy a disk")


AFTER = [
    pytest.param({"raises": StepFailed("no rows", "ask")}, "put_back", "no rows", id="a step fails"),
    pytest.param({"check": StepFailed("no rows", "ask")}, "put_back", "no rows", id="a check fails"),
    pytest.param({"raises": Refused("too few", "ask")}, "refused", "too few", id="a gate refuses"),
    pytest.param({"check": Refused("too few", "ask")}, "refused", "too few", id="a check refuses"),
    pytest.param({"raises": UsageError("no such tool", "ask")}, "put_back", "no such tool", id="a tool is missing"),
    pytest.param({"raises": KeyError("x")}, "put_back", "KeyError: 'x'", id="a bug"),
    pytest.param({"raises": KeyboardInterrupt()}, "put_back", "interrupted", id="Ctrl-C"),
    pytest.param({"raises": SystemExit(0)}, "put_back", "SystemExit: 0", id="a library leaves the program"),
]


@pytest.mark.parametrize(("work", "status", "reason"), AFTER)
def test_after_the_snapshot_everything_is_put_back(
    stage: Stage, work: dict[str, Any], status: str, reason: str
) -> None:
    steps = (stage.step("look"), stage.step("snapshot"), stage.step("work", **work), stage.step("never"))
    outcome = stage.run(stage.plan(*steps))
    done = stage.seen.index("release by force")
    assert stage.seen[done:] == [
        "release by force",
        "say Make sure that every file is as it was" if status == "refused" else "say Put everything back",
        *("undo work", "undo snapshot", "undo look"),
        "put back",
    ]
    assert "do never" not in stage.seen
    assert (outcome.status, outcome.step, outcome.reason) == (status, "work", reason)
    assert stage.events[-3:] == ["failed work", "rollback_started", status]
    assert read(stage.home, "abc123").events[-1].data == {"identical": True}
    assert stage.status == status


@pytest.mark.parametrize(
    ("put_back", "undo", "why"),
    [
        (StepFailed("the snapshot is damaged", "take another"), None, "the snapshot is damaged"),
        (OSError("Input/output error"), None, "OSError: Input/output error"),
        (None, StepFailed("the daemon does not stop"), "the daemon does not stop"),
    ],
)
def test_what_cannot_be_put_back_stops_and_says_both_reasons(
    stage: Stage, put_back: BaseException | None, undo: BaseException | None, why: str
) -> None:
    steps = (stage.step("snapshot"), stage.step("work", raises=StepFailed("no rows"), undo=undo))
    outcome = stage.run(stage.plan(*steps, put_back=put_back))
    assert outcome.status == "stopped"
    assert outcome.reason == f"no rows; not put back: {why}"
    assert stage.events[-2:] == ["failed work", "rollback_started"]
    assert stage.status == "stopped"


def test_a_failing_release_is_a_failure(stage: Stage) -> None:
    """A worker that cannot be ended may still be writing."""

    def release(kill: bool) -> None:
        stage.seen.append(f"release {kill}")
        if not kill:
            raise StepFailed("it does not end")

    plan = replace(stage.plan(stage.step("snapshot"), stage.step("work")), release=release)
    outcome = stage.run(plan)
    assert outcome.status == "put_back"
    assert stage.seen[-1] == "put back"
    assert stage.status == "put_back"


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "Input/output error"), SystemExit(1)])
@pytest.mark.parametrize("work", [None, StepFailed("no rows")], ids=["success", "failure"])
def test_a_terminal_that_is_gone_changes_nothing(
    stage: Stage, error: BaseException, work: BaseException | None
) -> None:
    """`ops.backfill | head`, or a dropped line."""

    def say(event: str, text: str, seconds: float | None) -> None:
        raise error

    steps = (stage.step("snapshot", act=lambda run: run.say("x")), stage.step("work", raises=work))
    outcome = runner.run(stage.plan(*steps), Journal(operations(stage.home) / "abc123"), say=say)
    assert outcome.status == stage.status == ("put_back" if work else "succeeded")
    assert ("put back" in stage.seen) == bool(work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_back_and_an_impatient_second_does_not_disturb(stage: Stage, number: signal.Signals) -> None:
    def struck(_run: Run) -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            for other in runner.POLITE:
                os.kill(os.getpid(), other)

    def release(_kill: bool) -> None:
        os.kill(os.getpid(), number)

    before = [signal.getsignal(other) for other in runner.POLITE]
    plan = stage.plan(stage.step("snapshot"), stage.step("work", act=struck), stage.step("never"))
    outcome = stage.run(replace(plan, release=release))
    assert (outcome.status, outcome.reason) == ("put_back", f"interrupted by {number.name}")
    assert stage.seen[-1] == "put back"
    assert [signal.getsignal(other) for other in runner.POLITE] == before


def test_a_signal_after_the_last_step_is_too_late(stage: Stage) -> None:
    def release(_kill: bool) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    outcome = stage.run(replace(stage.plan(stage.step("snapshot")), release=release))
    assert outcome.status == stage.status == "succeeded"


def test_a_signal_between_two_steps(stage: Stage) -> None:
    def say(event: str, text: str, seconds: float | None) -> None:
        if event == "done" and text == "Title of snapshot":
            os.kill(os.getpid(), signal.SIGINT)

    plan = stage.plan(stage.step("snapshot"), stage.step("work"))
    outcome = runner.run(plan, Journal(operations(stage.home) / "abc123"), say=say)
    assert (outcome.status, stage.seen[-1]) == ("put_back", "put back")


def test_a_full_disk_in_the_journal_is_a_failure_like_any(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Journal.append

    def no_room(self: Journal, event: str, step: str | None = None, /, **data: Any) -> None:
        if (event, step) == ("done", "work"):
            raise OSError(28, "No space left on device")
        append(self, event, step, **data)

    monkeypatch.setattr(Journal, "append", no_room)
    outcome = stage.run(stage.plan(stage.step("snapshot"), stage.step("work")))
    assert outcome.status == stage.status == "put_back"
    assert stage.seen[-1] == "put back"


def test_a_retry_goes_on_where_it_stopped(stage: Stage) -> None:
    told: list[Mapping[str, Any]] = []
    plan = stage.plan(
        stage.step("look"), stage.step("snapshot"), stage.step("work", act=lambda r: told.append(r.results))
    )
    journal = Journal(operations(stage.home) / "abc123")
    journal.append("planned", task="ops.test", title="A test", arguments={})
    for name in ("look", "snapshot"):
        journal.append("started", name)
        journal.append("done", name, of=f"{name} before")
    journal.append("started", "work")
    done = read(stage.home, "abc123").results
    outcome = stage.run(plan, done=done)
    assert stage.seen == ["do work", "check work work", "release gently"]
    assert told[0]["snapshot"] == {"of": "snapshot before"}
    assert outcome.results == {**done, "work": {"of": "work"}}
    assert stage.events[-4:] == ["retried", "started work", "done work", "succeeded"]


def test_a_retry_that_fails_puts_back_what_the_first_try_did(stage: Stage) -> None:
    plan = stage.plan(stage.step("look"), stage.step("snapshot"), stage.step("work", raises=StepFailed("again")))
    outcome = stage.run(plan, done={"look": {}, "snapshot": {}})
    assert outcome.status == "put_back"
    assert stage.seen[-4:] == ["undo work", "undo snapshot", "undo look", "put back"]


def test_a_retry_with_nothing_left_to_do(stage: Stage) -> None:
    stage.run(stage.plan(stage.step("snapshot")), done={"snapshot": {}})
    assert stage.seen == ["release gently"]
    assert stage.events == ["retried", "succeeded"]


KILLED = """
import os, signal, sys
from pathlib import Path
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.operation.plan import Plan, Step
from ops_tasks.operation.runner import run
home, victim = Path(sys.argv[1]), sys.argv[2]
def do(name):
    def act(_run):
        if name == victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return {}
    return act
steps = tuple(Step(name, name, do(name)) for name in ("look", "snapshot", "work"))
plan = Plan("ops.test", "abc123", "A test", {}, steps, "snapshot", lambda _run: {})
run(plan, Journal(operations(home) / "abc123"), say=lambda _event, _text, _seconds: None)
"""


@pytest.mark.parametrize(("victim", "done"), [("look", set[str]()), ("work", {"look", "snapshot"})])
def test_killed_it_is_stopped_and_knows_how_far_it_came(tmp_path: Path, victim: str, done: set[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), victim], cwd=ROOT, check=False)
    assert ran.returncode == -signal.SIGKILL
    record = read(tmp_path, "abc123")
    assert (record.status, record.last_step, set(record.results)) == ("stopped", victim, done)


@pytest.mark.parametrize(
    ("fails", "untouched"),
    [("look", True), ("write", False), ("after", False)],
)
def test_who_puts_back_knows_whether_anything_was_written(stage: Stage, fails: str, *, untouched: bool) -> None:
    told: list[bool] = []
    looking = [replace(stage.step(name), wrote=wrote_nothing) for name in ("snapshot", "look")]
    steps = [*looking, stage.step("write"), replace(stage.step("after"), wrote=wrote_nothing)]

    def fail(_run: Run) -> Result:
        raise StepFailed("no")

    def back(run: Run) -> Result:
        told.append(run.untouched)
        return {"theirs": ["md:x"], "aside": ["md:x__aside_1"]}

    plan = stage.plan(*(replace(step, do=fail) if step.name == fails else step for step in steps))
    outcome = stage.run(replace(plan, put_back=back))
    assert (outcome.status, outcome.theirs, outcome.aside) == ("put_back", ("md:x",), ("md:x__aside_1",))
    assert told == [untouched]
