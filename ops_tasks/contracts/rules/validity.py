"""Rules about which values of a column are valid or count as missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING
from ops_tasks.contracts.match import Change
from ops_tasks.contracts.rules.registry import Hit, rule

LOWEST = ("valid_min", "valid_min_length")
HIGHEST = ("valid_max", "valid_max_length")
# In an `invalid` check a missing value is no invalid one: the more values count as missing, the fewer are invalid.
FORBIDDING = ("invalid_values", "missing_values")
FORMATS = ("valid_format", "invalid_format", "missing_format", "valid_reference_data")


@dataclass(frozen=True)
class Looser:
    """One setting that lets more values through, in words."""

    key: str
    words: str


@rule("VALID_RULE_LOOSENED", BREAKING)
def valid_rule_loosened(change: Change) -> Iterator[Hit]:
    """More values are valid, or fewer count as missing, by a range, a length, a format or a reference."""
    for old, new in change.checks:
        for told in differences(new.kind, old.settings, new.settings):
            yield Hit(f"the {new.title} lets more through: {told.words}", new.place, new.column)


@rule("VALID_VALUES_ADDED", WARNING)
def valid_values_added(change: Change) -> Iterator[Hit]:
    """A list of valid values has new members."""
    for old, new in change.checks:
        if (both := _lists(old.settings, new.settings)) and (more := both[1] - both[0]):
            yield Hit(f"valid now: {_told(more)}", new.place, new.column)


@rule("VALID_VALUES_REMOVED", ADDITIVE)
def valid_values_removed(change: Change) -> Iterator[Hit]:
    """A list of valid values has lost members."""
    for old, new in change.checks:
        if (both := _lists(old.settings, new.settings)) and (less := both[0] - both[1]):
            yield Hit(f"not valid any more: {_told(less)}", new.place, new.column)


def differences(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Looser]:
    """What `new` lets through that `old` did not, setting by setting; lists of valid values have rules of their own."""
    before, after = _lengths(old), _lengths(new)
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if _same(was, now):
            continue
        if key == "valid_values":
            if now is None:
                yield Looser(key, "any value is valid")
        elif key in LOWEST or key in HIGHEST:
            if _wider(was, now, upwards=key in HIGHEST):
                yield Looser(key, f"{key} {_word(was)} -> {_word(now)}")
        elif key in FORBIDDING:
            if less := _dropped(kind, key, was, now):
                yield Looser(key, f"{key} has {_told(less)} no longer" if was else f"{key} has {_told(less)}")
        elif key in FORMATS and was is not None:
            # A pattern cannot be compared with another one: another pattern may let anything through.
            yield Looser(key, f"{key} {_word(was)} -> {_word(now)}")


def _lengths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`valid_length` is the shortest and the longest at once."""
    plain = {key: value for key, value in settings.items() if key != "valid_length"}
    if "valid_length" in settings:
        plain |= {"valid_min_length": settings["valid_length"], "valid_max_length": settings["valid_length"]}
    return plain


def _wider(was: object, now: object, *, upwards: bool) -> bool:
    """Whether a bound has moved outwards, or away, or cannot be compared."""
    if was is None:
        return False
    if now is None:
        return True
    before, after = _comparable(was), _comparable(now)
    if isinstance(before, Fraction) and isinstance(after, Fraction):
        return after > before if upwards else after < before
    if isinstance(before, str) and isinstance(after, str) and len(before) == len(after):
        # Dates and times as Soda takes them are ISO texts, which sort like what they say.
        return after > before if upwards else after < before
    return True


def _dropped(kind: str, key: str, was: object, now: object) -> set[str]:
    """Members without which more gets through: for missing values in an `invalid` check it is the new ones."""
    before, after = _members(was), _members(now)
    return after - before if key == "missing_values" and kind == "invalid" else before - after


def _same(was: Any, now: Any) -> bool:
    if isinstance(was, list) and isinstance(now, list):
        return _members(was) == _members(now)
    if isinstance(was, dict) and isinstance(now, dict):
        # The name of a format is a label.
        return _pattern(cast("dict[str, Any]", was)) == _pattern(cast("dict[str, Any]", now))
    return _comparable(cast("object", was)) == _comparable(cast("object", now))


def _pattern(value: Mapping[str, Any]) -> object:
    return value["regex"] if "regex" in value else dict(value)


def _lists(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[set[str], set[str]] | None:
    if "valid_values" not in old or "valid_values" not in new:
        return None
    return _members(old["valid_values"]), _members(new["valid_values"])


def _members(value: Any) -> set[str]:
    """Members of a list as texts that tell a number from its digits: 1 and 1.0 are one, 1 and '1' are two."""
    items = cast("list[object]", value) if isinstance(value, list) else [value] if value is not None else []
    return {repr(item) if isinstance(item, str) else str(_comparable(item)) for item in items}


def _comparable(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return Fraction(str(value))
    if isinstance(value, str):
        try:
            return Fraction(value)
        except (ValueError, ZeroDivisionError):
            return value
    return repr(value)


def _told(members: set[str]) -> str:
    return ", ".join(sorted(members))


def _word(value: object) -> str:
    shown = _pattern(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
    return "none" if shown is None else str(shown)
