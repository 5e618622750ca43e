"""What Soda's engine says of a contract beyond its JSON schema: checks that it refuses or never evaluates.

Read from soda-core 4.28 (`contracts/impl/contract_yaml.py`, `contract_verification_impl.py`) and held to it by
tests/contracts/test_validity.py, which asks the engine itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ops_tasks.contracts.source import Path_, texts

Fault_ = tuple[Path_, str]

SINGLES = (
    "must_be",
    "must_not_be",
    "must_be_greater_than",
    "must_be_greater_than_or_equal",
    "must_be_less_than",
    "must_be_less_than_or_equal",
)
RANGES = ("must_be_between", "must_be_not_between")
GREATER = ("greater_than", "greater_than_or_equal")
LESS = ("less_than", "less_than_or_equal")
SIZES = ("character_maximum_length", "numeric_precision", "numeric_scale", "datetime_precision")
LIMITS = ("valid_min", "valid_max", "valid_length", "valid_min_length", "valid_max_length")
RULES = (*LIMITS, "valid_values", "invalid_values", "valid_format", "invalid_format", "valid_reference_data")
NO_DEFAULT = ("aggregate", "metric", "freshness")
"""Checks that have no threshold of their own: every other one means `must_be: 0`, row_count `must_be_greater_than`."""

ENGINE_KEYS: Mapping[str, type] = {"column_expression": str, "store_failed_rows": bool}
"""Keys of any check that the engine reads and the schema does not know, with their types."""
ENGINE_KEYS_OF: Mapping[str, Mapping[str, type]] = {
    "freshness": {"now_variable": str},
    "failed_rows": {"filter": str, "attributes": dict},
}
TOP_KEYS: Mapping[str, type] = {"check_attributes": dict}
VARIABLE_KEYS = ("type", "required")

SIZED: Mapping[str, set[str]] = {
    "character_maximum_length": {"char", "varchar", "text"},
    "numeric_precision": {"decimal", "numeric"},
    "numeric_scale": {"decimal", "numeric"},
    "datetime_precision": {"time", "timestamp", "timestamp_tz"},
}
UNSIZED = {"smallint", "integer", "bigint", "float", "double", "date", "boolean"}
"""With `SIZED` all of Soda's own names of types; it says nothing of a type by another name."""

_VARIABLE = re.compile(r"\$\{ *([a-z]+)\.([a-zA-Z_][a-zA-Z_0-9]*) *\}")
_SODA_VARIABLES = {"NOW", "DATA_TIMESTAMP", "PAGINATION"}


def faults(contract: Mapping[str, Any]) -> Iterator[Fault_]:
    """Everything that the engine logs as an error, or would never evaluate; paths lead into the contract."""
    yield from _names(contract)
    yield from _variables(contract)
    yield from _types(contract, TOP_KEYS, ())
    for index, column in enumerate(items(contract, "columns")):
        yield from _column(mapping(column), ("columns", index))
    seen: dict[tuple[object, ...], Path_] = {}
    for path, column, kind, body in checks(contract):
        yield from _check(path, column, kind, mapping(body))
        said = mapping(body)
        identity = (
            column.get("name") if column else None,
            kind,
            _known(said.get("qualifier")),
            _known(said.get("scope")),
        )
        if identity in seen:
            first = dotted(seen[identity])
            yield path, f"the same {kind} check as {first}: give each of them a 'qualifier', or Soda refuses both"
        seen.setdefault(identity, path)


def for_schema(contract: Mapping[str, Any]) -> dict[str, Any]:
    """The contract without the keys that the engine reads and the schema does not know; what is left keeps its path."""
    top = {
        key: value for key, value in contract.items() if key not in TOP_KEYS and (key, value) != ("kind", "contract")
    }
    if isinstance(top.get("variables"), dict):
        top["variables"] = {name: _without(inner, VARIABLE_KEYS) for name, inner in mapping(top["variables"]).items()}
    if isinstance(top.get("checks"), list):
        top["checks"] = [_bare(check) for check in items(top, "checks")]
    if isinstance(top.get("columns"), list):
        top["columns"] = [_bare_column(column) for column in items(top, "columns")]
    return top


