"""The SQLMesh project from the command line; exit 1 when something fails.

`python -m databox.transform plan` deploys the models to prod, `run` computes what is due, and
`restate START END MODEL...` computes days again, for these models and everything downstream.
"""

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


def run() -> str:
    """Compute the intervals that are due and return SQLMesh's word for it; raises `RuntimeError` when a model fails."""
    with project() as context:
        status = context.run(ENVIRONMENT, execution_time=settings.pinned_now())
    if status.is_failure:
        raise RuntimeError(f"sqlmesh run: {status.value}")
    return str(status.value)


def restate(start: str, end: str, *models: str) -> None:
    """Compute the days `[start, end]` of these models, and of everything downstream, again; raises SQLMesh's errors."""
    with project() as context:
        # ops-allow: restate -- a sandbox is broken on purpose
        context.plan(
            ENVIRONMENT,
            restate_models=models,
            start=start,
            end=end,
            execution_time=settings.pinned_now(),
            no_prompts=True,
            auto_apply=True,
            no_diff=True,
            skip_tests=True,
        )


def main(argv: list[str]) -> int:
    """Do what is asked."""
    try:
        match argv:
            case ["plan"]:
                plan()
            case ["run"]:
                sys.stdout.write(f"sqlmesh run: {run()}\n")
            case ["restate", start, end, model, *more]:
                restate(start, end, model, *more)
            case _:
                sys.stderr.write("usage: python -m databox.transform plan|run|restate START END MODEL...\n")
                return 2
    except Exception as error:  # noqa: BLE001 - the edge of a command: whatever it was, it failed
        sys.stderr.write(f"{' '.join(argv)} failed: {type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
