"""The `ops` program: every namespace without a `tasks.py`, the `ops.*` tasks without their prefix."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from ops_tasks import __version__
from ops_tasks.errors import UsageError
from ops_tasks.namespaces import ns
from ops_tasks.report.commands import spoken

SHORT = "ops"


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
    """Invoke's program, with this project's exit codes: a command line that is wrong ends with 2, not with 1."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse the program's own flags."""
        with _usage():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        """Parse the tasks and their flags."""
        with _usage():
            super().parse_tasks()


@contextmanager
def _usage() -> Generator[None]:
    try:
        yield
    except ParseError as error:
        raise Exit(f"✗ {error}", code=UsageError.exit_code) from None


def main() -> None:
    """Run the command line."""
    spoken.set("ops")
    Ops(name="ops", binary="ops", binary_names=["ops"], version=__version__, namespace=namespace(ns)).run()


if __name__ == "__main__":
    main()
