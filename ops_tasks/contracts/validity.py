"""Is a contract what Soda calls a contract? Judged by the JSON schema that soda-core ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from ops_tasks.contracts.source import Place, Source
from ops_tasks.errors import UsageError

SCHEMA = "contracts/soda_data_contract_json_schema_1_0_0.json"
INSTALL = "pip install 'ops-tasks[contracts]'"


@dataclass(frozen=True)
class Fault:
    """One thing about a contract that Soda's schema, or Soda itself, does not take; `path` leads to it."""

    path: tuple[str | int, ...]
    place: Place
    message: str


def faults(source: Source) -> list[Fault]:
    """Everything that makes a contract invalid, in the order of the file.

    Raises `UsageError` where soda-core or jsonschema is not installed: a check that cannot run is no pass.
    """
    if not isinstance(source.value, dict):
        return [Fault((), Place(), "the contract is no mapping with 'dataset' and 'columns'")]
    found = [*_by_schema(source), *_twice(source), *_by_engine(source)]
    return sorted(found, key=lambda fault: (fault.place.line, fault.place.offset, fault.message))


def schema_file() -> Path:
    """The JSON schema in the installed soda-core, found without importing it (the import takes a second)."""
    found = find_spec("soda_core")
    folders = (found.submodule_search_locations or []) if found else []
    file = next((Path(folder) / SCHEMA for folder in folders), None)
    if file is None or not file.is_file():
        raise UsageError("contracts cannot be judged: soda-core with its JSON schema is not installed", INSTALL)
    return file


@cache
def _validator() -> Any:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise UsageError("contracts cannot be judged: jsonschema is not installed", INSTALL) from None
    return Draft202012Validator(json.loads(schema_file().read_text(encoding="utf-8")))


def _by_schema(source: Source) -> Iterator[Fault]:
    for error in _validator().iter_errors(source.value):
        deepest = _deepest(error)
        path = cast("tuple[str | int, ...]", tuple(deepest.absolute_path))
        yield Fault(path, source.place(*path), _said(deepest, path))


def _deepest(error: Any) -> Any:
    """Of an `anyOf`/`oneOf` that failed, the branch that went furthest into the file: the one that was meant.

    Each branch of Soda's list of checks asks for another check type and refuses every other key; the branch of the
    type that is there is the one whose complaint is not about that key itself.
    """
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        return error
    known = [inner for inner in error.context if not (inner.validator == "additionalProperties" and _is_check(inner))]
    ahead = [
        inner for inner in known if inner.validator != "type" or len(inner.absolute_path) > len(error.absolute_path)
    ]
    best = max(ahead or known or error.context, key=lambda inner: len(inner.absolute_path))
    unknown = not known and error.context[0].validator == "additionalProperties"
    return error if unknown else _deepest(best)


def _is_check(error: Any) -> bool:
    """Whether the object that was refused is the item of a list of checks."""
    path = list(error.absolute_path)
    return len(path) >= 2 and path[-2] == "checks" and isinstance(path[-1], int)


def _said(error: Any, path: tuple[str | int, ...]) -> str:
    where = ".".join(map(str, path)) or "the contract"
    if error.validator in ("anyOf", "oneOf"):
        value: object = error.instance
        if isinstance(value, dict) and len(path) >= 2 and path[-2] == "checks":
            return f"{where}: unknown check type {', '.join(map(str, cast('dict[Any, Any]', value))) or 'nothing'!r}"
        return f"{where}: {_short(value)} is none of the forms that Soda takes"
    return f"{where}: {error.message if len(error.message) <= 200 else _short(error.message, 200)}"


def _short(value: object, most: int = 60) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}…"


def _twice(source: Source) -> Iterator[Fault]:
    """A column that is named twice: the schema does not see it, Soda refuses it."""
    seen: set[str] = set()
    for index, column in enumerate(_list(source.value, "columns")):
        name: object = cast("dict[str, Any]", column).get("name") if isinstance(column, dict) else None
        if isinstance(name, str) and name in seen:
            path = ("columns", index, "name")
            yield Fault(path, source.place(*path), f"columns.{index}.name: the column {name!r} is there twice")
        elif isinstance(name, str):
            seen.add(name)


def _by_engine(source: Source) -> Iterator[Fault]:
    """What the schema lets through and Soda's engine (4.28) does not evaluate, ever."""
    for path, check in checks(source.value):
        if len(check) != 1:
            yield Fault(path, source.place(*path), f"{_dotted(path)}: a check has exactly one type, not {len(check)}")
    for path, threshold in _thresholds(source.value):
        said = [key for key in threshold if key.startswith("must_")]
        if len(said) > 1:
            reason = f"{_dotted(path)}: {' and '.join(said)} together: Soda never evaluates such a check"
            yield Fault(path, source.place(*path), reason)


def checks(contract: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Every check of a contract with its path: the dataset's, then those of each column."""
    for index, check in enumerate(_list(contract, "checks")):
        if isinstance(check, dict):
            yield ("checks", index), cast("dict[str, Any]", check)
    for at, column in enumerate(_list(contract, "columns")):
        for index, check in enumerate(_list(column, "checks")):
            if isinstance(check, dict):
                yield ("columns", at, "checks", index), cast("dict[str, Any]", check)


def _thresholds(contract: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    for path, check in checks(contract):
        for kind, body in check.items():
            threshold: Any = cast("dict[str, Any]", body).get("threshold") if isinstance(body, dict) else None
            if isinstance(threshold, dict):
                yield (*path, kind, "threshold"), cast("dict[str, Any]", threshold)


def _list(value: Any, key: str) -> list[Any]:
    found: Any = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
    return cast("list[Any]", found) if isinstance(found, list) else []


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
