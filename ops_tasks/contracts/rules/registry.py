"""What a rule is, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ops_tasks.contracts.match import Change
from ops_tasks.contracts.source import Place


@dataclass(frozen=True)
class Hit:
    """Where a rule found something: `column` of the dataset, or None for the dataset itself."""

    message: str
    place: Place
    column: str | None = None


Judge = Callable[[Change], Iterator[Hit]]


@dataclass(frozen=True)
class Rule:
    """One rule: its page of documentation is `docs/rules/<id>.md`."""

    id: str
    severity: str
    judge: Judge

    @property
    def summary(self) -> str:
        """One line that says when it speaks."""
        return (self.judge.__doc__ or "").strip().splitlines()[0]


RULES: dict[str, Rule] = {}


def rule(name: str, severity: str) -> Callable[[Judge], Judge]:
    """Register a function as the rule `name`."""

    def register(judge: Judge) -> Judge:
        if name in RULES:
            raise ValueError(f"there are two rules {name}")
        RULES[name] = Rule(name, severity, judge)
        return judge

    return register
