"""The edge of every task: errors become one line and an exit code, results become the terminal or the JSON document."""

from __future__ import annotations

import functools
import inspect
import os
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from invoke import tasks as invoke_tasks
from invoke.exceptions import Exit
from invoke.tasks import Task

from ops_tasks.errors import OpsError, StepFailed, UsageError, nearest
from ops_tasks.namespaces.traces import trace
from ops_tasks.report.commands import OURS, placed, placed_in
from ops_tasks.report.document import Document
from ops_tasks.report.terminal import Terminal, escape, readable

HELP = {
    "plan": "Show what would be done and stop; nothing is changed.",
    "plan_out": "Show the plan, save it in this file for ops.apply, and stop; nothing is changed.",
    "yes": "Ask no question.",
    "json": "One JSON document on standard output; text for people goes to standard error.",
    "stack": "Folder of the stack (default: the nearest invoke.yaml with an 'ops:' section).",
}
INTERRUPTED = 130


def ops_task(
    name: str,
    *,
    help: dict[str, str] | None = None,
    iterable: tuple[str, ...] = (),
    positional: tuple[str, ...] = (),
    default: bool = False,
    public: str | None = None,
    short: bool = True,
) -> Callable[[Callable[..., Document]], Task[Callable[..., Any]]]:
    """Make an Invoke task of a function that returns a `Document`.

    The function takes the Invoke context, then `terminal` as a keyword, then its flags; `json` is a flag of every
    task. `public` is the name in documents where it differs from the task's own (`ops.backfill`). `short` gives every
    flag a letter of its own, as long as there are enough.
    """

    def wrap(body: Callable[..., Document]) -> Task[Callable[..., Any]]:
        flags = [parameter for key, parameter in inspect.signature(body).parameters.items() if key != "terminal"]
        json_flag = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False)

        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> None:
            helped = [key for key in positional if kwargs.get(key) in ("--help", "-h")]
            if helped:
                show_help(name, kwargs[helped[0]])
            as_json = bool(kwargs.pop("json", False))
            stack = str(kwargs.get("stack") or "")

            def work(terminal: Terminal) -> Document:
                if args[0].config.run.dry:
                    raise UsageError("--dry is for shell commands, and this task runs none of them", "look with --plan")
                for key in positional:
                    _refuse_flag(key, str(kwargs[key]), names)
                return body(*args, terminal=terminal, **kwargs)

            finish(public or name, as_json, work, stack)

        signature = inspect.Signature([*flags, json_flag])
        names = [f"--{one.replace('_', '-')}" for one in list(signature.parameters)[1:]]  # the first is the context
        vars(run)["__signature__"] = signature
        OURS[public or name] = "stack" in signature.parameters
        words = {key: text for key, text in (HELP | (help or {})).items() if key in signature.parameters}
        decorate = cast("Any", invoke_tasks).task  # Invoke does not type its decorator
        kind = {
            "iterable": list(iterable),
            "positional": list(positional),
            "default": default,
            "auto_shortflags": short,
        }
        return cast("Task[Callable[..., Any]]", decorate(name=name, help=words, **kind)(run))

    return wrap


def show_help(name: str, flag: str) -> None:
    """Do what was meant by `--help` behind a task: Invoke (3.0) takes the flag for the value that the task needs."""
    before = sys.argv[1 : sys.argv.index(flag)]
    at = max(index for index, word in enumerate(before) if word.rpartition(".")[2] == name)
    sys.stdout.flush()
    program = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    os.execv(sys.executable, [*program, *before[:at], "--help", before[at]])  # noqa: S606 - this very program again


def _refuse_flag(key: str, value: str, flags: list[str]) -> None:
    """Raise `UsageError` for a flag that Invoke took for a value, since it does not know it."""
    if value.startswith("-"):
        word = value.partition("=")[0]
        raise UsageError(f"the {key} cannot be {word!r}, and it is no flag of this task", nearest(word, flags))


def finish(name: str, as_json: bool, body: Callable[[Terminal], Document], stack: str = "") -> None:
    """Run a task's body and leave with its exit code.

    Commands that are told carry the `stack` that was given: pasted from another folder they mean the same one.
    """
    place = f" --stack={shlex.quote(str(Path(stack).expanduser().resolve()))}" if stack else ""
    terminal = Terminal(json=as_json, place=place)
    try:
        document = body(terminal)
    except KeyboardInterrupt:
        # While an operation runs an interruption is the runner's, and while one is rolled back nobody listens.
        told = OpsError("interrupted; nothing was changed")
        _tell(told, place)
        document = Document(name, told.status, findings=[{"reason": told.reason, "way_out": ""}], exit_code=INTERRUPTED)
    except Exit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, it is one line and an exit code
        told = _expected(error, stack)
        _tell(told, place)
        # Inside an operation the runner has dealt with it: this failed before or after one, and put nothing back.
        status, code = ("error", None) if isinstance(told, StepFailed) else (told.status, told.exit_code)
        document = Document(name, status, findings=[{"reason": told.reason, "way_out": told.way_out}], exit_code=code)
    if as_json:
        from ops_tasks.systems.secrets import redact

        print(redact(document.json(partial(placed_in, place=place))))  # noqa: T201 - the one document this program prints
    if document.code:
        raise Exit(code=document.code)


def _expected(error: Exception, stack: str) -> OpsError:
    """What an error is in words; one that nobody has foreseen leaves its stack trace in a file."""
    if isinstance(error, OpsError):
        return error
    if isinstance(error, OSError):
        return StepFailed(str(error))
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return OpsError(f"internal error: {what}", f"details in {trace(error, stack)}")


def _tell(error: OpsError, place: str) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[red]✗[/red] {escape(readable(placed(error.reason, place)))}")
    if error.way_out:
        console.print(f"  → {escape(readable(placed(error.way_out, place)))}")
    sys.stderr.flush()
