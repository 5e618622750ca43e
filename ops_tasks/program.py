"""The `ops` program: every namespace without a `tasks.py`, the `ops.*` tasks without their prefix."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, cast

from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.program import Program

from ops_tasks import __version__
from ops_tasks.errors import UsageError, closest
from ops_tasks.namespaces import ns
from ops_tasks.namespaces.edge import finish
from ops_tasks.report.commands import spoken

SHORT = "ops"
UNKNOWN = re.compile(r"No idea what '(.*)' is!")  # Invoke's words (3.0)


def namespace(plugin: Collection) -> Collection:
    """Return the plugin's collections, and the tasks of its `ops` collection once more at the top: `ops backfill`.

    A task whose short name a collection or a top-level task already has is reached by its full name only.
    """
    # Invoke does not type what a collection holds.
    given, root = cast("Any", plugin), cast("Any", Collection())
    for name, collection in given.collections.items():
        root.add_collection(collection, name=name)
    for name, task in given.tasks.items():
        root.add_task(task, name=name)
    taken = {*root.collections, *root.tasks}
    short: dict[str, Any] = given.collections[SHORT].tasks if SHORT in given.collections else {}
    for name, task in short.items():
        if name not in taken:
            # As a default task is meant within its own collection only.
            root.add_task(task, name=name, default=False)
    return cast("Collection", root)


class Ops(Program):
    """Invoke's program, with this project's way to say no: one line, the nearest right word, exit 2, and `--json`."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the program's own flags."""
        with self._usage():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their flags."""
        with self._usage():
            super().parse_tasks()

    @contextmanager
    def _usage(self) -> Generator[None]:
        try:
            yield
        except ParseError as error:
            told = UsageError(str(error), self._meant(error))
            finish(SHORT, "--json" in self.argv, partial(_refuse, told))

    def _meant(self, error: ParseError) -> str:
        """The flag of that task, or the task, that was meant; where nothing is close, where to look."""
        unknown = UNKNOWN.search(str(error))
        if unknown is None:
            return ""
        word, task = unknown[1], cast("Any", error.context)  # Invoke does not type its contexts
        if word.startswith("-"):
            flags: list[str] = list(task.flags) if task is not None else []
            place = f"ops --help {task.name}" if task is not None and task.name else "ops --help"
        else:
            known = getattr(self, "collection", None)
            flags, place = list(known.task_names) if known is not None else [], "ops --list"
        return closest(word, flags) or place


def _refuse(error: UsageError, _terminal: object) -> NoReturn:
    raise error


def main() -> None:
    """Run the command line."""
    spoken.set("ops")
    Ops(name="ops", binary="ops", binary_names=["ops"], version=__version__, namespace=namespace(ns)).run()


if __name__ == "__main__":
    main()
