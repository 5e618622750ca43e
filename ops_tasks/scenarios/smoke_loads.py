"""The loads of a smoke run: each source once, in small, into a copy of the stack. Bringing nothing is a failure."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ops_tasks.errors import StepFailed
from ops_tasks.scenarios.loads import load
from ops_tasks.scenarios.verify import Say
from ops_tasks.stack import Stack
from ops_tasks.systems.worker import Worker


def load_in_small(copy: Stack, name: str, say: Say, env: Mapping[str, str]) -> dict[str, int]:
    """Load one source over what the copy has; returns table -> rows that came.

    A table to which no row came may have nothing new, or a source that swallows its errors: then the load is run once
    more without a past, where every table that has rows in the stack has to bring some. Raises `StepFailed`.
    """
    source = copy.source(name)
    with Worker("arrivals", cwd=copy.root) as worker:
        known: list[str] = worker.call("loads", raw=str(copy.databases[source.catalog]), dataset=source.dataset)
        load(copy, name, say, env=env)
        rows = _brought(copy, name, known, worker)
        if all(rows.values()):
            return rows
        there = _brought(copy, name, [], worker)
        with _without_past(copy, name):
            load(copy, name, say, env=env)
            fresh = _brought(copy, name, [], worker)
    silent = [table for table, count in there.items() if count and not rows[table] and not fresh[table]]
    if silent:
        raise StepFailed(f"it ended without an error and brought no row of {', '.join(silent)}")
    return {table: count or fresh[table] for table, count in rows.items()}


@contextmanager
def _without_past(copy: Stack, name: str) -> Generator[None]:
    """An empty raw database and no dlt working state, for a moment; what came meanwhile is set aside afterwards."""
    wanted = (copy.databases[copy.source(name).catalog], copy.pipeline_dir(name))
    moved = [(path, path.with_name(f"{path.name}.past")) for path in wanted if path is not None and path.exists()]
    for path, past in moved:
        path.rename(past)
    try:
        yield
    finally:
        for path, past in moved:
            if path.exists():
                path.rename(path.with_name(f"{path.name}.fresh"))
            past.rename(path)


def _brought(copy: Stack, name: str, known: list[str], worker: Worker) -> dict[str, int]:
    source = copy.source(name)
    rows: dict[str, int] = worker.call(
        "brought",
        raw=str(copy.databases[source.catalog]),
        dataset=source.dataset,
        tables=list(source.tables),
        known=known,
    )
    return rows
