"""A SQLMesh project in this process: its contexts, read-only ones too, and what its state has deployed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from sqlmesh import Context
from sqlmesh.core import constants
from sqlmesh.core.config import Config
from sqlmesh.core.config.connection import (
    BaseDuckDBConnectionConfig,
    DuckDBAttachOptions,
    DuckDBConnectionConfig,
    MotherDuckConnectionConfig,
)
from sqlmesh.core.config.loader import load_configs
from sqlmesh.core.console import NoopConsole, set_console
from sqlmesh.core.snapshot import Snapshot, SnapshotId
from sqlmesh.core.state_sync import StateReader
from sqlmesh.utils.concurrency import NodeExecutionFailedError
from sqlmesh.utils.errors import SQLMeshError

from ops_tasks.errors import Refused, UsageError, nearest
from ops_tasks.systems.attaching_worker import MD
from ops_tasks.systems.worker_main import progress, scratch


class _Listener(NoopConsole):
    """Says nothing, and remembers why models failed: SQLMesh's own error is "Plan application failed."."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: list[NodeExecutionFailedError[Any]] = []

    def log_failed_models(self, errors: list[NodeExecutionFailedError[Any]]) -> None:
        self.failed += errors


_listener = _Listener()
set_console(_listener)
# SQLMesh (0.236) parses models in forked children; below this many that costs more than it saves.
FORKED_FROM = 100
NO_STATE, WHO_HAS_IT = "there is no SQLMesh state", "invoke ops.doctor tells what is lost, and who has it"
_kept: dict[str, Context] = {}


def let_go() -> None:
    """Forget the read-only view of the project, and close every database."""
    close()
    BaseDuckDBConnectionConfig._data_file_to_adapter.clear()  # pyright: ignore[reportPrivateUsage]


def close() -> None:
    """Close every connection, so that DuckDB writes its log into the files and removes it."""
    for kept in _kept.values():
        kept.close()
    _kept.clear()
    disconnect()


def disconnect() -> None:
    """SQLMesh (0.236) keeps adapters per file in a class variable, which `Context.close` leaves open.

    A closed adapter connects anew when it is used.
    """
    for adapter in BaseDuckDBConnectionConfig._data_file_to_adapter.values():  # pyright: ignore[reportPrivateUsage]
        adapter.close()


def context_of(
    project: str, gateway: str | None, *, read_only: bool, instead: Mapping[str, str | None] | None = None
) -> Context:
    """The context of this process; the first call loads it.

    A read-only one can look at other files `instead` of the configured ones (path -> path); for a file that is lost
    or broken (path -> None) an empty database stands in.
    """
    key = f"{project} {gateway} {read_only} {sorted((instead or {}).items(), key=str)}"
    if key not in _kept:
        progress("loading the SQLMesh project")
        if sum(1 for _ in Path(project).rglob("*.sql")) < FORKED_FROM:
            constants.MAX_FORK_WORKERS = 1
        configs = load_configs(None, Config, [project])
        if not configs:
            raise UsageError(f"no SQLMesh configuration in {project}")
        if read_only:
            cache = tempfile.mkdtemp(dir=scratch())
            if (Path(project) / ".cache").is_dir():
                shutil.copytree(Path(project) / ".cache", cache, dirs_exist_ok=True)
            for config in configs.values():
                _make_read_only(config, {Path(path).resolve(): other for path, other in (instead or {}).items()})
                config.cache_dir = cache
        _kept[key] = Context(paths=[project], config=configs, gateway=gateway)
    return _kept[key]


def _make_read_only(config: Config, instead: Mapping[Path, str | None]) -> None:
    for gateway in cast("Iterable[Any]", cast("dict[str, Any]", config.gateways).values()):
        if gateway.connection is not None:
            gateway.connection = _read_only(gateway.connection, "warehouse", instead)
        if gateway.state_connection is not None:
            gateway.state_connection = _read_only(gateway.state_connection, "sqlmesh_state", instead)


