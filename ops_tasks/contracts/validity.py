"""Is a contract what Soda calls a contract? Judged by the JSON schema that soda-core ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from ops_tasks.contracts import engine
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
def validator() -> Any:
    """The JSON schema of the installed soda-core, ready to judge; `UsageError` where a library is missing."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise UsageError("contracts cannot be judged: jsonschema is not installed", INSTALL) from None
    return Draft202012Validator(json.loads(schema_file().read_text(encoding="utf-8")))


def _by_schema(source: Source) -> Iterator[Fault]:
    for error in validator().iter_errors(engine.for_schema(source.value)):
        deepest = _deepest(error)
        path = cast("tuple[str | int, ...]", tuple(deepest.absolute_path))
        if deepest.validator == "additionalProperties":
            known = engine.mapping(cast("object", deepest.schema.get("properties")))
            for key in (key for key in engine.mapping(cast("object", deepest.instance)) if key not in known):
                here = (*path, key)
                yield Fault(here, source.place(*here), f"{engine.dotted(here)}: Soda knows no {key!r} here")
        else:
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
    where = engine.dotted(path) or "the contract"
    if error.validator in ("anyOf", "oneOf"):
        value: object = error.instance
        if len(path) >= 2 and path[-2] == "checks" and (check := engine.mapping(value)):
            return f"{where}: {_no_check(check, path)}"
        return f"{where}: {_short(value)} is none of the forms that Soda takes"
    if error.validator == "not":
        return f"{where}: {', '.join(engine.mapping(error.instance))}: Soda does not take these together"
    return f"{where}: {error.message if len(error.message) <= 200 else _short(error.message, 200)}"


def _no_check(check: dict[str, Any], path: tuple[str | int, ...]) -> str:
    if len(check) != 1:
        return f"a check has exactly one type, not {len(check)}"
    kind = next(iter(check))
    on = "a column" if path[0] == "columns" else "a dataset"
    return f"there is no check {kind!r} of {on}"


def _short(value: object, most: int = 60) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}…"


def _twice(source: Source) -> Iterator[Fault]:
    """A column that is named twice: the schema does not see it, Soda refuses it."""
    seen: set[str] = set()
    for index, column in enumerate(engine.items(source.value, "columns")):
        name: object = engine.mapping(column).get("name")
        if isinstance(name, str) and name in seen:
            path = ("columns", index, "name")
            yield Fault(path, source.place(*path), f"columns.{index}.name: the column {name!r} is there twice")
        elif isinstance(name, str):
            seen.add(name)


def _by_engine(source: Source) -> Iterator[Fault]:
    for path, reason in engine.faults(source.value):
        yield Fault(path, source.place(*path), reason)
