"""`docs/cli.md`: every task from Invoke's own collection, every console script from its own `--help`, exit codes."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ops_tasks import namespaces
from ops_tasks.errors import KINDS
from ops_tasks.namespaces.edge import INTERRUPTED
from ops_tasks.report.document import EXITS

ROOT = Path(__file__).resolve().parents[1]
WIDTH = "100"
EXAMPLE = "Example: "
HEAD = """\
# Command line

This page is rendered from the tasks and programs themselves. `invoke --list` shows every task, `invoke --help TASK`
explains one. The `ops` program has the same tasks without a `tasks.py`, those of `ops.*` also without their prefix:
`ops backfill` is `invoke ops.backfill`. Each tells the commands that come next as its own.
"""
GROUPS = {
    "ops": "Incidents: what is wrong, what mends it, and what becomes of an operation.",
    "snapshot": "Copies of the whole state set.",
    "verify": "Checks that can fail.",
    "schema": "Contracts: what a change breaks, and what is missing.",
    "watch": "What runs by itself.",
    "plan": "SQLMesh's plans, shown.",
    "dagster": "Dagster's daemon and its web server.",
    "db": "The databases, as files.",
    "": "Tasks of every day, under the names that people type.",
    "sandbox": "A stack to practise on. These tasks are in this repository alone, and are no part of the plugin.",
}
MEANINGS = {
    "ok": "Done, or healthy.",
    "findings": "Something is wrong; this command changed nothing.",
    "put_back": "A step failed; everything was put back.",
}
OUTSIDE = "Also: a failure outside of an operation."
AT_A_QUESTION = "Interrupted before anything began, as at a question; nothing was changed."


def render() -> str:
    """The whole page."""
    parts = [HEAD, f"## Exit codes\n\n{exits()}\n"]
    for prefix, found in grouped().items():
        parts.append(f"## {prefix or 'Without a prefix'}\n\n{GROUPS[prefix]}\n")
        parts += [task(name, one) for name, one in found.items()]
    parts.append("## Programs\n\nThe hooks, as pre-commit and CI call them, in their own words.\n")
    parts += [script(name) for name in scripts()]
    return "\n".join(parts)


def grouped() -> dict[str, dict[str, Any]]:
    """Prefix -> full name -> task. Raises `ValueError` for a prefix that this page has no words for."""
    from sandbox.namespace import namespace as sandbox

    root = cast("Any", namespaces.build())  # Invoke does not type what a collection holds
    root.add_collection(sandbox, name="sandbox")
    names: list[str] = sorted(root.task_names)
    unknown = {name.rpartition(".")[0] for name in names} - set(GROUPS)
    if unknown:
        raise ValueError(f"no words for {', '.join(sorted(unknown))} in docs_tools/cli.py")
    return {prefix: {name: root[name] for name in names if name.rpartition(".")[0] == prefix} for prefix in GROUPS}


def scripts() -> list[str]:
    """The hooks among the console scripts that this project declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [name for name in project["scripts"] if name.startswith("ops-")]


def exits() -> str:
    """Exit codes with what they mean and the status of the document."""
    meanings = {kind.exit_code: str(kind.__doc__).splitlines()[0] for kind in KINDS.values()}
    meanings |= {EXITS[status]: meaning for status, meaning in MEANINGS.items()}
    meanings[EXITS["error"]] += f" {OUTSIDE}"
    meanings[INTERRUPTED] = AT_A_QUESTION
    told = {code: [f"`{status}`" for status, one in EXITS.items() if one == code] for code in meanings}
    rows = ["| exit | meaning | `status` of the JSON document |", "|---|---|---|"]
    rows += [f"| {code} | {meanings[code]} | {', '.join(told[code] or ['`error`'])} |" for code in sorted(meanings)]
    return "\n".join([*rows, "", "`ops` ends with 2 for an unknown task or flag too; `invoke` itself ends with 1."])


def task(name: str, found: Any) -> str:
    """A task's own words, its example, its flags."""
    text, _, example = (inspect.getdoc(found) or "").partition(EXAMPLE)
    lines = [f"### {name}", "", text.strip()]
    if example:
        lines += ["", "```sh", example.strip().replace("inv ", "invoke ", 1), "```"]
    arguments = taken(found)
    given = [one for one in arguments if one.positional]
    if given:
        lines += ["", *(f"`{one.name.upper()}`: {cell(one.help)}" for one in given)]
    if rest := [one for one in arguments if not one.positional]:
        lines += ["", "| flag | value | default | |", "|---|---|---|---|", *(flag(one) for one in rest)]
    return "\n".join([*lines, ""])


def taken(found: Any) -> Sequence[Any]:
    """A task's arguments. Invoke takes their texts out of the task when it is asked, so they are given back."""
    texts = dict(found.help)
    arguments: Sequence[Any] = found.get_arguments()
    found.help = texts
    return arguments


def flag(one: Any) -> str:
    """A row of a task's table: the long and the short flag, what goes behind it, what it is without."""
    long, *letters = one.names
    short = [f"`-{name}`" for name in letters]
    shown = ", ".join([f"`--{long}`", *short])
    many = one.kind is list
    value = {bool: "", list: "text, repeatable", int: "number"}.get(one.kind, "text")
    # What is left out: `inspect`'s own mark for no default, and values that say "nothing".
    default = "" if many or one.default in (False, "", None) else f"`{one.default}`"
    return f"| {shown} | {value} | {default} | {cell(one.help or '')} |"


def cell(text: str) -> str:
    """A text that fits into a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def script(name: str) -> str:
    """A console script's own help."""
    module, function = _entry(name)
    code = f"import sys; from {module} import {function}; sys.argv[0] = {name!r}; {function}(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"COLUMNS": WIDTH},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return f"### {name}\n\n```text\n{done.stdout.strip()}\n```\n"


def _entry(name: str) -> tuple[str, str]:
    from importlib.metadata import entry_points

    (found,) = entry_points(group="console_scripts", name=name)
    return found.module, found.attr
