"""`python -m databox.transform plan|run`: deploys the SQLMesh project to prod, or runs what is due; else exit 1."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import settings

if TYPE_CHECKING:
    from sqlmesh import Context

ENVIRONMENT = "prod"


@contextmanager
def project() -> Generator[Context]:
    """The SQLMesh context of the project, closed afterwards so that no WAL file is left."""
    os.environ.setdefault("SQLMESH__DISABLE_ANONYMIZED_ANALYTICS", "1")
    from sqlmesh import Context

    context = Context(paths=[str(settings.root() / "transforms" / "main")], gateway="local")
    try:
        yield context
    finally:
        context.close()


def plan() -> None:
    """Deploy the project's models and fill every missing interval; raises SQLMesh's errors."""
    with project() as context:
        context.plan(ENVIRONMENT, execution_time=settings.pinned_now(), no_prompts=True, auto_apply=True, no_diff=True)


def run() -> None:
    """Compute the intervals that are due; raises `RuntimeError` when a model fails."""
    with project() as context:
        status = context.run(ENVIRONMENT, execution_time=settings.pinned_now())
    if not status.is_success:
        raise RuntimeError(f"sqlmesh run: {status.name}")


def main(argv: list[str]) -> int:
    """Do what is asked."""
    actions = {"plan": plan, "run": run}
    if len(argv) != 1 or argv[0] not in actions:
        sys.stderr.write(f"usage: python -m databox.transform {'|'.join(actions)}\n")
        return 2
    try:
        actions[argv[0]]()
    except Exception as error:  # noqa: BLE001 - the edge of a command: whatever it was, it failed
        sys.stderr.write(f"{argv[0]} failed: {type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
