"""Annotations of a pull request: workflow commands that the runner of GitHub Actions reads from the log."""

from __future__ import annotations

from ops_tasks.contracts.findings import WARNING, Finding
from ops_tasks.contracts.formats.summary import Report, encodable, title


def as_commands(report: Report) -> str:
    """A command per finding and the summary as a plain line.

    Of each kind GitHub shows the first ten of a step only; the log has them all.
    """
    return "\n".join([*(_command(finding) for finding in report.findings), report.summary, ""])


def _command(finding: Finding) -> str:
    kind = "error" if finding.refuses else "warning" if finding.severity == WARNING else "notice"
    below = f"\nto accept it: {finding.ack}" if finding.refuses and finding.ack else ""
    if finding.acknowledged:
        kind, below = "notice", f"\naccepted: {finding.reason}"
    properties = {
        "file": finding.file,
        "line": str(finding.line),
        "col": str(finding.offset),
        "title": title(finding),
    }
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {told}::{_data(finding.message + below)}"


def _data(text: str) -> str:
    """As `escapeData` of @actions/core."""
    return encodable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As `escapeProperty` of @actions/core."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