def checks(contract: Any) -> Iterator[tuple[Path_, dict[str, Any], str, Any]]:
    """Every check that has exactly one type: its path, its column ({} for the dataset's), its type and its body."""
    columns = [(("columns", at), mapping(column)) for at, column in enumerate(items(contract, "columns"))]
    for path, around in [((), mapping(contract)), *columns]:
        for index, check in enumerate(items(around, "checks")):
            if len(said := mapping(check)) == 1:
                kind = next(iter(said))
                yield (*path, "checks", index), around if path else {}, kind, said[kind]


def items(value: Any, key: str) -> list[Any]:
    """The list at `key`, or an empty one where there is something else."""
    found: object = mapping(value).get(key)
    return cast("list[Any]", found) if isinstance(found, list) else []


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def dotted(path: Path_) -> str:
    """`columns.0.checks.1`."""
    return ".".join(map(str, path))


def _names(contract: Mapping[str, Any]) -> Iterator[Fault_]:
    dataset = contract.get("dataset")
    if isinstance(dataset, str) and not _open(dataset) and "/" not in dataset:
        yield ("dataset",), f"dataset: {dataset!r} has no data source before it: DATA_SOURCE/SCHEMA/TABLE"
    scopes = mapping(contract.get("scopes"))
    for path, _, kind, body in checks(contract):
        scope = mapping(body).get("scope")
        if isinstance(scope, str) and scope not in scopes:
            yield (*path, kind, "scope"), f"{dotted(path)}: there is no scope {scope!r} in 'scopes'"


def _variables(contract: Mapping[str, Any]) -> Iterator[Fault_]:
    declared = mapping(contract.get("variables"))
    for path, text in texts(dict(contract)):
        # Soda replaces what it reads, and it reads no description.
        if path[-1:] == ("description",) or path[:1] in (("soda_agent",), ("soda_runner",)):
            continue
        for space, name in _VARIABLE.findall(text):
            if (space == "var" and name not in declared) or (space == "soda" and name not in _SODA_VARIABLES):
                yield path, f"{dotted(path)}: ${{{space}.{name}}} is not declared"


def _column(column: Mapping[str, Any], path: Path_) -> Iterator[Fault_]:
    yield from _numbers(column, (*SIZES, *LIMITS), path)
    yield from _reference(column, path)
    yield from _types(column, {"column_expression": str}, path)
    said = column.get("data_type")
    kind = said.split("(", 1)[0].strip().lower() if isinstance(said, str) else ""
    if kind not in UNSIZED.union(*SIZED.values()):
        return
    for size in SIZES:
        if column.get(size) is not None and kind not in SIZED[size]:
            yield (*path, size), f"{dotted(path)}.{size}: a {said} has no {size}"


def _check(path: Path_, column: Mapping[str, Any], kind: str, body: Mapping[str, Any]) -> Iterator[Fault_]:
    at = (*path, kind)
    if kind == "schema":
        return
    yield from _numbers(body, LIMITS, at)
    yield from _reference(body, at)
    yield from _types(body, {**ENGINE_KEYS, **ENGINE_KEYS_OF.get(kind, {})}, at)
    yield from _threshold(kind, body, at)
    if kind == "freshness" and body.get("column") is None:
        yield at, f"{dotted(at)}: names no 'column'"
    if kind == "invalid" and not any(giver.get(rule) is not None for giver in (body, column) for rule in RULES):
        yield at, f"{dotted(at)}: neither the check nor its column says what is valid"
    if kind == "failed_rows":
        yield from _failed_rows(body, at)


def _failed_rows(body: Mapping[str, Any], at: Path_) -> Iterator[Fault_]:
    forms = [key for key in ("expression", "query", "keys_query") if key in body]
    if forms and not any(body[key] for key in forms):
        yield (*at, forms[0]), f"{dotted(at)}.{forms[0]}: is empty"
    percent = mapping(body.get("threshold")).get("metric") == "percent"
    if percent and (body.get("query") or body.get("keys_query")) and not body.get("rows_tested_query"):
        yield at, f"{dotted(at)}: 'metric: percent' needs a 'rows_tested_query' beside the query"