def _read_only(connection: Any, fallback: str, instead: Mapping[Path, str | None]) -> Any:
    """The same DuckDB connection with every file attached READ_ONLY; a single `database:` becomes one catalog.

    MotherDuck has no read-only mode for one's own databases: such a connection stays what it is.
    """
    if isinstance(connection, MotherDuckConnectionConfig):
        return connection
    if not isinstance(connection, DuckDBConnectionConfig):
        raise UsageError(f"the SQLMesh gateway uses {type(connection).__name__}", "only DuckDB files are supported")
    catalogs: dict[str, Any] = dict(connection.catalogs or {})
    if not catalogs and connection.database:
        catalogs = {Path(connection.database).stem if fallback == "warehouse" else fallback: connection.database}
    options = {name: _attached_read_only(option, instead) for name, option in catalogs.items()}
    return connection.model_copy(update={"catalogs": options, "database": None})


def _attached_read_only(option: Any, instead: Mapping[Path, str | None]) -> DuckDBAttachOptions:
    path = option.path if isinstance(option, DuckDBAttachOptions) else str(option)
    if path.startswith(MD):
        return option if isinstance(option, DuckDBAttachOptions) else DuckDBAttachOptions(type="motherduck", path=path)
    other = instead.get(Path(path).resolve(), path)
    if other is None:
        return DuckDBAttachOptions(type="duckdb", path=":memory:", read_only=False)
    if isinstance(option, DuckDBAttachOptions):
        return option.model_copy(update={"path": other, "read_only": True})
    return DuckDBAttachOptions(type="duckdb", path=other, read_only=True)


def state_of(context: Context) -> StateReader:
    """What reads the state; `Refused` where there is none.

    SQLMesh (0.236) would begin a new one, and what looks at a project writes nothing.
    """
    try:
        return context.state_reader
    except SQLMeshError:
        begun = context._state_sync  # pyright: ignore[reportPrivateUsage]
        if begun is None or begun.get_versions(validate=False).schema_version:
            raise
        context._state_sync = None  # pyright: ignore[reportPrivateUsage]
        raise Refused(NO_STATE, WHO_HAS_IT) from None


def deployed(context: Context, environment: str) -> tuple[Any, dict[SnapshotId, Snapshot]]:
    """An environment by its name and its snapshots, by the state; `UsageError` names the nearest that there is."""
    state = state_of(context)
    found = state.get_environment(environment)
    if found is None:
        known = [summary.name for summary in state.get_environments_summary()]
        if not known:
            raise Refused(NO_STATE, WHO_HAS_IT)
        raise UsageError(f"SQLMesh has no environment {environment!r}", nearest(environment, known))
    return found, dict(state.get_snapshots(found.snapshots))


def ordered(snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Upstream before downstream."""
    left = {snapshot.name: snapshot for snapshot in snapshots}
    while left:
        ready = [name for name, snapshot in left.items() if not (snapshot.model.depends_on & left.keys() - {name})]
        for name in sorted(ready) or sorted(left):
            yield left.pop(name)


def why(error: SQLMeshError) -> str:
    """The first model that failed, and what its failure began with."""
    if not _listener.failed:
        return str(error).strip().splitlines()[0]
    first: BaseException = _listener.failed[0]
    node = str(getattr(first, "node", "")).replace('"', "")
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    line = next((text.strip() for text in str(first).splitlines() if text.strip()), type(first).__name__)
    more = f" (and {len(_listener.failed) - 1} more models)" if len(_listener.failed) > 1 else ""
    return f"{line}, in {node}{more}"


def audit(
    context: Context, environment: str, ranges: dict[str, list[str]], execution_time: str | None
) -> list[dict[str, Any]]:
    """Run every audit of the models of `ranges` (model -> first and last day): `{model, audit, failures, skipped}`."""
    _, snapshots = deployed(context, environment)
    by_name = {snapshot.name: snapshot for snapshot in snapshots.values()}
    results: list[dict[str, Any]] = []
    for name, (start, end) in ranges.items():
        for result in context.snapshot_evaluator.audit(
            snapshot=by_name[name],
            start=start,
            end=end,
            execution_time=execution_time,
            snapshots=by_name,
        ):
            results.append(
                {
                    "model": name,
                    "audit": result.audit.name,
                    "failures": int(result.count or 0),
                    "skipped": bool(result.skipped),
                }
            )
    return results
