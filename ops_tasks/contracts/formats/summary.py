"""What every format shares: the findings with what was compared, counted and named in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING, Finding

TASK = "schema.gate"
PAGES = "docs/rules"


@dataclass(frozen=True)
class Report:
    """Findings in order, and what they come from; see `render` for the rest."""

    findings: tuple[Finding, ...]
    base: str
    compared: int
    summaries: Mapping[str, str]
    pages: str

    @property
    def counts(self) -> dict[str, int]:
        """How many of each severity, and how many of the breaking ones are accepted."""
        counts: dict[str, int] = dict.fromkeys([BREAKING, "accepted", WARNING, ADDITIVE], 0)
        for finding in self.findings:
            counts[finding.severity] += 1
            counts["accepted"] += finding.severity == BREAKING and finding.acknowledged
        return counts

    @property
    def summary(self) -> str:
        """One line that says what was compared, also where nothing was found."""
        compared = f"{_many(self.compared, 'contract')} compared with {printable(self.base)}"
        if not self.findings:
            return f"no findings; {compared}"
        counts = self.counts
        accepted = f" ({counts['accepted']} accepted)" if counts["accepted"] else ""
        breaking = f"{counts[BREAKING]} breaking{accepted}"
        return f"{breaking}, {_many(counts[WARNING], 'warning')}, {counts[ADDITIVE]} additive; {compared}"

    def page(self, rule: str) -> str:
        """Where the page of a rule is."""
        return f"{self.pages.rstrip('/')}/{rule}.md"


def subject(finding: Finding) -> str:
    """`dataset.column`, or as much of it as there is."""
    return ".".join(part for part in (finding.dataset, finding.column) if part)


def title(finding: Finding) -> str:
    """`RULE dataset.column`."""
    return f"{finding.rule} {subject(finding)}".rstrip()


def printable(text: str) -> str:
    """One line that moves no cursor and hides nothing: every other character is written as its escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def encodable(text: str) -> str:
    """The same text, lone surrogates (bytes of a file name that are not UTF-8) written as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
