"""Laws of what is compared: thresholds, types and SQL, with numbers and types made at random."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.contracts import datatypes, sqltext, thresholds
from ops_tasks.contracts.datatypes import CHANGED, NARROWED, SAME, WIDENED
from ops_tasks.contracts.numbers import ANY, COUNT, Interval, everything, numbers

FEW = settings(max_examples=200, deadline=None, derandomize=True)
KINDS = ["row_count", "missing", "duplicate"]
SIMPLE = [
    *("must_be", "must_not_be", "must_be_greater_than", "must_be_greater_than_or_equal"),
    *("must_be_less_than", "must_be_less_than_or_equal"),
]
NUMBER = st.one_of(st.integers(-3, 12), st.sampled_from([0.5, 2.5, "7", 3.0]))
LOW, HIGH = ["greater_than", "greater_than_or_equal"], ["less_than", "less_than_or_equal"]


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 3)):
        return {draw(st.sampled_from(SIMPLE)): draw(NUMBER)}
    key = draw(st.sampled_from(["must_be_between", "must_be_not_between"]))
    return {key: {draw(st.sampled_from(LOW)): draw(NUMBER), draw(st.sampled_from(HIGH)): draw(NUMBER)}}


def passes(value: int, words: dict[str, Any]) -> bool:
    """What Soda would say of one measured value."""
    ((key, bound),) = words.items()
    if isinstance(bound, dict):
        ends = cast("dict[str, Any]", bound)
        above = (
            value > Fraction(ends["greater_than"])
            if "greater_than" in ends
            else value >= Fraction(ends["greater_than_or_equal"])
        )
        below = (
            value < Fraction(ends["less_than"])
            if "less_than" in ends
            else value <= Fraction(ends["less_than_or_equal"])
        )
        return (above and below) if key == "must_be_between" else (above or below)
    at = Fraction(bound)
    return {
        "must_be": value == at,
        "must_not_be": value != at,
        "must_be_greater_than": value > at,
        "must_be_greater_than_or_equal": value >= at,
        "must_be_less_than": value < at,
        "must_be_less_than_or_equal": value <= at,
    }[key]


def read(words: dict[str, Any], kind: str = "row_count") -> thresholds.Threshold:
    return thresholds.read(kind, {"threshold": words})


@FEW
@given(comparisons(), comparisons(), st.sampled_from(KINDS))
def test_counts_compare_as_if_every_value_were_tried(old: dict[str, Any], new: dict[str, Any], kind: str) -> None:
    before = {value for value in range(40) if passes(value, old)}
    after = {value for value in range(40) if passes(value, new)}
    assert thresholds.looser(read(old, kind), read(new, kind)) == bool(after - before)
    assert thresholds.tighter(read(old, kind), read(new, kind)) == bool(before - after)


@FEW
@given(comparisons(), comparisons(), st.sampled_from(["freshness", "aggregate", "row_count"]))
def test_loosened_is_tightened_the_other_way_round(old: dict[str, Any], new: dict[str, Any], kind: str) -> None:
    one, other = read(old, kind), read(new, kind)
    assert thresholds.looser(one, other) == thresholds.tighter(other, one)
    assert not thresholds.looser(one, one)
    assert not thresholds.tighter(one, one)


@FEW
@given(st.integers(1, 60), st.sampled_from(["minute", "hour", "day"]))
def test_units_are_brought_together(count: int, unit: str) -> None:
    minutes = count * {"minute": 1, "hour": 60, "day": 1440}[unit]
    one = read({"unit": unit, "must_be_less_than": count}, "freshness")
    other = read({"unit": "minute", "must_be_less_than": minutes}, "freshness")
    assert not thresholds.looser(one, other)
    assert not thresholds.tighter(one, other)


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ({"must_be": "${var.x}"}, {"must_be": 0}),
        ({"must_be": "${var.x}"}, {"must_be": "${var.y}"}),
        ({"must_be_between": {"greater_than": "${var.x}", "less_than": 3}}, {"must_be": 0}),
    ],
)
def test_what_is_not_known_is_no_pass(words: dict[str, Any], other: dict[str, Any]) -> None:
    assert thresholds.looser(read(words), read(other))
    assert thresholds.looser(read(other), read(words))
    assert not thresholds.looser(read(words), read(words))


def test_numbers_have_one_normal_form() -> None:
    zero, nine = Fraction(0), Fraction(9)
    assert numbers([Interval(zero, False, nine, False)], COUNT) == numbers(
        [Interval(Fraction(1), True, Fraction(8), True)], COUNT
    )
    assert numbers([Interval(None, False, zero), Interval(zero, True)], ANY) == everything()
    assert numbers([Interval(None, False, zero), Interval(zero)], ANY) != everything()
    assert numbers([Interval(nine, True, zero, True)], ANY).intervals == ()


NAMES = [
    *("tinyint", "smallint", "int", "bigint", "hugeint", "utinyint", "uinteger", "ubigint", "float", "double"),
    *("decimal(4,0)", "decimal(10,2)", "decimal(12,4)", "decimal(18,0)", "decimal", "varchar", "varchar(10)"),
    *("varchar(20)", "enum('a')", "enum('a','b')", "date", "timestamp", "timestamp_s", "timestamp_ns", "timestamptz"),
    *("boolean", "int[]", "bigint[]", "int[3]", "struct(a int)", "struct(a bigint, b varchar)", "map(varchar, int)"),
    *("uuid", "json", "x"),
]


def compare(old: str, new: str) -> str:
    return datatypes.compare(datatypes.parse(old), datatypes.parse(new))


@pytest.mark.parametrize("old", NAMES)
def test_types_compare_by_law(old: str) -> None:
    assert compare(old, old) == SAME
    for new in NAMES:
        verdict, back = compare(old, new), compare(new, old)
        assert (verdict == SAME) == (back == SAME), (old, new)
        assert (verdict == CHANGED) == (back == CHANGED), (old, new)
        assert verdict != WIDENED or back == NARROWED, (old, new)
        for third in NAMES if verdict == WIDENED else ():
            if compare(new, third) == WIDENED:
                assert compare(old, third) == WIDENED, (old, new, third)


EXTREMES = {
    "tinyint": ("-128", "127"),
    "smallint": ("-32768", "32767"),
    "int": ("-2147483648", "2147483647"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "utinyint": ("0", "255"),
    "uinteger": ("0", "4294967295"),
    "ubigint": ("0", "18446744073709551615"),
    "decimal(4,0)": ("-9999", "9999"),
    "decimal(10,2)": ("-99999999.99", "99999999.99"),
    "decimal(12,4)": ("-99999999.9999", "99999999.9999"),
    "decimal(18,0)": ("-999999999999999999", "999999999999999999"),
}


@pytest.mark.parametrize("old", EXTREMES)
def test_duckdb_agrees_on_what_fits(old: str) -> None:
    """A type is wider when DuckDB brings both ends of the other one there and back."""
    connection = duckdb.connect()
    for new in EXTREMES:
        if new == old:
            continue
        there = f"try_cast(try_cast(?::{old} as {new}) as {old})"
        fits = all(
            connection.execute(f"select {there} = ?::{old}", [end, end]).fetchall() == [(True,)]
            for end in EXTREMES[old]
        )
        # Ends may fit although values between them do not: fractions into whole numbers never come back.
        assert (compare(old, new) == WIDENED) == fits, (old, new)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("a > 1", "A>1", True),
        ("a > 1", "(a > 1)", True),
        ("a > 1 -- x", "a /* y */ > 1", True),
        ('"a" > 1', "a > 1", True),
        ("a = 'X'", "a = 'x'", False),
        ("a > 1", "a >= 1", False),
        ("select a, b from t", "SELECT a,\n  b\nFROM t", True),
        ("select a, b from t", "select b, a from t", False),
        ("a ~~~ ( b", "a  ~~~ ( b", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_sql_is_the_same_when_its_tree_is(old: str, new: str, same: bool) -> None:
    assert sqltext.same(old, new) is same
    assert sqltext.same(new, old) is same
