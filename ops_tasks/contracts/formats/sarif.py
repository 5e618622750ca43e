"""SARIF 2.1.0, which GitHub code scanning and editors read."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from ops_tasks import __version__
from ops_tasks.contracts.findings import WARNING, Finding
from ops_tasks.contracts.formats.summary import Report, encodable

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
DRIVER = "ops-schema-gate"
FINGERPRINT = "contractFinding/v1"


def as_sarif(report: Report) -> str:
    """One run: every rule that is known or was broken, and a result per finding. ASCII only."""
    rules = sorted({*report.summaries, *(finding.rule for finding in report.findings)})
    prints: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {"name": DRIVER, "semanticVersion": __version__, "rules": [_rule(rule, report) for rule in rules]}
        },
        "columnKind": "unicodeCodePoints",
        "properties": {"base": encodable(report.base), "compared": report.compared, "summary": report.summary},
        "results": [_result(finding, rules.index(finding.rule), prints) for finding in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: str, report: Report) -> dict[str, Any]:
    about = encodable(report.summaries.get(rule) or rule.replace("_", " ").capitalize())
    page = report.page(rule)
    told: dict[str, Any] = {
        "id": rule,
        "shortDescription": {"text": about},
        "fullDescription": {"text": about},
        "help": {"text": f"{about}\nSee {page}"},
    }
    # A helpUri must be absolute: uploads of a relative one are refused.
    return {**told, "helpUri": page} if page.startswith(("https://", "http://")) else told


def _result(finding: Finding, rule_index: int, prints: Counter[str]) -> dict[str, Any]:
    below = f"\nTo accept it: {finding.ack}" if finding.refuses and finding.ack else ""
    region = {"startLine": max(finding.line, 1), "startColumn": max(finding.offset, 1)}
    where = {"uri": _uri(finding.file), "uriBaseId": "%SRCROOT%"}
    accepted = {"kind": "external", "status": "accepted", "justification": encodable(finding.reason)}
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _level(finding),
        "message": {"text": encodable(finding.message + below)},
        "locations": [{"physicalLocation": {"artifactLocation": where, "region": region}}],
        # An empty list says that it is not suppressed; without one, nobody knows.
        "suppressions": [accepted] if finding.acknowledged else [],
        "partialFingerprints": {FINGERPRINT: _fingerprint(finding, prints)},
        "properties": {
            "severity": finding.severity,
            "dataset": encodable(finding.dataset),
            "column": encodable(finding.column) if finding.column is not None else None,
        },
    }


def _level(finding: Finding) -> str:
    """An accepted one is a note: GitHub does not read suppressions, and its check fails with an error."""
    if finding.acknowledged:
        return "note"
    return "error" if finding.refuses else "warning" if finding.severity == WARNING else "note"


def _fingerprint(finding: Finding, prints: Counter[str]) -> str:
    """The same wherever in its file the finding stands; of equal ones, each has a number."""
    parts = [finding.rule, finding.dataset, finding.column, finding.file, finding.message]
    print_ = sha256(json.dumps(parts).encode()).hexdigest()[:32]
    prints[print_] += 1
    return f"{print_}:{prints[print_]}"


def _uri(file: str) -> str:
    """A relative reference of the very bytes of the name; a colon is encoded, or it would end a scheme."""
    try:
        return quote(file.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return quote(encodable(file))
