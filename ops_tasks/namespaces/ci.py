"""`ci`: everything about a stack that can be checked without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal

if TYPE_CHECKING:
    from ops_tasks.scenarios.verify import Verdict


@ops_task("ci")
def ci(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Run the project's unit tests, the audits, the contracts and the drift check; exit 1 on any finding.

    Of unit tests, audits and contracts, those that the stack has none of are told and do not count.

    Example: invoke ci --stack=.sandbox/stack --json
    """
    from ops_tasks.namespaces.verify import document, tell
    from ops_tasks.scenarios.verify import drift, lost_databases, sqlmesh
    from ops_tasks.scenarios.whole import audits, contracts, unit_tests
    from ops_tasks.stack import find

    found = find(stack)
    checks = (("Unit tests", unit_tests), ("State against warehouse", drift), ("Audits", audits))
    verdicts: list[Verdict] = []
    if not lost_databases(found):
        with sqlmesh(found) as worker:
            verdicts = [
                tell(terminal, title, lambda say, check=check: check(found, say, worker)) for title, check in checks
            ]
    verdicts.append(tell(terminal, "Contracts", lambda say: contracts(found, say)))
    return document("ci", *verdicts)


top = [ci]
