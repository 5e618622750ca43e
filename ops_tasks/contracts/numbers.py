"""Sets of numbers as intervals, so that two thresholds can be compared whatever words they were written with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

Bound = Fraction | None
"""An end of an interval; None is without end."""


@dataclass(frozen=True)
class Interval:
    """All numbers between two bounds, each of them included or not."""

    low: Bound = None
    low_in: bool = False
    high: Bound = None
    high_in: bool = False

    def holds(self, other: Interval) -> bool:
        """Whether every number of `other` is in this one."""
        return _low_key(self) <= _low_key(other) and _high_key(other) <= _high_key(self)

    @property
    def empty(self) -> bool:
        """Whether there is no number in it."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and not (self.low_in and self.high_in))


@dataclass(frozen=True)
class Numbers:
    """A set of numbers: intervals in order that do not touch."""

    intervals: tuple[Interval, ...]

    def holds(self, other: Numbers) -> bool:
        """Whether `other` is a subset."""
        return all(any(mine.holds(its) for mine in self.intervals) for its in other.intervals)


@dataclass(frozen=True)
class Domain:
    """What a measured value can be at all: a count is a whole number from 0 on, a percentage at most 100."""

    within: Interval
    whole: bool = False


COUNT = Domain(Interval(Fraction(0), True), whole=True)
PERCENT = Domain(Interval(Fraction(0), True, Fraction(100), True))
ANY = Domain(Interval())


def numbers(intervals: Iterable[Interval], domain: Domain = ANY) -> Numbers:
    """The union of `intervals` as far as it lies in `domain`, in its one normal form."""
    met = (_whole(_meet(one, domain.within)) if domain.whole else _meet(one, domain.within) for one in intervals)
    merged: list[Interval] = []
    for one in sorted((one for one in met if not one.empty), key=_low_key):
        if merged and _touch(merged[-1], one, whole=domain.whole):
            last = merged.pop()
            highest = max(last, one, key=_high_key)
            one = Interval(last.low, last.low_in, highest.high, highest.high_in)
        merged.append(one)
    return Numbers(tuple(merged))


def everything(domain: Domain = ANY) -> Numbers:
    """The whole domain."""
    return numbers([Interval()], domain)


_FAR = 2


def _low_key(one: Interval) -> tuple[int, Fraction, int]:
    return (-_FAR, Fraction(0), 0) if one.low is None else (0, one.low, 0 if one.low_in else 1)


def _high_key(one: Interval) -> tuple[int, Fraction, int]:
    return (_FAR, Fraction(0), 0) if one.high is None else (0, one.high, 0 if one.high_in else -1)


def _meet(one: Interval, other: Interval) -> Interval:
    lower, upper = max(one, other, key=_low_key), min(one, other, key=_high_key)
    return Interval(lower.low, lower.low_in, upper.high, upper.high_in)


def _whole(one: Interval) -> Interval:
    """The same whole numbers with both ends among them."""
    low, high = one.low, one.high
    if low is not None:
        low = Fraction(ceil(low) if one.low_in or low.denominator != 1 else int(low) + 1)
    if high is not None:
        high = Fraction(floor(high) if one.high_in or high.denominator != 1 else int(high) - 1)
    return Interval(low, low is not None, high, high is not None)


def _touch(first: Interval, second: Interval, *, whole: bool) -> bool:
    """Whether nothing lies between two intervals, the first of which begins first."""
    if first.high is None or second.low is None:
        return True
    if whole:
        return second.low <= first.high + 1
    return second.low < first.high or (second.low == first.high and (second.low_in or first.high_in))
