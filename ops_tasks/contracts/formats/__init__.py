"""Findings as text, JSON, GitHub annotations, JUnit or SARIF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ops_tasks.contracts.findings import Finding, in_order
from ops_tasks.contracts.formats.summary import PAGES, Report
from ops_tasks.errors import UsageError, nearest

FORMATS = ("text", "json", "github", "junit", "sarif")

__all__ = ["FORMATS", "PAGES", "Report", "render"]


def render(
    findings: Iterable[Finding],
    format: str,
    *,
    base: str,
    compared: int,
    summaries: Mapping[str, str] | None = None,
    pages: str = PAGES,
) -> str:
    """One document that ends with a newline and can be encoded as UTF-8, whatever the files are called.

    `base` is the revision and `compared` the number of contracts that were compared with it. `summaries` maps rule id
    -> one line about it, for SARIF. `pages` is where the pages of the rules are, a path or a URL. Raises `UsageError`
    for a format that does not exist.
    """
    report = Report(tuple(in_order(findings)), base, compared, summaries or {}, pages)
    # Each is imported when it is asked for: the hook starts often, and mostly writes text.
    match format:
        case "text":
            from ops_tasks.contracts.formats.text import as_text

            return as_text(report)
        case "json":
            from ops_tasks.contracts.formats.document import as_json

            return as_json(report)
        case "github":
            from ops_tasks.contracts.formats.github import as_commands

            return as_commands(report)
        case "junit":
            from ops_tasks.contracts.formats.junit import as_junit

            return as_junit(report)
        case "sarif":
            from ops_tasks.contracts.formats.sarif import as_sarif

            return as_sarif(report)
        case _:
            raise UsageError(f"there is no format {format!r}", nearest(format, list(FORMATS)))
