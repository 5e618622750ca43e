"""Every command that the sources emit, run or print is one that the installed program takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from tests.conformance import argued, arguments, clicks, elsewhere, own, sources, texts
from tests.conformance.checkers import CHECKERS, Wrong, judge, judge_mention
from tests.conformance.commands import Command
from tests.conformance.verdicts import judged

# What has to be found at least, so that a reader that goes blind is noticed: (commands, programs among them).
KINDS: dict[str, tuple[Callable[[], Iterable[Command]], Callable[[Sequence[str]], None], int, set[str]]] = {
    "equivalents": (sources.equivalents, judge, 10, {"sqlmesh", "dagster", "invoke", "kill"}),
    "messages": (
        sources.messages,
        judge_mention,
        160,
        {"git", "invoke", "sqlmesh", "pip", "pre-commit", "systemctl", "sudo"},
    ),
    "docstrings": (sources.docstrings, judge_mention, 45, {"invoke", "dagster", "git", "sqlmesh"}),
    "started": (arguments.started, judge, 45, {"git", "python", "dagster", "invoke", "systemctl"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_sources_say_is_taken(kind: str) -> None:
    read, how, least, programs = KINDS[kind]
    verdict = judged(read(), how)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
    assert verdict.count >= least
    assert programs <= set(verdict.programs)


def test_every_equivalent_is_read() -> None:
    assert texts.unread() == []


def test_every_judge_is_one() -> None:
    """Each of the programs that can be asked is among those that are asked."""
    asked = {*clicks.PROGRAMS, *argued.MAINS, *own.SCRIPTS, "soda", "pip", "uv", "nox", "git", "invoke", "ops", "task"}
    assert asked <= set(CHECKERS)


def test_the_extras_that_are_told_exist() -> None:
    told = arguments.given("require", 1)
    assert len(told) >= 8
    argued.extras({name for name, _ in told})
    with pytest.raises(Wrong, match="no extra gone"):
        argued.extras({"gone"})


def test_what_systemd_is_told_exists() -> None:
    told = [*arguments.given("unit_command"), *arguments.given("tell_systemd")]
    assert {verb for verb, _ in told} == {"start", "stop", "restart"}
    verdict = judged(Command(where, ("systemctl", "--user", verb, "word")) for verb, where in told)
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert elsewhere.unknown(verdict.absent) == []
