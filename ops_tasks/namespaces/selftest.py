"""`ops.selftest`: a person with an account proves, on a scratch database, what the MotherDuck backend relies on."""

from __future__ import annotations

from invoke.context import Context

from ops_tasks.namespaces.edge import ops_task
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape

BACKENDS = ("motherduck",)


@ops_task("selftest", public="ops.selftest", help={"backend": "What is tried: motherduck."})
def selftest(
    _context: Context,
    backend: str = "motherduck",
    plan: bool = False,
    yes: bool = False,
    stack: str = "",
    *,
    terminal: Terminal,
) -> Document:
    """Try every statement that the MotherDuck backend relies on, on a scratch database that is dropped again.

    The stack's own databases are not touched; the token is the one of the environment. Exit 1 when anything is not as
    we rely on it.

    Example: invoke ops.selftest --backend=motherduck
    """
    from ops_tasks.errors import Refused, UsageError, nearest
    from ops_tasks.namespaces.guards import agree
    from ops_tasks.operation.journal import new_id
    from ops_tasks.stack import find
    from ops_tasks.systems.crew import Crew

    if backend not in BACKENDS:
        raise UsageError(f"--backend={backend}", f"{nearest(backend, list(BACKENDS))}; for files: invoke ops.drill")
    found, operation = find(stack), new_id()
    terminal.show(f"a database ops_selftest_{operation}, its snapshots and clones are made at MotherDuck and dropped")
    if plan:
        return Document("ops.selftest", "ok", more={"database": f"ops_selftest_{operation}"})
    if not agree(terminal, "Try it?", yes=yes, command="invoke ops.selftest"):
        raise Refused("not confirmed; nothing was changed")
    with Crew(found.root) as hands:

        def say(text: str) -> None:
            terminal.step("progress", text, None)

        checks = hands.call("motherduck_selftest", "selftest", say, operation=operation)
    for check in checks:
        mark = "[green]✓[/green]" if check["ok"] else "[red]✗[/red]"
        terminal.show(f"{mark} {escape(check['title'])} [dim]{escape(check['said'])}[/dim]")
    findings = [{"reason": f"{check['title']}: {check['said']}", "way_out": ""} for check in checks if not check["ok"]]
    return Document("ops.selftest", "findings" if findings else "ok", findings=findings, more={"checks": checks})
