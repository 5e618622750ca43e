"""Judge many commands at once: what is wrong, what nobody here can say, and how many were looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.conformance import argued, clicks, machine, own
from tests.conformance.checkers import Absent, Wrong, judge
from tests.conformance.commands import Command

# Each of these registers its judges when it is imported.
JUDGES = (argued, clicks, machine, own)


@dataclass
class Verdict:
    """`wrong` and `absent` are sentences; `programs` counts the command lines by program."""

    wrong: list[str] = field(default_factory=list[str])
    absent: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    programs: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def count(self) -> int:
        """How many command lines were judged."""
        return sum(self.programs.values())


def judged(commands: Iterable[Command], how: Callable[[Sequence[str]], None] = judge) -> Verdict:
    """Judge every command, each distinct line once."""
    verdict, seen = Verdict(), dict[tuple[str, ...], str]()
    for command in commands:
        verdict.programs[command.program] = verdict.programs.get(command.program, 0) + 1
        if command.words not in seen:
            try:
                how(command.words)
                seen[command.words] = ""
            except Wrong as wrong:
                seen[command.words] = str(wrong)
            except Absent:
                seen[command.words] = ""
                verdict.absent.append(command.words)
        if seen[command.words]:
            verdict.wrong.append(f"{command}  <- {seen[command.words]}")
    return verdict
