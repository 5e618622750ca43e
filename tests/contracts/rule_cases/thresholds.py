"""Thresholds and freshness."""

from __future__ import annotations

from tests.contracts.building import AT_MOST, FRESH, MISSING, ROWS, Case, column, contract, of

THRESHOLDS: list[Case] = [
    ("loosened", column(AT_MOST % 5), column(AT_MOST % 10), ["THRESHOLD_LOOSENED a"]),
    ("tightened", column(AT_MOST % 10), column(AT_MOST % 5), ["THRESHOLD_TIGHTENED a"]),
    ("from the default", column(MISSING), column(AT_MOST % 5), ["THRESHOLD_LOOSENED a"]),
    ("the default in words", column(MISSING), column("{missing: {threshold: {must_be: 0}}}"), []),
    ("the default of rows in words", of("{row_count: }"), of(ROWS % "must_be_greater_than: 0"), []),
    ("fewer rows", of(ROWS % "must_be_greater_than: 100"), of("{row_count: }"), ["THRESHOLD_LOOSENED"]),
    ("whole numbers", of(ROWS % "must_be_greater_than: 0"), of(ROWS % "must_be_greater_than_or_equal: 1"), []),
    ("whole numbers below", column("{missing: {threshold: {must_be_less_than: 1}}}"), column(MISSING), []),
    (
        "percent is not whole",
        column("{missing: {threshold: {metric: percent, must_be_less_than: 1}}}"),
        column("{missing: {threshold: {metric: percent, must_be: 0}}}"),
        ["THRESHOLD_TIGHTENED a"],
    ),
    ("none, in percent", column(MISSING), column("{missing: {threshold: {metric: percent, must_be: 0}}}"), []),
    (
        "another metric",
        column(AT_MOST % 5),
        column("{missing: {threshold: {metric: percent, must_be_less_than: 5}}}"),
        ["THRESHOLD_LOOSENED a", "THRESHOLD_TIGHTENED a"],
    ),
    (
        "moved",
        of(ROWS % "must_be_between: {greater_than: 10, less_than: 20}"),
        of(ROWS % "must_be_between: {greater_than: 15, less_than: 25}"),
        ["THRESHOLD_LOOSENED", "THRESHOLD_TIGHTENED"],
    ),
    (
        "between, laid out anew",
        of(ROWS % "must_be_between: {greater_than: 9, less_than: 20}"),
        of(ROWS % "must_be_between: {less_than_or_equal: 19, greater_than_or_equal: 10}"),
        [],
    ),
    (
        "between, wider",
        of(ROWS % "must_be_between: {greater_than: 9, less_than: 20}"),
        of(ROWS % "must_be_between: {greater_than: 9, less_than: 30}"),
        ["THRESHOLD_LOOSENED"],
    ),
    (
        "not between, narrower",
        of(ROWS % "must_be_not_between: {less_than: 10, greater_than: 20}"),
        of(ROWS % "must_be_not_between: {less_than: 12, greater_than: 20}"),
        ["THRESHOLD_LOOSENED"],
    ),
    ("must not be", of(ROWS % "must_not_be: 0"), of(ROWS % "must_be_greater_than: 0"), []),
    ("a number as text", column("{missing: {threshold: {must_be_less_than: '5'}}}"), column(AT_MOST % 5), []),
    ("5 and 5.0", column(AT_MOST % 5), column(AT_MOST % "5.0"), []),
    (
        "a variable, and its default",
        contract(
            "{name: a, checks: [{missing: {threshold: {must_be_less_than: '${var.most}'}}}]}",
            more="variables: {most: {default: 5}}",
        ),
        contract(
            "{name: a, checks: [{missing: {threshold: {must_be_less_than: 5}}}]}",
            more="variables: {most: {default: 5}}",
        ),
        [],
    ),
    (
        "another default of a variable",
        contract(
            "{name: a, checks: [{missing: {threshold: {must_be_less_than: '${var.most}'}}}]}",
            more="variables: {most: {default: 5}}",
        ),
        contract(
            "{name: a, checks: [{missing: {threshold: {must_be_less_than: '${var.most}'}}}]}",
            more="variables: {most: {default: 9}}",
        ),
        ["META_CHANGED", "THRESHOLD_LOOSENED a"],
    ),
    (
        "a warning added",
        column(AT_MOST % 5),
        column("{missing: {threshold: {must_be_less_than: 5, additional: {must_be: 0, level: warn}}}}"),
        ["THRESHOLD_TIGHTENED a"],
    ),
    (
        "a warning removed",
        column("{missing: {threshold: {must_be_less_than: 5, additional: {must_be: 0, level: warn}}}}"),
        column(AT_MOST % 5),
        ["THRESHOLD_LOOSENED a"],
    ),
    (
        "levels exchanged in layout only",
        column("{missing: {threshold: {must_be: 0, level: warn, additional: {must_be_less_than: 5}}}}"),
        column("{missing: {threshold: {must_be_less_than: 5, additional: {must_be: 0, level: warn}}}}"),
        [],
    ),
]

FRESHNESS: list[Case] = [
    (
        "newer, in days",
        of(FRESH % "must_be_less_than: 49"),
        of(FRESH % "unit: day, must_be_less_than: 2"),
        ["FRESHNESS_TIGHTENED"],
    ),
    (
        "promoted",
        of(FRESH % "must_be_less_than: 24, level: warn"),
        of(FRESH % "must_be_less_than: 24"),
        ["CHECK_PROMOTED"],
    ),
    ("older", of(FRESH % "must_be_less_than: 24"), of(FRESH % "must_be_less_than: 48"), ["FRESHNESS_LOOSENED"]),
    ("newer", of(FRESH % "must_be_less_than: 48"), of(FRESH % "must_be_less_than: 24"), ["FRESHNESS_TIGHTENED"]),
    ("hours are the default", of(FRESH % "must_be_less_than: 24"), of(FRESH % "unit: hour, must_be_less_than: 24"), []),
    ("days", of(FRESH % "must_be_less_than: 48"), of(FRESH % "unit: day, must_be_less_than: 2"), []),
    (
        "minutes",
        of(FRESH % "unit: hour, must_be_less_than: 25"),
        of(FRESH % "unit: minute, must_be_less_than: 1500"),
        [],
    ),
    (
        "minutes, longer",
        of(FRESH % "unit: hour, must_be_less_than: 25"),
        of(FRESH % "unit: minute, must_be_less_than: 1501"),
        ["FRESHNESS_LOOSENED"],
    ),
    (
        "another unit",
        of(FRESH % "unit: hour, must_be_less_than: 2"),
        of(FRESH % "unit: day, must_be_less_than: 2"),
        ["FRESHNESS_LOOSENED"],
    ),
    (
        "the bound itself",
        of(FRESH % "must_be_less_than: 24"),
        of(FRESH % "must_be_less_than_or_equal: 24"),
        ["FRESHNESS_LOOSENED"],
    ),
    (
        "another column",
        of(FRESH % "must_be_less_than: 24"),
        of("{freshness: {column: other, threshold: {must_be_less_than: 24}}}"),
        ["FRESHNESS_LOOSENED"],
    ),
    (
        "demoted",
        of(FRESH % "must_be_less_than: 24"),
        of(FRESH % "must_be_less_than: 24, level: warn"),
        ["CHECK_DEMOTED"],
    ),
    ("removed", of(FRESH % "must_be_less_than: 24"), contract(), ["CHECK_REMOVED"]),
]
