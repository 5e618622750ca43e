"""`ops.init`: one command that describes a stack to this suite, and puts its hooks in place."""

from __future__ import annotations

from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from invoke.context import Context

from ops_tasks.errors import UsageError
from ops_tasks.namespaces.edge import ops_task
from ops_tasks.namespaces.guards import agree
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Grid, Terminal, escape

if TYPE_CHECKING:
    from ops_tasks.discovery.facts import Found
    from ops_tasks.discovery.writing import Edit

TASK = "ops.init"


@ops_task(
    "init",
    public=TASK,
    help={"dir": "Folder that holds the whole stack (default: the working directory)."},
)
def init(_context: Context, dir: str = "", plan: bool = False, yes: bool = False, *, terminal: Terminal) -> Document:
    """Look around in a project and write down what is there: databases, sources, their loads, contracts, Dagster.

    Writes an `ops:` section into invoke.yaml, a tasks.py if there is none, hooks into .pre-commit-config.yaml and lines
    into .gitignore. What is there stays as it is, comments and order included; a second run changes nothing. What had
    to be guessed is marked with a question, and ops.doctor repeats it until the mark is removed.

    Example: invoke ops.init --plan
    """
    from ops_tasks.discovery.described import file_of, root_of
    from ops_tasks.discovery.edits import edits
    from ops_tasks.discovery.look import around
    from ops_tasks.scenarios.prevention_hooks import HOOKS
    from ops_tasks.systems.requirement import requirement

    folder = Path(dir or ".").expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "give --dir the folder that holds the whole stack")
    file = file_of(folder)
    found = around(root_of(file), lambda text: terminal.step("progress", text, None))
    _explain(terminal, found)
    made, notes = edits(file, found, HOOKS, requirement(), as_invoke)
    for note in (*found.notes, *notes):
        terminal.show(f"[yellow]![/yellow] {escape(note)}")
    changing = [edit for edit in made if edit.changes]
    diff = [line for edit in changing for line in _diff(edit, folder)]
    questions = [{"key": fact.name, "question": fact.question} for fact in found.questions]
    more: dict[str, Any] = {
        "found": [asdict(fact) | {"key": fact.name} for fact in found.facts],
        "questions": questions,
        "notes": [*found.notes, *notes],
        "diff": diff,
        "written": [],
    }
    if not changing:
        terminal.show("[green]✓[/green] everything is written down already; nothing was changed.")
        return Document(TASK, "ok", more=more)
    terminal.show()
    terminal.show(_coloured(diff), verbatim=True)
    if plan:
        return Document(TASK, "ok", more=more)
    names = ", ".join(_name(edit, folder) for edit in changing)
    if not agree(terminal, f"Write {names}?", yes=yes, command="invoke ops.init"):
        terminal.show("Nothing was changed.")
        return Document(TASK, "refused", findings=[{"reason": "not confirmed", "way_out": ""}], more=more)
    from ops_tasks.discovery.edits import write

    write(changing)
    terminal.show(f"[green]✓[/green] written: {escape(names)}")
    for fact in found.questions:
        terminal.show(f"[yellow]?[/yellow] {escape(fact.name)}: {escape(fact.question)}")
    terminal.show("  → invoke ops.doctor")
    terminal.show("  → invoke ops.prevention")
    return Document(TASK, "ok", more=more | {"written": [str(edit.path) for edit in changing]})


def as_invoke(text: str) -> Any:
    """What Invoke's own loader makes of a configuration."""
    from invoke.util import yaml

    loader: Any = yaml
    try:
        return loader.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"Invoke cannot read this: {str(error).splitlines()[0]}", "mend it first") from None


def _explain(terminal: Terminal, found: Found) -> None:
    table = Grid(("found", "value", "because"), fold=True)
    for fact in found.facts:
        because = escape(fact.why) + (f" [yellow]? {escape(fact.question)}[/yellow]" if fact.question else "")
        table.add_row(escape(fact.name.removeprefix("ops.")), escape(_value(fact.value)), because)
    terminal.show(table)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(one)}" for key, one in cast("dict[str, Any]", value).items()) or "–"
    if isinstance(value, list):
        return " ".join(map(str, cast("list[Any]", value)))
    return "–" if value is None else str(value)


def _diff(edit: Edit, folder: Path) -> list[str]:
    name = _name(edit, folder)
    before = "" if edit.before is None else edit.before
    old = name if edit.before is not None else "/dev/null"
    return list(unified_diff(before.splitlines(), edit.after.splitlines(), old, name, lineterm=""))


def _name(edit: Edit, folder: Path) -> str:
    return edit.path.relative_to(folder).as_posix() if edit.path.is_relative_to(folder) else str(edit.path)


def _coloured(lines: list[str]) -> str:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "\n".join(
        f"[{colours[line[0]]}]{escape(line)}[/{colours[line[0]]}]" if line[:1] in colours else escape(line)
        for line in lines
    )


tasks = (init,)
