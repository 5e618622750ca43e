"""Which values are valid or missing."""

from __future__ import annotations

from tests.contracts.building import INVALID, MISSING, Case, column

VALIDITY: list[Case] = [
    (
        "valid value added",
        column(INVALID % "valid_values: [a, b]"),
        column(INVALID % "valid_values: [a, b, c]"),
        ["VALID_VALUES_ADDED a"],
    ),
    (
        "valid value removed",
        column(INVALID % "valid_values: [a, b]"),
        column(INVALID % "valid_values: [a]"),
        ["VALID_VALUES_REMOVED a"],
    ),
    (
        "valid values exchanged",
        column(INVALID % "valid_values: [a]"),
        column(INVALID % "valid_values: [b]"),
        ["VALID_VALUES_ADDED a", "VALID_VALUES_REMOVED a"],
    ),
    ("valid values reordered", column(INVALID % "valid_values: [a, b]"), column(INVALID % "valid_values: [b, a]"), []),
    (
        "any value",
        column(INVALID % "valid_values: [a], valid_min_length: 1"),
        column(INVALID % "valid_min_length: 1"),
        ["VALID_RULE_LOOSENED a"],
    ),
    ("1 and 1.0", column(INVALID % "valid_values: [1]"), column(INVALID % "valid_values: [1.0]"), []),
    ("minimum lowered", column(INVALID % "valid_min: 5"), column(INVALID % "valid_min: 1"), ["VALID_RULE_LOOSENED a"]),
    ("minimum raised", column(INVALID % "valid_min: 1"), column(INVALID % "valid_min: 5"), ["THRESHOLD_TIGHTENED a"]),
    ("maximum raised", column(INVALID % "valid_max: 5"), column(INVALID % "valid_max: 9"), ["VALID_RULE_LOOSENED a"]),
    (
        "maximum removed",
        column(INVALID % "valid_min: 1, valid_max: 5"),
        column(INVALID % "valid_min: 1"),
        ["VALID_RULE_LOOSENED a"],
    ),
    (
        "a day as bound",
        column(INVALID % "valid_min: '2020-01-01'"),
        column(INVALID % "valid_min: '2019-01-01'"),
        ["CONTRACT_INVALID", "VALID_RULE_LOOSENED a"],
    ),
    (
        "a day as bound, later",
        column(INVALID % "valid_min: '2019-01-01'"),
        column(INVALID % "valid_min: '2020-01-01'"),
        ["CONTRACT_INVALID", "THRESHOLD_TIGHTENED a"],
    ),
    (
        "length lowered",
        column(INVALID % "valid_min_length: 3"),
        column(INVALID % "valid_min_length: 2"),
        ["VALID_RULE_LOOSENED a"],
    ),
    (
        "one length",
        column(INVALID % "valid_length: 3"),
        column(INVALID % "valid_min_length: 3, valid_max_length: 3"),
        [],
    ),
    (
        "format changed",
        column(INVALID % "valid_format: {regex: '^a', name: x}"),
        column(INVALID % "valid_format: {regex: '^b', name: x}"),
        ["THRESHOLD_TIGHTENED a", "VALID_RULE_LOOSENED a"],
    ),
    (
        "format named",
        column(INVALID % "valid_format: {regex: '^a', name: x}"),
        column(INVALID % "valid_format: {regex: '^a', name: y}"),
        [],
    ),
    (
        "format removed",
        column(INVALID % "valid_min_length: 1, valid_format: {regex: '^a', name: x}"),
        column(INVALID % "valid_min_length: 1"),
        ["VALID_RULE_LOOSENED a"],
    ),
    (
        "format added",
        column(INVALID % "valid_min_length: 1"),
        column(INVALID % "valid_min_length: 1, valid_format: {regex: '^a', name: x}"),
        ["THRESHOLD_TIGHTENED a"],
    ),
    (
        "reference changed",
        column(INVALID % "valid_reference_data: {dataset: d/s/r, column: x}"),
        column(INVALID % "valid_reference_data: {dataset: d/s/r, column: y}"),
        ["THRESHOLD_TIGHTENED a", "VALID_RULE_LOOSENED a"],
    ),
    (
        "forbidden value removed",
        column(INVALID % "invalid_values: [x, y]"),
        column(INVALID % "invalid_values: [x]"),
        ["VALID_RULE_LOOSENED a"],
    ),
    (
        "missing value removed",
        column("{missing: {missing_values: [x, y]}}"),
        column("{missing: {missing_values: [x]}}"),
        ["VALID_RULE_LOOSENED a"],
    ),
    (
        "missing value added",
        column("{missing: {missing_values: [x]}}"),
        column("{missing: {missing_values: [x, y]}}"),
        ["THRESHOLD_TIGHTENED a"],
    ),
    (
        "missing value added to an invalid check",
        column(INVALID % "valid_values: [a], missing_values: [x]"),
        column(INVALID % "valid_values: [a], missing_values: [x, y]"),
        ["CONTRACT_INVALID", "VALID_RULE_LOOSENED a"],
    ),
    (
        "of the column",
        column("{invalid: }", "valid_min: 5"),
        column("{invalid: }", "valid_min: 1"),
        ["VALID_RULE_LOOSENED a"],
    ),
    ("from the column to the check", column("{invalid: }", "valid_min: 5"), column(INVALID % "valid_min: 5"), []),
    (
        "of the column, and nothing asks",
        column(MISSING, "valid_min: 5"),
        column(MISSING, "valid_min: 1"),
        ["META_CHANGED a"],
    ),
]
