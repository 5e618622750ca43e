"""A Soda contract as a value: what it promises, with Soda's defaults filled in and everything else kept aside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ops_tasks.contracts import thresholds
from ops_tasks.contracts.source import Path_, Place, Source
from ops_tasks.contracts.thresholds import Threshold

VALID = (
    "valid_values",
    "invalid_values",
    "valid_format",
    "invalid_format",
    "valid_min",
    "valid_max",
    "valid_length",
    "valid_min_length",
    "valid_max_length",
    "valid_reference_data",
)
MISSING = ("missing_values", "missing_format")
SQL = ("expression", "query", "keys_query", "rows_tested_query", "column_expression")
TYPE_PARAMETERS = ("numeric_precision", "numeric_scale", "datetime_precision")
_VARIABLE = re.compile(r"\$\{var\.([^}\s]+)\}")
_IN_CHECK = {"threshold", "filter", "qualifier", "scope", "columns", "function", "allow_extra_columns"}
_IN_COLUMN = {"name", "data_type", "character_maximum_length", "optional", "checks", *TYPE_PARAMETERS}


@dataclass(frozen=True)
class Check:
    """One check. `column` is None for a check of the dataset; `settings` are the validity rules that apply to it, those
    of its column included; `rest` is what no rule but META_CHANGED looks at."""

    kind: str
    column: str | None
    label: str
    """Qualifier or name: what tells it from others of its kind and column."""
    scope: str
    function: str
    threshold: Threshold
    filter: str
    scope_filter: str
    settings: Mapping[str, Any]
    sql: Mapping[str, str]
    keys: frozenset[str]
    date_column: str
    allows: frozenset[str]
    rest: Mapping[str, Any]
    place: Place

    @property
    def title(self) -> str:
        """How it is told: its kind, and its label where it has one."""
        return f"{self.kind} check {self.label!r}" if self.label else f"{self.kind} check"

    @property
    def promise(self) -> tuple[object, ...]:
        """Everything of it that a rule compares, the column's name left out."""
        same = (self.kind, self.scope, self.function, repr(self.threshold), self.filter, self.scope_filter)
        return (*same, repr(self.settings), repr(self.sql), self.keys, self.date_column, self.allows)


@dataclass(frozen=True)
class Column:
    """One column as the contract describes it; `index` is its position from 0."""

    name: str
    index: int
    data_type: str | None
    length: int | None
    parameters: Mapping[str, int]
    optional: bool
    checks: tuple[Check, ...]
    rest: Mapping[str, Any]
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])

    def at(self, key: str) -> Place:
        """Where a key of it stands, or the column itself where there is no such key."""
        return self.places.get(key, self.place)


@dataclass(frozen=True)
class Contract:
    """One contract file. Malformed parts are left out: what is wrong with it is for CONTRACT_INVALID to say."""

    source: Source
    dataset: str
    filter: str
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    rest: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Its path, relative to the root of the repository."""
        return self.source.file

    @property
    def every_check(self) -> Iterator[Check]:
        """The dataset's checks and those of each column."""
        yield from self.checks
        for column in self.columns:
            yield from column.checks


def build(source: Source) -> Contract:
    """Read a contract; every `${var.NAME}` stands for the default that the contract declares for it."""
    document = _mapping(source.value)
    plain = cast("dict[str, Any]", _resolved(document, _defaults(document)))
    scopes = {name: _text(_mapping(scope).get("filter")) for name, scope in _mapping(plain.get("scopes")).items()}
    columns = tuple(_columns(source, plain, scopes))
    checks = tuple(_checks(source, plain, ("checks",), None, scopes))
    rest = {key: value for key, value in plain.items() if key not in ("dataset", "filter", "columns", "checks")}
    return Contract(source, _text(plain.get("dataset")), _text(plain.get("filter")), columns, checks, rest)


def _columns(source: Source, plain: Mapping[str, Any], scopes: Mapping[str, str]) -> Iterator[Column]:
    for index, item in enumerate(_items(plain.get("columns"))):
        said = _mapping(item)
        name = said.get("name")
        if not isinstance(name, str):
            continue
        checks = tuple(_checks(source, said, ("columns", index, "checks"), name, scopes))
        judged = {key for check in checks for key in check.settings}
        kind = said.get("data_type")
        yield Column(
            name,
            index,
            str(kind) if kind is not None else None,
            _size(said.get("character_maximum_length")),
            {key: size for key in TYPE_PARAMETERS if (size := _size(said.get(key))) is not None},
            said.get("optional") is True,
            checks,
            {key: value for key, value in said.items() if key not in _IN_COLUMN and key not in judged},
            source.place("columns", index),
            {key: source.place("columns", index, key) for key in said},
        )


def _checks(
    source: Source, around: Mapping[str, Any], path: Path_, column: str | None, scopes: Mapping[str, str]
) -> Iterator[Check]:
    for index, item in enumerate(_items(around.get("checks"))):
        for kind, body in _mapping(item).items():
            yield _check(kind, _mapping(body), around if column else {}, column, scopes, source.place(*path, index))


def _check(
    kind: str,
    body: Mapping[str, Any],
    column_says: Mapping[str, Any],
    column: str | None,
    scopes: Mapping[str, str],
    place: Place,
) -> Check:
    scope = _text(body.get("scope"))
    judged = {"invalid": (*VALID, *MISSING), "missing": MISSING}.get(kind, ())
    settings: dict[str, Any] = {}
    for group in (VALID, MISSING):
        # A check with any rule of its own takes none of that group from its column (Soda's apply_column_defaults).
        own = any(body.get(key) is not None for key in group)
        giver = body if own else column_says
        settings |= {key: giver[key] for key in group if key in judged and giver.get(key) is not None}
    known = {*_IN_CHECK, *SQL, *judged, "allow_other_column_order", "column"}
    return Check(
        kind=kind,
        column=column,
        label=_text(body.get("qualifier")) or _text(body.get("name")),
        scope=scope,
        function=_text(body.get("function")),
        threshold=thresholds.read(kind, body) if kind != "schema" else Threshold({}),
        filter=_text(body.get("filter")),
        scope_filter=scopes.get(scope, "") if scope else "",
        settings=settings,
        sql={key: _text(body[key]) for key in SQL if body.get(key) is not None},
        keys=frozenset(str(key) for key in _items(body.get("columns"))),
        date_column=_text(body.get("column")),
        allows=frozenset(key for key in ("allow_extra_columns", "allow_other_column_order") if body.get(key) is True),
        rest={key: value for key, value in body.items() if key not in known},
        place=place,
    )


def _defaults(document: Mapping[str, Any]) -> dict[str, str]:
    declared = _mapping(document.get("variables")).items()
    given = {name: _mapping(inner).get("default") for name, inner in declared}
    return {name: str(default) for name, default in given.items() if default is not None}


def _resolved(value: object, defaults: Mapping[str, str]) -> object:
    if not defaults:
        return value
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: defaults.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: _resolved(inner, defaults) for key, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_resolved(inner, defaults) for inner in cast("list[object]", value)]
    return value


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _size(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
