"""`ci`: everything about a stack that can be checked without changing it."""

from __future__ import annotations

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal


@ops_task("ci")
def ci(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Run the project's unit tests, the audits, the contracts and the drift check; exit 1 on any finding.

    Example: invoke ci --stack=.sandbox/stack --json
    """
    from ops_tasks.namespaces.verify import document, tell
    from ops_tasks.scenarios.verify import audits, contracts, drift, unit_tests
    from ops_tasks.stack import find

    found = find(stack)
    verdicts = [
        tell(terminal, title, lambda say, check=check: check(found, say))
        for title, check in (
            ("Unit tests", unit_tests),
            ("State against warehouse", drift),
            ("Audits", audits),
            ("Contracts", contracts),
        )
    ]
    return document("ci", *verdicts)


top = [ci]
