"""What a gate or a lint finds: one value for every rule, with its place in a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BREAKING = "breaking"
WARNING = "warning"
ADDITIVE = "additive"
SEVERITIES = (BREAKING, WARNING, ADDITIVE)


@dataclass(frozen=True)
class Finding:
    """One finding of a rule.

    `dataset` is the qualified name as the contract writes it, `column` the name of a column of it, or None. `file` is
    relative to the repository's root; `line` and `offset` count from 1 and are 1 where the whole file is meant.
    """

    rule: str
    severity: str
    dataset: str
    column: str | None
    file: str
    line: int
    offset: int
    message: str
    acknowledged: bool = False
    reason: str = ""
    """Why it was accepted, where it was."""

    @property
    def refuses(self) -> bool:
        """Whether it stops a change: breaking, and nobody has accepted it."""
        return self.severity == BREAKING and not self.acknowledged

    @property
    def ack(self) -> str:
        """The line that accepts exactly this finding, its reason still to be written."""
        if self.severity != BREAKING or not self.dataset or " " in self.dataset:
            return ""  # a name with a blank can be accepted in the file only
        return f"accept-breaking-change: {self.dataset} {self.rule} -- <reason>"


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Sort by file, line and rule, so that the same change always gives the same output."""
    return sorted(found, key=lambda one: (one.file, one.line, one.offset, one.rule, one.column or "", one.message))
