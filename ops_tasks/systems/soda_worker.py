"""Soda contracts in a process of their own: one session, one read-only connection, every catalog attached.

Soda's own verdict has false greens (a schema check that found no columns leaves `is_ok` true, a missing table leaves
`is_failed` false), so a contract has passed only when `is_passed` and all of its checks, at least one, passed. Soda
derives errors from log records: its logging must not be silenced.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, cast

import duckdb
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from soda_core.common.yaml import ContractYamlSource
from soda_core.contracts.contract_verification import ContractVerificationSession
from soda_core.contracts.impl.check_selector import CheckSelector
from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl

from ops_tasks.errors import UsageError, nearest
from ops_tasks.systems.duck_worker import attached
from ops_tasks.systems.soda_dialect import CatalogDialect, sql_for_schemas
from ops_tasks.systems.sql import ident
from ops_tasks.systems.steady_worker import steady_if_remote
from ops_tasks.systems.worker_main import progress


class Checked(TypedDict):
    """The verdict on one contract file; `problems` is empty exactly when it passed."""

    contract: str
    dataset: str
    passed: bool
    checks: int
    checks_passed: int
    problems: list[str]


@steady_if_remote
def check(
    contract_files: list[str],
    databases: dict[str, str],
    data_source: str,
    main_catalog: str,
    now: str | None = None,
    schema_suffix: str = "",
    kinds: list[str] | None = None,
) -> list[Checked]:
    """Verify contracts against `main_catalog` and return one verdict per file, in the order given.

    `databases` maps catalog -> path; all are attached, because views may read other catalogs. `now` (ISO) is the
    instant that freshness is judged by. `schema_suffix` moves every dataset of the contracts to `<schema><suffix>`,
    the way SQLMesh names a development environment. `kinds` runs only checks of these types (`freshness`); a contract
    that has none of them is left out of the answer.

    Raises `Busy` when another process holds a database, `UsageError` for a missing database or a bad `now`.
    """
    if main_catalog not in databases:
        raise UsageError(f"no database {main_catalog!r}", nearest(main_catalog, list(databases)))
    if now is not None:
        _instant(now)
    with attached(databases) as connection:
        connection.execute(f"USE {ident(main_catalog)}")
        there = _relations(connection, main_catalog)
        verdicts: dict[str, Checked] = {}
        sources: dict[str, Any] = {}
        for file in contract_files:
            source = _prepare(file, data_source, schema_suffix, there)
            if isinstance(source, dict):
                verdicts[file] = cast("Checked", source)
            else:
                sources[file] = source
        progress(f"verifying {len(sources)} contracts")
        implementation = cast("Any", DuckDBDataSourceImpl).from_existing_cursor(connection, data_source)
        implementation.sql_dialect = CatalogDialect(main_catalog)
        for file, result in _verify(sources, implementation, now, kinds):
            verdict = _verdict(file, result, kinds)
            if verdict is not None:
                verdicts[file] = verdict
    return [verdicts[file] for file in contract_files if file in verdicts]


def _prepare(file: str, data_source: str, suffix: str, there: Mapping[tuple[str, str], str]) -> Any:
    """A Soda source ready to run, or the verdict on a file that cannot be run."""
    try:
        loaded = _load(file)
        if suffix:
            _move(loaded, data_source, suffix, there)
        _check_target(str(loaded.get("dataset", "")), data_source, there)
    except (OSError, UnicodeDecodeError) as error:
        return _broken(file, "", f"{file}: cannot be read: {error}")
    except YAMLError as error:
        return _broken(file, "", f"{file}: not YAML: {_first_line(error)}")
    except ValueError as error:
        return _broken(file, _dataset(file), str(error))
    if not suffix:
        return cast("Any", ContractYamlSource).from_file_path(file)
    text = io.StringIO()
    _yaml().dump(loaded, text)
    return cast("Any", ContractYamlSource).from_str(text.getvalue(), file_path=file)


def _check_target(dataset: str, data_source: str, there: Mapping[tuple[str, str], str]) -> None:
    parts = dataset.split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"its dataset {dataset!r} is not {data_source}/SCHEMA/TABLE")
    if parts[0] != data_source:
        raise ValueError(f"its dataset {dataset!r} is not of the data source {data_source!r}")
    if (parts[1], parts[2]) not in there:
        raise ValueError(f"{parts[1]}.{parts[2]} does not exist")


def _move(loaded: dict[str, Any], data_source: str, suffix: str, there: Mapping[tuple[str, str], str]) -> None:
    """Point every `dataset:` and every table of a `query:` at the schema with the suffix."""
    for holder in _mappings(loaded):
        value = holder.get("dataset")
        if isinstance(value, str) and value.startswith(f"{data_source}/") and value.count("/") == 2:
            source, schema, table = value.split("/")
            holder["dataset"] = f"{source}/{schema}{suffix}/{table}"
        query = holder.get("query")
        if isinstance(query, str):
            holder["query"] = sql_for_schemas(query, suffix, there)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield cast("dict[str, Any]", value)
        for child in cast("dict[str, Any]", value).values():
            yield from _mappings(child)
    elif isinstance(value, list):
        for child in cast("list[Any]", value):
            yield from _mappings(child)


def _verify(
    sources: dict[str, Any], implementation: Any, now: str | None, kinds: list[str] | None
) -> Iterator[tuple[str, Any]]:
    if not sources:
        return
    selectors = [CheckSelector(field="type", value=kind, raw=f"type={kind}") for kind in kinds or []]
    try:
        session = cast("Any", ContractVerificationSession).execute(
            contract_yaml_sources=list(sources.values()),
            data_source_impls=[implementation],
            data_timestamp=now,
            check_selectors=selectors,
        )
    except Exception as error:  # a session of one contract raises whatever its contract died of
        if len(sources) > 1:
            raise
        yield next(iter(sources)), error
        return
    yield from zip(sources, session.contract_verification_results, strict=True)


def _verdict(file: str, result: Any, kinds: list[str] | None) -> Checked | None:
    dataset = _dataset(file)
    if isinstance(result, Exception):
        return _broken(file, dataset, _first_line(result))
    outcomes = [check for check in result.check_results if not (kinds and check.is_excluded)]
    errors: list[str] = [_first_line(text) for text in dict.fromkeys(result.get_errors())]
    if result.error is not None and not errors:
        errors = [_first_line(result.error)]
    good = sum(1 for check in outcomes if check.is_passed)
    # A selection leaves the other checks EXCLUDED, so that Soda itself calls the contract UNKNOWN.
    clean = not result.has_errors and not result.is_failed if kinds else result.is_passed
    passed = bool(clean and not errors and good == len(outcomes) > 0)
    if kinds and not outcomes and not errors and not result.has_errors:
        return None
    problems = [_words(check) for check in outcomes if not check.is_passed]
    problems += [text for text in errors if text not in problems]
    if not passed and not problems:
        problems = ["it has no checks" if not outcomes else f"Soda says {result.status.value}"]
    return Checked(
        contract=file,
        dataset=dataset,
        passed=passed,
        checks=len(outcomes),
        checks_passed=good,
        problems=problems,
    )


def _words(result: Any) -> str:
    """One failed check in one line: which, what was found, what was asked for."""
    told = result.check
    where = f"{told.column_name}: " if told.column_name else ""
    outcome = str(result.outcome.value).lower().replace("_", " ")
    said = f"{where}{told.name or told.type} {outcome}"
    if differences := _differences(result):
        return f"{said}: {differences}"
    if result.threshold_value is None:
        return said
    asked = str(told.threshold).splitlines() if told.threshold is not None else []
    wanted = ", ".join(part for part in asked if not part.startswith("level:"))
    return f"{said}: found {result.threshold_value:g}{f', {wanted}' if wanted else ''}"


def _differences(result: Any) -> str:
    """What a schema check found different."""
    parts: list[str] = []
    for label, name in (
        ("missing columns", "expected_column_names_not_actual"),
        ("unexpected columns", "actual_column_names_not_expected"),
    ):
        names: list[str] = list(getattr(result, name, None) or [])
        if names:
            parts.append(f"{label} {', '.join(names)}")
    for mismatch in cast("list[Any]", getattr(result, "column_data_type_mismatches", None) or []):
        parts.append(f"{mismatch.column} is {mismatch.actual_data_type}, not {mismatch.expected_data_type}")
    return "; ".join(parts)


def _relations(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_catalog = ?", [catalog]
    ).fetchall()
    return {(schema, table): kind for schema, table, kind in rows}


def _load(file: str) -> dict[str, Any]:
    loaded: object = _yaml().load(Path(file).read_text(encoding="utf-8"))
    if not isinstance(loaded, dict):
        raise ValueError(f"{file}: not a mapping")
    return cast("dict[str, Any]", loaded)


def _yaml() -> Any:
    return YAML(typ="rt")


def _dataset(file: str) -> str:
    """What the file calls its dataset; empty where it cannot be read."""
    try:
        return str(_load(file).get("dataset", ""))
    except (OSError, UnicodeDecodeError, YAMLError, ValueError):
        return ""


def _broken(file: str, dataset: str, problem: str) -> Checked:
    return Checked(contract=file, dataset=dataset, passed=False, checks=0, checks_passed=0, problems=[problem])


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__


def _instant(text: str) -> datetime:
    """Soda falls back to the wall clock, silently, when it cannot read the instant."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an ISO time") from None
