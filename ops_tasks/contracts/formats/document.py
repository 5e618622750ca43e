"""One JSON document, as every task of this package writes one."""

from __future__ import annotations

import json

from ops_tasks.contracts.formats.summary import TASK, Report


def as_json(report: Report) -> str:
    """ASCII only, so that it can be written to any output; a lone surrogate comes back as it was."""
    findings = [
        {
            "rule": finding.rule,
            "severity": finding.severity,
            "dataset": finding.dataset,
            "column": finding.column,
            "file": finding.file,
            "line": finding.line,
            "offset": finding.offset,
            "message": finding.message,
            "acknowledged": finding.acknowledged,
            "reason": finding.reason,
            "ack": finding.ack,
        }
        for finding in report.findings
    ]
    document = {
        "schema": "ops/1",
        "task": TASK,
        "status": "findings" if any(finding.refuses for finding in report.findings) else "ok",
        "base": report.base,
        "compared": report.compared,
        "findings": findings,
        "summary": report.counts,
    }
    return json.dumps(document, indent=2) + "\n"
