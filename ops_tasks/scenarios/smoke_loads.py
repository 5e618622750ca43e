"""The loads of a smoke run: each source once, in small, into a copy of the stack; a load that brings nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from ops_tasks.errors import StepFailed
from ops_tasks.scenarios.loads import load
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import Stack
from ops_tasks.systems.worker import Worker

ASIDE = ".aside"


def load_in_small(copy: Stack, name: str, say: Say, env: Mapping[str, str]) -> dict[str, int]:
    """Load one source over what the copy has; returns table -> rows that came.

    A load that brings no row may have nothing new to bring, or may have swallowed every error of its source: then it is
    run once more without a past, into an empty database, where it has to bring something. Raises `StepFailed`.
    """
    source = copy.source(name)
    raw = copy.databases[source.catalog]
    with Worker("arrivals", cwd=copy.root) as worker:
        known = worker.call("loads", raw=str(raw), dataset=source.dataset)
    load(copy, name, say, env=env)
    rows = _brought(copy, name, known)
    return rows if any(rows.values()) else _load_from_nothing(copy, name, say, env)


def _load_from_nothing(copy: Stack, name: str, say: Say, env: Mapping[str, str]) -> dict[str, int]:
    raw, state = copy.databases[copy.source(name).catalog], copy.pipeline_dir(name)
    moved = [(path, path.with_name(path.name + ASIDE)) for path in (raw, state) if path is not None and path.exists()]
    for path, aside in moved:
        path.rename(aside)
    load(copy, name, say, env=env)
    rows = _brought(copy, name, [])
    if not any(rows.values()):
        raise StepFailed("it ended without an error and brought no row, even into an empty database")
    # What came of nothing is thrown away: the models are computed from what the stack really has.
    for path, aside in moved:
        path.rename(path.with_name(f"{path.name}.fresh"))
        aside.rename(path)
    return rows


def _brought(copy: Stack, name: str, known: list[str]) -> dict[str, int]:
    source = copy.source(name)
    with Worker("arrivals", cwd=copy.root) as worker:
        rows: dict[str, int] = worker.call(
            "brought",
            raw=str(copy.databases[source.catalog]),
            dataset=source.dataset,
            tables=list(source.tables),
            known=known,
        )
    return rows
