"""Thresholds of Soda checks: what values pass, at which level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from ops_tasks.contracts.numbers import ANY, COUNT, PERCENT, Domain, Interval, Numbers, everything, numbers

FAIL, WARN = "fail", "warn"
ZERO = numbers([Interval(Fraction(0), True, Fraction(0), True)])
# What Soda (4.28) takes where a check gives no comparison: `default_threshold` in its check implementations.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "missing": {"must_be": 0},
    "invalid": {"must_be": 0},
    "duplicate": {"must_be": 0},
    "failed_rows": {"must_be": 0},
    "row_count": {"must_be_greater_than": 0},
}
COUNTED = frozenset(DEFAULTS)
MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_BELOW, _ABOVE = ("less_than", "less_than_or_equal"), ("greater_than", "greater_than_or_equal")


@dataclass(frozen=True)
class Threshold:
    """Which values pass. `levels` has the passing set of `fail` and of `warn`, where there is such a level.

    `metric` is `count` or `percent`, empty where it makes no difference. `opaque` holds the words of a threshold whose
    numbers are not known here (a variable without a default).
    """

    levels: Mapping[str, Numbers]
    metric: str = ""
    opaque: str = ""

    @property
    def strongest(self) -> Numbers:
        """The passing set of its strongest level."""
        return self.levels.get(FAIL) or self.levels.get(WARN) or everything()


def looser(old: Threshold, new: Threshold) -> bool:
    """Whether a value that did not pass would pass now, or nobody can tell."""
    return _beyond(old, new)


def tighter(old: Threshold, new: Threshold) -> bool:
    """Whether a value that passed would not pass now, or nobody can tell: `looser` the other way round."""
    return _beyond(new, old)


def _beyond(inner: Threshold, outer: Threshold) -> bool:
    """Whether `outer` lets a value through that `inner` does not."""
    if inner.opaque or outer.opaque:
        return (inner.opaque, inner.metric) != (outer.opaque, outer.metric)
    if inner.metric and outer.metric and inner.metric != outer.metric:
        return True
    if FAIL in inner.levels and FAIL in outer.levels:
        pairs = [(inner.levels.get(level), outer.levels.get(level)) for level in (FAIL, WARN)]
    else:
        pairs = [(inner.strongest, outer.strongest)]
    return any(mine is not None and (its is None or not mine.holds(its)) for mine, its in pairs)


def read(kind: str, body: Mapping[str, Any]) -> Threshold:
    """The threshold of a check of type `kind`, Soda's default where it gives no comparison."""
    given = body.get("threshold")
    section: dict[str, Any] = dict(cast("dict[str, Any]", given)) if isinstance(given, dict) else {}
    extra = section.pop("additional", None)
    level = WARN if str(section.pop("level", "")).lower() == WARN else FAIL
    metric = str(section.pop("metric", None) or "count") if kind in COUNTED else ""
    unit = MINUTES.get(str(section.pop("unit", None) or "hour"), 60) if kind == "freshness" else 1
    domain = ANY if kind not in COUNTED else PERCENT if metric == "percent" else COUNT
    said = {key: value for key, value in section.items() if key.startswith("must_") and value is not None}
    told = [(level, said or DEFAULTS.get(kind, {}))]
    if isinstance(extra, dict):
        inner = dict(cast("dict[str, Any]", extra))
        other = WARN if str(inner.pop("level", "")).lower() == WARN else FAIL
        told.append((other, inner))
    levels: dict[str, Numbers] = {}
    for name, words in told:
        passing = _passing(words, unit, domain)
        if passing is None:
            return Threshold({}, metric, opaque=repr([(name, sorted(words.items(), key=str)) for name, words in told]))
        levels[name] = passing
    indifferent = metric and all(one in (ZERO, _ALL_COUNTS, _ALL_PERCENTS) for one in levels.values())
    return Threshold(_same_everything(levels), "" if indifferent else metric)


_ALL_COUNTS, _ALL_PERCENTS = everything(COUNT), everything(PERCENT)


def _same_everything(levels: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """What lets every value through is one set, whatever it measures."""
    whole = (_ALL_COUNTS, _ALL_PERCENTS)
    return {level: everything() if passing in whole else passing for level, passing in levels.items()}


def _passing(words: Mapping[str, Any], unit: int, domain: Domain) -> Numbers | None:
    """The numbers that pass; None where one of them is not known.

    Two comparisons in one threshold are never evaluated by Soda (4.28): everything passes.
    """
    if len(words) != 1:
        return everything(domain)
    key, value = next(iter(words.items()))
    if key in ("must_be_between", "must_be_not_between"):
        section = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        bounds = {name: _number(inner) for name, inner in section.items()}
        if any(bound is None for bound in bounds.values()):
            return None
        return _range(key, {name: bound * unit for name, bound in bounds.items() if bound is not None}, domain)
    number = _number(value)
    if number is None:
        return None
    at = number * unit
    simple = {
        "must_be": [Interval(at, True, at, True)],
        "must_not_be": [Interval(None, False, at, False), Interval(at, False)],
        "must_be_greater_than": [Interval(at, False)],
        "must_be_greater_than_or_equal": [Interval(at, True)],
        "must_be_less_than": [Interval(None, False, at, False)],
        "must_be_less_than_or_equal": [Interval(None, False, at, True)],
    }
    return numbers(simple.get(key, [Interval()]), domain)


def _range(key: str, bounds: Mapping[str, Fraction], domain: Domain) -> Numbers:
    low = next(((bounds[name], name != "greater_than") for name in _ABOVE if name in bounds), (None, False))
    high = next(((bounds[name], name != "less_than") for name in _BELOW if name in bounds), (None, False))
    if key == "must_be_between":
        return numbers([Interval(*low, *high)], domain)
    # `must_be_not_between: {less_than: 1, greater_than: 9}` passes below 1 and above 9.
    below = [Interval(None, False, *high)] if high[0] is not None else []
    above = [Interval(*low)] if low[0] is not None else []
    return numbers([*below, *above], domain)


def _number(value: object) -> Fraction | None:
    """A number, also one that is written as a text; None for anything else, a variable above all."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        return None
