"""The smoke run: the whole way from the sources to the contracts, in small, on a copy that is thrown away.

On the stack itself a smoke run would be destructive: a capped load of a resource that is replaced leaves the cap.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from ops_tasks.errors import OpsError
from ops_tasks.scenarios.scratch import bare, moved
from ops_tasks.scenarios.smoke_loads import load_in_small
from ops_tasks.scenarios.verify import (
    Finding,
    Say,
    Verdict,
    audits,
    contracts,
    finding,
    fixed_now,
    lost_databases,
    project,
)
from ops_tasks.scenarios.verify import sqlmesh as sqlmesh_worker
from ops_tasks.stack import Stack
from ops_tasks.systems import snapshots
from ops_tasks.systems.worker import Worker

CAP = {"DATABOX_SMOKE": "1"}
DAYS = 2


def smoke(stack: Stack, say: Say) -> Verdict:
    """Copy the stack, load every source with `DATABOX_SMOKE=1`, compute every model, audit, verify; remove the copy.

    The newest two days are computed again even where nothing is due: a run that computes nothing proves nothing.
    """
    if lost := lost_databases(stack):
        return Verdict("smoke", "not run", lost, {})
    seen = _stamps(stack)
    with _copied(stack, say) as copy, sqlmesh_worker(copy, "sqlmesh_apply", env=moved(stack, copy)) as worker:
        worker.call("stays_inside", say, project=str(copy.project), folder=str(copy.root))
        verdict = _run(stack, copy, worker, say)
    changed = [
        finding(f"{name} changed meanwhile: by another process, or by a load that writes to fixed paths", file=name)
        for name, stamp in _stamps(stack).items()
        if seen.get(name) != stamp
    ]
    return replace(verdict, findings=(*verdict.findings, *changed))


def _run(stack: Stack, copy: Stack, worker: Worker, say: Say) -> Verdict:
    findings: list[Finding] = []
    more: dict[str, Any] = {"loaded": {}}
    for name in stack.config.sources:
        try:
            more["loaded"][name] = load_in_small(copy, name, say, CAP | moved(stack, copy))
        except OpsError as error:
            findings.append(finding(f"loading {name} failed: {error.reason}", error.way_out, source=name))
    try:
        more["computed"] = _compute(stack, copy, worker, say)
    except OpsError as error:
        findings.append(finding(f"computing the models failed: {error.reason}", error.way_out))
    else:
        for check in (audits, contracts) if stack.config.contracts else (audits,):
            verdict = check(copy, say)
            findings += verdict.findings
            more[verdict.name] = verdict.said
    said = f"{len(more['loaded'])} sources loaded, {len(more.get('computed', []))} models computed"
    return Verdict("smoke", said, tuple(findings), more)


def _compute(stack: Stack, copy: Stack, worker: Worker, say: Say) -> list[str]:
    today = stack.today()
    done = worker.call(
        "compute",
        say,
        **project(copy),
        environment=copy.config.sqlmesh.environment,
        start=(today - timedelta(days=DAYS)).isoformat(),
        end=(today - timedelta(days=1)).isoformat(),
        keep_history=False,
        now=fixed_now(stack),
    )
    worker.close()
    return cast("list[str]", done["computed"])


def _stamps(stack: Stack) -> dict[str, tuple[int, int]]:
    """Size and time of every database file and WAL of the stack itself."""
    files = [name for path in stack.duckdb_files for name in (path, path.with_name(f"{path.name}.wal"))]
    return {stack.relative(f): (f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.exists()}


@contextmanager
def _copied(stack: Stack, say: Say) -> Generator[Stack]:
    """A copy of the whole stack, the state set taken under locks."""
    with bare(stack, "smoke", 2 * snapshots.set_bytes(stack)) as copy:
        databases = [stack.relative(path) for path in stack.duckdb_files]
        folders = [stack.relative(path) for path in stack.folders if path.is_dir()]
        say("copying the databases")
        with Worker("files", cwd=stack.root) as worker:
            worker.call("copy_set", say, root=str(stack.root), target=str(copy.root), files=databases, folders=folders)
        for path in (path for state in folders for path in (stack.root / state).rglob("*") if path.is_dir()):
            # dlt 1.31 does not make these again, and fails without them.
            (copy.root / stack.relative(path)).mkdir(parents=True, exist_ok=True)
        yield copy
