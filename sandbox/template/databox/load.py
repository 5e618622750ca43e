"""`python -m databox.load ebird|noaa|usgs|all` loads sources into their raw databases; exit 1 when a load fails.

On MotherDuck the token comes from the environment (`motherduck_token`).
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from . import settings


def load(name: str) -> dict[str, int]:
    """Load one source and return the rows per table; raises whatever dlt raises when it fails."""
    import dlt

    settings.data_dir().mkdir(parents=True, exist_ok=True)
    source = import_module(f"{__package__}.sources.{name}").source()
    pipeline = dlt.pipeline(
        pipeline_name=name,
        destination=_destination(settings.address(f"raw_{name}")),
        dataset_name="main",
        pipelines_dir=str(settings.data_dir() / "dlt_pipelines"),
    )
    pipeline.run(source).raise_on_failed_jobs()
    trace = pipeline.last_trace
    normalized = trace.last_normalize_info if trace else None
    counts = normalized.row_counts if normalized else {}
    return {table: count for table, count in counts.items() if not table.startswith("_dlt")}


def _destination(address: str) -> Any:
    """dlt's destination for the address of a database."""
    import dlt

    kinds = dlt.destinations
    return kinds.motherduck(address) if settings.backend() == "motherduck" else kinds.duckdb(address)


def main(argv: list[str]) -> int:
    """Load what is named."""
    known = (*settings.SOURCES, "all")
    if len(argv) != 1 or argv[0] not in known:
        sys.stderr.write(f"usage: python -m databox.load {'|'.join(known)}\n")
        return 2
    for name in settings.SOURCES if argv[0] == "all" else argv:
        try:
            rows = load(name)
        except Exception as error:  # noqa: BLE001 - the edge of a command: whatever it was, the load failed
            sys.stderr.write(f"{name}: load failed: {_cause(error)}\n")
            return 1
        sys.stdout.write(f"{name}: {', '.join(f'{table} {count}' for table, count in rows.items()) or 'no rows'}\n")
    return 0


def _cause(error: BaseException) -> str:
    """The innermost error, which is the one that says something."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
