"""The `schema` namespace: the gates over contracts, as the hooks of the same names run them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape
from ops_tasks.stack import Stack, find


@ops_task(
    "gate",
    public="schema.gate",
    help={
        "base": "Revision to compare with; its merge base with HEAD counts (default: origin/main, or that of GitHub).",
        "contracts": "Folder of the contracts (default: that of the stack).",
        "staged": "Judge what is staged, not the work tree.",
        "exact": "Compare with the revision itself, not with the merge base.",
        "acks": "File of accepted changes (default: ops-acks.yaml).",
        "pr_body_file": "File with the text of the pull request.",
        "strict": "Refuse warnings as well.",
    },
)
def gate(
    _context: Context,
    base: str = "",
    contracts: str = "",
    staged: bool = False,
    exact: bool = False,
    acks: str = "",
    pr_body_file: str = "",
    strict: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Compare the Soda contracts with those at a revision, and refuse what breaks a promise.

    Example: invoke schema.gate --base=origin/main
    """
    where = find(stack) if stack else None
    valued = {"base": base, "contracts": contracts or _contracts(where), "acks": acks, "pr-body-file": pr_body_file}
    words = [f"--{name}={value}" for name, value in valued.items() if value]
    words += [f"--{name}" for name, on in {"staged": staged, "exact": exact, "strict": strict}.items() if on]
    return _run("schema.gate", "ops_hooks.schema_gate", words, terminal, where)


@ops_task(
    "lint",
    public="schema.lint",
    help={
        "contracts": "Folder of the contracts (default: that of the stack).",
        "project": "Folder of the SQLMesh project (default: that of the stack).",
        "load": "Let SQLMesh itself say which columns each model has.",
    },
)
def lint(
    _context: Context,
    contracts: str = "",
    project: str = "",
    load: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Hold every contract to Soda's own schema, every mart to row_count and freshness, every column to its model.

    Example: invoke schema.lint
    """
    where = find(stack) if stack else None
    models = project or (str(where.project) if where else "")
    valued = {"contracts": contracts or _contracts(where), "project": models}
    words = [f"--{name}={value}" for name, value in valued.items() if value] + (["--load"] if load else [])
    return _run("schema.lint", "ops_hooks.contract_lint", words, terminal, where)


def _contracts(where: Stack | None) -> str:
    """The contracts of a stack that was asked for by its folder; the hooks find those of the nearest one themselves."""
    if where is None:
        return ""
    if where.config.contracts is None:
        raise UsageError(f"{where.file} names no contracts", "ops.contracts in invoke.yaml, or --contracts=DIR")
    return str(where.root / where.config.contracts.path)


def _run(task: str, module: str, words: Sequence[str], terminal: Terminal, where: Stack | None) -> Document:
    """Run a hook as a program: one way to judge, whoever asks."""
    import subprocess
    import sys

    form = "json" if terminal.json else "text"
    command = [sys.executable, "-m", module, *words, f"--format={form}"]
    folder = where.root if where else None
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1) or not ran.stdout:
        line = ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"{module} ended with {ran.returncode}"
        raise UsageError(line.partition(": ")[2] or line)
    status = "findings" if ran.returncode else "ok"
    if ran.stderr:
        terminal.show(escape(ran.stderr.rstrip("\n")))
    if not terminal.json:
        terminal.show(escape(ran.stdout.rstrip("\n")))
        return Document(task, status)
    document: dict[str, Any] = json.loads(ran.stdout)
    more = {key: value for key, value in document.items() if key not in ("schema", "task", "status", "findings")}
    return Document(task, status, findings=document["findings"], more=more)


ns = Collection("schema", gate, lint)