def _threshold(kind: str, body: Mapping[str, Any], at: Path_) -> Iterator[Fault_]:
    threshold = mapping(body.get("threshold"))
    where = (*at, "threshold")
    place = where if threshold else at
    said = [key for key in (*SINGLES, *RANGES) if threshold.get(key) is not None]
    if not said and kind in NO_DEFAULT:
        yield place, f"{dotted(place)}: needs a threshold with one comparison, such as must_be_less_than"
    if len(said) > 1 and threshold.get("additional") is None:
        # The engine takes the first range that is there; without any it builds no threshold at all.
        judged = next((key for key in RANGES if key in said), None)
        then = f"Soda judges {judged} alone" if judged else "Soda never evaluates such a check"
        yield where, f"{dotted(where)}: {' and '.join(said)} together: {then}"
    if kind == "row_count" and threshold.get("metric") is not None:
        yield (*where, "metric"), f"{dotted(where)}.metric: a row_count has no metric"
    for inner, path in ((threshold, where), (mapping(threshold.get("additional")), (*where, "additional"))):
        yield from _numbers(inner, SINGLES, path)
        for key in RANGES:
            if isinstance(inner.get(key), dict):
                yield from _range(key, mapping(inner[key]), (*path, key))


def _range(key: str, bounds: Mapping[str, Any], path: Path_) -> Iterator[Fault_]:
    yield from _numbers(bounds, (*GREATER, *LESS), path)
    low, high = (
        next((bounds[name] for name in names if bounds.get(name) is not None), None) for names in (GREATER, LESS)
    )
    if low is None or high is None:
        missing = "greater_than" if low is None else "less_than"
        yield path, f"{dotted(path)}: needs both bounds, and has no {missing}: Soda refuses such a check"
    elif isinstance(low, int | float) and isinstance(high, int | float):
        outside = key == "must_be_not_between"
        if low == high or (low > high) != outside:
            sign = ">" if outside else "<"
            yield path, f"{dotted(path)}: {low} {sign} {high} is not so: Soda refuses such a check"


def _numbers(around: Mapping[str, Any], keys: tuple[str, ...], path: Path_) -> Iterator[Fault_]:
    """A text where the engine takes a number alone, though the schema takes both; a variable may become one."""
    for key in keys:
        value = around.get(key)
        if isinstance(value, str) and not _open(value):
            yield (*path, key), f"{dotted((*path, key))}: {value!r} is a text: Soda takes a number alone"


def _reference(around: Mapping[str, Any], path: Path_) -> Iterator[Fault_]:
    dataset = mapping(around.get("valid_reference_data")).get("dataset")
    if isinstance(dataset, str) and not _open(dataset) and "/" not in dataset:
        where = (*path, "valid_reference_data", "dataset")
        yield where, f"{dotted(where)}: {dataset!r} has no data source before it: DATA_SOURCE/SCHEMA/TABLE"


def _types(around: Mapping[str, Any], expected: Mapping[str, type], path: Path_) -> Iterator[Fault_]:
    words = {str: "a text", bool: "true or false", dict: "a mapping"}
    for key, kind in expected.items():
        value = around.get(key)
        if value is not None and not isinstance(value, kind) and not _open(value):
            yield (*path, key), f"{dotted((*path, key))}: {value!r} is not {words[kind]}"


def _open(value: object) -> bool:
    """Whether a variable decides what it is."""
    return isinstance(value, str) and "${" in value


def _known(value: object) -> str:
    return "" if value is None else str(value)


def _bare_column(column: Any) -> Any:
    if not isinstance(column, dict) or not isinstance(mapping(cast("object", column)).get("checks"), list):
        return cast("object", column)
    said = mapping(cast("object", column))
    return {**said, "checks": [_bare(check) for check in items(said, "checks")]}


def _bare(check: Any) -> Any:
    if not isinstance(check, dict):
        return check
    return {
        kind: _without(body, (*ENGINE_KEYS, *ENGINE_KEYS_OF.get(kind, {})))
        for kind, body in mapping(cast("object", check)).items()
    }


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in mapping(cast("object", value)).items() if key not in keys}
