"""`verify.*`: is the stack well? Nothing of the stack is changed by any of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.scenarios.verify import Say, Verdict
    from ops_tasks.stack import Stack

ENVIRONMENT = {"environment": "The SQLMesh environment whose schemas are meant."}


@ops_task("smoke", default=True, public="verify")
def smoke(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Load, transform and check everything once, in small, on a throw-away copy of the stack.

    The stack itself is not touched. Exit 1 when anything fails.
    Example: invoke verify --stack=.sandbox/stack
    """
    from ops_tasks.scenarios.smoke import smoke as run

    return _one(terminal, stack, "verify", "Smoke run on a copy", run)


@ops_task("dev", help=ENVIRONMENT, public="verify.dev")
def dev(c: Context, stack: str = "", environment: str = "dev", *, terminal: Terminal) -> Document:
    """Verify every contract against the schemas of a development environment.

    An environment or a table that is not there is a finding, never a pass.
    Example: invoke verify.dev --environment=dev
    """
    from ops_tasks.scenarios.verify import contracts

    title = f"Contracts in {environment}"
    return _one(terminal, stack, "verify.dev", title, lambda s, say: contracts(s, say, environment=environment))


@ops_task("contracts", public="verify.contracts")
def contracts_task(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Verify every Soda contract against prod.

    A contract has passed when all of its checks ran and passed.
    Example: invoke verify.contracts --json
    """
    from ops_tasks.scenarios.verify import contracts

    return _one(terminal, stack, "verify.contracts", "Contracts", contracts)


@ops_task("audit", public="verify.audit")
def audit(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Run the SQLMesh audits of every deployed model; no audit at all is a finding.

    Example: invoke verify.audit
    """
    from ops_tasks.scenarios.verify import audits

    return _one(terminal, stack, "verify.audit", "Audits", audits)


@ops_task("freshness", public="verify.freshness")
def freshness(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Compare the newest day of every dated mart with the freshness its contract asks for.

    Example: invoke verify.freshness
    """
    from ops_tasks.scenarios.verify import contracts

    return _one(terminal, stack, "verify.freshness", "Freshness", lambda s, say: contracts(s, say, freshness=True))


@ops_task("drift", public="verify.drift")
def drift_task(c: Context, stack: str = "", *, terminal: Terminal) -> Document:
    """Compare SQLMesh's state with the tables, views and rows that are really there, for every environment.

    Example: invoke verify.drift
    """
    from ops_tasks.scenarios.verify import drift

    return _one(terminal, stack, "verify.drift", "State against warehouse", drift)


def tell(terminal: Terminal, title: str, body: Callable[[Say], Verdict]) -> Verdict:
    """Run one verification and show how it went; one that breaks is a finding, never a pass."""
    import time

    from ops_tasks.errors import Refused, StepFailed
    from ops_tasks.scenarios.verify import Verdict, finding

    began = time.monotonic()
    terminal.step("started", title, None)
    try:
        verdict = body(lambda text: terminal.step("progress", text, None))
    except (StepFailed, Refused) as error:
        broken = finding(f"it could not run: {error.reason}", error.way_out)
        verdict = Verdict(title.lower(), "not run", (broken,), {})
    except BaseException:
        terminal.step("failed", title, time.monotonic() - began)
        raise
    terminal.step("failed" if verdict.findings else "done", f"{title}: {verdict.said}", time.monotonic() - began)
    for found in verdict.findings:
        terminal.show(f"  {escape(found['reason'])}")
        if found["way_out"]:
            terminal.show(f"    → {escape(found['way_out'])}")
    return verdict


def document(task: str, *verdicts: Verdict) -> Document:
    """One document of one or several verifications; what only one of them says stands at the top."""
    findings = [found for verdict in verdicts for found in verdict.findings]
    more = dict(verdicts[0].more) if len(verdicts) == 1 else {verdict.name: verdict.more for verdict in verdicts}
    return Document(task, "findings" if findings else "ok", findings=findings, more=more)


def _one(terminal: Terminal, folder: str, task: str, title: str, body: Callable[[Stack, Say], Verdict]) -> Document:
    from ops_tasks.stack import find

    stack = find(folder)
    return document(task, tell(terminal, title, lambda say: body(stack, say)))


ns = Collection("verify", smoke, dev, contracts_task, audit, freshness, drift_task)
