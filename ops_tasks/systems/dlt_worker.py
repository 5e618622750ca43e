"""Runs a dlt source into a database file of its own, so that what it brings can be judged before it is taken."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import dlt
from dlt.extract.source import DltSource

from ops_tasks.errors import StepFailed, UsageError
from ops_tasks.systems.attaching_worker import MD
from ops_tasks.systems.worker_main import progress


def stage(
    factory: str,
    python_path: list[str],
    pipeline: str,
    dataset: str,
    tables: list[str],
    staging: str,
    pipelines_dir: str,
) -> dict[str, Any]:
    """Load the resources behind `tables` into `staging` (a DuckDB file, `md:database`), with a working state apart.

    `factory` is `module:function` and returns a dlt source without arguments; the window comes from the environment.
    The live pipeline's state and cursors are never read or written. Returns the rows per table that dlt reports.
    """
    source = _source(factory, python_path)
    wanted = [name for name, resource in source.resources.items() if _table(resource) in tables]
    if not wanted:
        raise UsageError(f"{factory} has no resource for {', '.join(tables)}", f"it has {', '.join(source.resources)}")
    progress(f"loading {', '.join(wanted)}")
    run = dlt.pipeline(
        pipeline_name=pipeline,
        destination=_destination(staging),
        dataset_name=dataset,
        pipelines_dir=pipelines_dir,
    )
    info = run.run(source.with_resources(*wanted))
    info.raise_on_failed_jobs()
    trace = run.last_trace
    normalized = trace.last_normalize_info if trace else None
    rows = normalized.row_counts if normalized else {}
    return {"rows": {table: count for table, count in rows.items() if not table.startswith("_dlt")}}


def _destination(where: str) -> Any:
    """A file, or a MotherDuck database: its token comes from the environment, and from nowhere else."""
    if where.startswith(MD):
        return dlt.destinations.motherduck(credentials=where)
    return dlt.destinations.duckdb(where)


def _source(function: str, python_path: list[str]) -> DltSource:
    module, _, name = function.partition(":")
    sys.path[:0] = [str(Path(path)) for path in python_path]
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the dlt source {function!r} cannot be imported: {error}") from None
    source = made()
    if not isinstance(source, DltSource):
        raise StepFailed(f"{function} returned a {type(source).__name__} instead of a dlt source")
    return source


def _table(resource: Any) -> str:
    name = resource.table_name
    return str(name) if isinstance(name, str) else str(resource.name)
