"""Rules about the types of columns: which values fit."""

from __future__ import annotations

from collections.abc import Iterator

from ops_tasks.contracts import datatypes
from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.model import Column
from ops_tasks.contracts.rules.registry import Hit, rule
from ops_tasks.contracts.source import Place


@rule("TYPE_NARROWED", BREAKING)
def type_narrowed(change: Change) -> Iterator[Hit]:
    """Values that fitted into a column do not fit any more."""
    yield from _typed(change, datatypes.NARROWED, "holds less")


@rule("TYPE_CHANGED", BREAKING)
def type_changed(change: Change) -> Iterator[Hit]:
    """A column holds another kind of value."""
    yield from _typed(change, datatypes.CHANGED, "is another type")


@rule("TYPE_WIDENED", ADDITIVE)
def type_widened(change: Change) -> Iterator[Hit]:
    """A column holds all that it held, and more."""
    yield from _typed(change, datatypes.WIDENED, "holds more")


@rule("TYPE_UNDECLARED", BREAKING)
def type_undeclared(change: Change) -> Iterator[Hit]:
    """The type of a column is not promised any more."""
    for old, new in change.columns:
        if old.data_type is not None and new.data_type is None:
            yield Hit(f"the type of {new.name}, {old.data_type}, is not promised any more", new.place, new.name)


@rule("TYPE_DECLARED", ADDITIVE)
def type_declared(change: Change) -> Iterator[Hit]:
    """A column has a promised type that had none."""
    for old, new in change.columns:
        if old.data_type is None and new.data_type is not None:
            yield Hit(f"{new.name} is promised to be {new.data_type}", new.at("data_type"), new.name)


@rule("LENGTH_SHORTENED", BREAKING)
def length_shortened(change: Change) -> Iterator[Hit]:
    """Texts of a column may be less long (`character_maximum_length`)."""
    for old, new in change.columns:
        if (lengths := _lengths(old, new)) and lengths[1] < lengths[0]:
            yield Hit(f"{new.name} has at most {_told(lengths[1])}, not {_told(lengths[0])}", _at(new), new.name)


@rule("LENGTH_GROWN", WARNING)
def length_grown(change: Change) -> Iterator[Hit]:
    """Texts of a column may be longer (`character_maximum_length`)."""
    for old, new in change.columns:
        if (lengths := _lengths(old, new)) and lengths[1] > lengths[0]:
            yield Hit(f"{new.name} has up to {_told(lengths[1])}, not {_told(lengths[0])}", _at(new), new.name)


def _typed(change: Change, verdict: str, words: str) -> Iterator[Hit]:
    for old, new in change.columns:
        if old.data_type is None or new.data_type is None or _said(old) == _said(new):
            continue
        before, after = _type(old), _type(new)
        if _by_length(old, new):
            before, after = _endless(before), _endless(after)
        if datatypes.compare(before, after) == verdict:
            yield Hit(f"{new.name} {words}: {_said(old)} -> {_said(new)}", new.at("data_type"), new.name)


def _type(column: Column) -> datatypes.Type:
    given = column.parameters
    found = datatypes.parse(
        column.data_type or "",
        length=column.length,
        precision=given.get("numeric_precision"),
        scale=given.get("numeric_scale"),
    )
    digits = given.get("datetime_precision")
    if isinstance(found, datatypes.Clock) and digits is not None:
        return datatypes.Clock(found.kind, found.zone, digits)
    return found


def _endless(kind: datatypes.Type) -> datatypes.Type:
    return datatypes.Text() if isinstance(kind, datatypes.Text) and kind.values is None else kind


def _said(column: Column) -> str:
    more = [f"{key} {size}" for key, size in column.parameters.items()]
    return ", ".join([column.data_type or "no type", *more])


def _by_length(old: Column, new: Column) -> bool:
    """Whether a length of its own says how long a text may be; then LENGTH_* speak of it."""
    return old.length is not None or new.length is not None


def _lengths(old: Column, new: Column) -> tuple[int, int] | None:
    if not _by_length(old, new):
        return None
    return _length(old), _length(new)


def _length(column: Column) -> int:
    if column.length is not None:
        return column.length
    kind = _type(column) if column.data_type else None
    return kind.length if isinstance(kind, datatypes.Text) else datatypes.INFINITE


def _told(length: int) -> str:
    return "any length" if length >= datatypes.INFINITE else f"{length} characters"


def _at(column: Column) -> Place:
    return column.at("character_maximum_length")
