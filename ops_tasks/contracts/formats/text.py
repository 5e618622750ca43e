"""For a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ops_tasks.contracts.findings import Finding
from ops_tasks.contracts.formats.summary import PAGES, Report, printable, subject


def as_text(report: Report) -> str:
    """A paragraph per file; below a finding, what to do about it; the summary last."""
    told: set[str] = set()
    lines: list[str] = []
    for _, findings in groupby(report.findings, key=lambda finding: finding.file):
        for finding in findings:
            lines += _finding(finding, report, told)
        lines.append("")
    return "\n".join([*lines, report.summary, ""])


def _finding(finding: Finding, report: Report, told: set[str]) -> Iterator[str]:
    """Its line and what belongs to it; the page of a rule where the rule appears first."""
    place = f"{finding.file}:{finding.line}:{finding.offset}"
    parts = [place, f"{finding.severity.upper()} {finding.rule}", subject(finding), finding.message]
    yield "  ".join(printable(part) for part in parts if part)
    if finding.refuses and finding.ack:
        yield f"    to accept it: {printable(finding.ack)}"
    if finding.acknowledged:
        yield f"    accepted: {printable(finding.reason)}"
    if finding.rule not in told:
        told.add(finding.rule)
        yield f"    about it: {_page(report, finding.rule)}"


def _page(report: Report, rule: str) -> str:
    """The command that shows the page, which is installed with the hook, or its address where one was given."""
    return f"ops-schema-gate --explain {rule}" if report.pages == PAGES else printable(report.page(rule))
