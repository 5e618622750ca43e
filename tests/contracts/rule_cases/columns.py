"""Columns."""

from __future__ import annotations

from tests.contracts.building import A_INT, KEY, Case, contract

COLUMNS: list[Case] = [
    ("removed", contract(A_INT, KEY), contract(KEY), ["COLUMN_REMOVED a"]),
    (
        "removed with its checks",
        contract("{name: a, checks: [{missing: }, {duplicate: }]}", KEY),
        contract(KEY),
        ["COLUMN_REMOVED a"],
    ),
    ("renamed", contract(A_INT, KEY), contract("{name: alpha, data_type: integer}", KEY), ["COLUMN_RENAMED a"]),
    (
        "renamed with its checks",
        contract("{name: a, checks: [{missing: }]}"),
        contract("{name: b, checks: [{missing: }]}"),
        ["COLUMN_RENAMED a"],
    ),
    (
        "renamed, and the key with it",
        contract(A_INT, KEY, checks=["{duplicate: {columns: [a, key]}}"]),
        contract("{name: b, data_type: integer}", KEY, checks=["{duplicate: {columns: [key, b]}}"]),
        ["COLUMN_RENAMED a"],
    ),
    (
        "renamed, and freshness with it",
        contract("{name: d, data_type: date}", checks=["{freshness: {column: d, threshold: {must_be_less_than: 2}}}"]),
        contract(
            "{name: day, data_type: date}", checks=["{freshness: {column: day, threshold: {must_be_less_than: 2}}}"]
        ),
        ["COLUMN_RENAMED d"],
    ),
    (
        "renamed elsewhere, by its name",
        contract("{name: customer_id, data_type: integer}", KEY),
        contract(KEY, "{name: customer_ident, data_type: integer}"),
        ["COLUMN_RENAMED customer_id"],
    ),
    (
        "another one instead",
        contract(A_INT, KEY),
        contract("{name: z, data_type: date}", KEY),
        ["COLUMN_ADDED z", "COLUMN_REMOVED a"],
    ),
    ("letter case", contract(A_INT), contract("{name: A, data_type: integer}"), ["COLUMN_RENAMED a"]),
    (
        "two renamed",
        contract("{name: a}", "{name: b, data_type: date}"),
        contract("{name: c}", "{name: d, data_type: date}"),
        ["COLUMN_RENAMED a", "COLUMN_RENAMED b"],
    ),
    ("added", contract(KEY), contract(KEY, A_INT), ["COLUMN_ADDED a"]),
    ("added first", contract(KEY), contract(A_INT, KEY), ["COLUMN_ADDED a"]),
    ("added, optional", contract(KEY), contract(KEY, "{name: a, optional: true}"), ["COLUMN_ADDED a"]),
    ("added with checks", contract(KEY), contract(KEY, "{name: a, checks: [{missing: }]}"), ["COLUMN_ADDED a"]),
    ("reordered", contract(A_INT, KEY), contract(KEY, A_INT), []),
    ("optional", contract(A_INT), contract("{name: a, data_type: integer, optional: true}"), ["COLUMN_OPTIONALIZED a"]),
    (
        "optional by an anchor",
        contract(A_INT),
        contract("{name: a, data_type: integer, optional: &y true}"),
        ["COLUMN_OPTIONALIZED a"],
    ),
    ("required", contract("{name: a, optional: true}"), contract("{name: a}"), ["COLUMN_REQUIRED a"]),
    (
        "required in words",
        contract("{name: a, optional: true}"),
        contract("{name: a, optional: false}"),
        ["COLUMN_REQUIRED a"],
    ),
    ("never optional", contract("{name: a, optional: false}"), contract("{name: a}"), []),
    ("unicode", contract("{name: größe}", KEY), contract(KEY), ["COLUMN_REMOVED größe"]),
    ("a name that is a number", contract("{name: '1'}", KEY), contract(KEY), ["COLUMN_REMOVED 1"]),
]
