"""The checks of a whole stack, for a run of all of them: what the stack has none of does not apply, and is told.

Asked for alone, each of them is a finding or an error there: nobody asks for what is not meant to be.
"""

from __future__ import annotations

from ops_tasks.scenarios import verify
from ops_tasks.scenarios.verify import Say, Verdict
from ops_tasks.stack import Stack
from ops_tasks.systems.worker import Worker

ABSENT = "does not apply"


def unit_tests(stack: Stack, say: Say, shared: Worker | None = None) -> Verdict:
    """The project's unit tests."""
    verdict = verify.unit_tests(stack, say, shared)
    none = not verdict.more["run"] and not verdict.more["problems"]
    return _absent(verdict, "the SQLMesh project has no unit tests") if none else verdict


def audits(stack: Stack, say: Say, shared: Worker | None = None) -> Verdict:
    """The audits of every model, where any model declares one."""
    verdict = verify.audits(stack, say, shared)
    models = verdict.more.get("models", 0)
    none = models and len(verdict.more["without"]) == models and not verdict.more["broken"]
    return _absent(verdict, "no model declares an audit") if none else verdict


def contracts(stack: Stack, say: Say) -> Verdict:
    """Every contract, where they are configured."""
    if stack.config.contracts is None:
        return _absent(Verdict("contracts", "", (), {}), "no contracts are configured")
    return verify.contracts(stack, say)


def _absent(verdict: Verdict, why: str) -> Verdict:
    return Verdict(verdict.name, f"{ABSENT}, {why}", (), {**verdict.more, "absent": why})
