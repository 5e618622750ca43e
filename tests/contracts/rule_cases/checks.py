"""Checks, keys and SQL."""

from __future__ import annotations

from tests.contracts.building import FAILED, MISSING, Case, column, contract, of

CHECKS: list[Case] = [
    ("removed", of("{schema: }"), contract(), ["CHECK_REMOVED"]),
    ("removed from a column", column(MISSING), contract("{name: a, data_type: varchar}"), ["CHECK_REMOVED a"]),
    (
        "moved into a comment",
        column(MISSING),
        contract("{name: a, data_type: varchar} # checks: [{missing: }]"),
        ["CHECK_REMOVED a"],
    ),
    (
        "one of two",
        contract("{name: a, checks: [{missing: }, {duplicate: }]}"),
        contract("{name: a, checks: [{missing: }]}"),
        ["CHECK_REMOVED a"],
    ),
    ("exchanged", column(MISSING), column("{duplicate: }"), ["CHECK_ADDED a", "CHECK_REMOVED a"]),
    ("added", contract("{name: a, data_type: varchar}"), column(MISSING), ["CHECK_ADDED a"]),
    ("added to the dataset", contract(), of("{row_count: }"), ["CHECK_ADDED"]),
    (
        "another aggregate",
        column("{aggregate: {function: avg, threshold: {must_be: 1}}}"),
        column("{aggregate: {function: sum, threshold: {must_be: 1}}}"),
        ["CHECK_ADDED a", "CHECK_REMOVED a"],
    ),
    (
        "reordered",
        contract("{name: a, checks: [{missing: }, {duplicate: }]}"),
        contract("{name: a, checks: [{duplicate: }, {missing: }]}"),
        [],
    ),
    ("named", column(MISSING), column("{missing: {name: none is missing}}"), ["META_CHANGED a"]),
    ("renamed", column("{missing: {name: x}}"), column("{missing: {name: y}}"), ["META_CHANGED a"]),
    (
        "qualified twice, one gone",
        contract(checks=["{row_count: {qualifier: a}}", "{row_count: {qualifier: b}}"]),
        contract(checks=["{row_count: {qualifier: b}}"]),
        ["CHECK_REMOVED"],
    ),
    ("demoted", column(MISSING), column("{missing: {threshold: {level: warn}}}"), ["CHECK_DEMOTED a"]),
    (
        "demoted with its threshold",
        column("{missing: {threshold: {must_be_less_than: 5}}}"),
        column("{missing: {threshold: {must_be_less_than: 5, level: warn}}}"),
        ["CHECK_DEMOTED a"],
    ),
    (
        "demoted and loosened",
        column("{missing: {threshold: {must_be: 0}}}"),
        column("{missing: {threshold: {must_be_less_than: 9, level: warn}}}"),
        ["CHECK_DEMOTED a", "THRESHOLD_LOOSENED a"],
    ),
    ("promoted", column("{missing: {threshold: {level: warn}}}"), column(MISSING), ["CHECK_PROMOTED a"]),
    ("fail in words", column(MISSING), column("{missing: {threshold: {level: fail}}}"), []),
    ("filtered", column(MISSING), column("{missing: {filter: a <> 'x'}}"), ["CHECK_FILTER_CHANGED a"]),
    (
        "filter changed",
        column("{missing: {filter: b > 1}}"),
        column("{missing: {filter: b > 2}}"),
        ["CHECK_FILTER_CHANGED a"],
    ),
    ("filter laid out anew", column("{missing: {filter: b > 1}}"), column("{missing: {filter: '(B>1)'}}"), []),
    (
        "filter of its scope",
        contract(more="scopes: {eu: {name: EU, filter: r = 'eu'}}", checks=["{row_count: {scope: eu}}"]),
        contract(more="scopes: {eu: {name: EU, filter: r = 'us'}}", checks=["{row_count: {scope: eu}}"]),
        ["CHECK_FILTER_CHANGED", "META_CHANGED"],
    ),
    ("key changed", of("{duplicate: {columns: [a, b]}}"), of("{duplicate: {columns: [a, b, c]}}"), ["KEY_CHANGED"]),
    ("key exchanged", of("{duplicate: {columns: [a, b]}}"), of("{duplicate: {columns: [a, c]}}"), ["KEY_CHANGED"]),
    ("key reordered", of("{duplicate: {columns: [a, b]}}"), of("{duplicate: {columns: [b, a]}}"), []),
    ("key removed", of("{duplicate: {columns: [a, b]}}"), contract(), ["CHECK_REMOVED"]),
    ("extra columns", of("{schema: }"), of("{schema: {allow_extra_columns: true}}"), ["SCHEMA_CHECK_LOOSENED"]),
    ("other order", of("{schema: }"), of("{schema: {allow_other_column_order: true}}"), ["SCHEMA_CHECK_LOOSENED"]),
    (
        "both",
        of("{schema: }"),
        of("{schema: {allow_extra_columns: true, allow_other_column_order: true}}"),
        ["SCHEMA_CHECK_LOOSENED"],
    ),
    ("strict again", of("{schema: {allow_extra_columns: true}}"), of("{schema: }"), ["THRESHOLD_TIGHTENED"]),
    ("not allowed in words", of("{schema: }"), of("{schema: {allow_extra_columns: false}}"), []),
]

SQL: list[Case] = [
    ("another expression", of(FAILED % "expression: a > 1"), of(FAILED % "expression: a > 2"), ["SQL_CHANGED"]),
    ("laid out anew", of(FAILED % "expression: a > 1 and b"), of(FAILED % "expression: 'A>1 AND B'"), []),
    (
        "another query",
        of(FAILED % "query: select * from t where x"),
        of(FAILED % "query: select * from t where y"),
        ["SQL_CHANGED"],
    ),
    (
        "a comment in a query",
        of(FAILED % "query: select * from t"),
        contract(checks=["failed_rows:\n      query: |\n        -- all\n        SELECT *\n        FROM t"]),
        [],
    ),
    (
        "from expression to query",
        of(FAILED % "expression: x"),
        of(FAILED % "query: select * from t where x"),
        ["SQL_CHANGED", "SQL_CHANGED"],
    ),
    (
        "a metric",
        of("{metric: {expression: sum(a), threshold: {must_be: 1}}}"),
        of("{metric: {expression: avg(a), threshold: {must_be: 1}}}"),
        ["SQL_CHANGED"],
    ),
    (
        "one of two without names",
        contract(checks=[FAILED % "expression: a > 1", FAILED % "expression: b > 1"]),
        contract(checks=[FAILED % "expression: a > 1", FAILED % "expression: b > 2"]),
        ["CONTRACT_INVALID", "SQL_CHANGED"],  # Soda takes two of a kind for one, without a qualifier
    ),
    (
        "one of two removed",
        contract(checks=[FAILED % "expression: a > 1", FAILED % "expression: b > 1"]),
        contract(checks=[FAILED % "expression: b > 1"]),
        ["CHECK_REMOVED"],
    ),
    (
        "two exchanged",
        contract(checks=[FAILED % "expression: a > 1", FAILED % "qualifier: b, expression: b > 1"]),
        contract(checks=[FAILED % "qualifier: b, expression: b > 1", FAILED % "expression: a > 1"]),
        [],
    ),
    ("no SQL that is known", of(FAILED % "expression: a ??? b"), of(FAILED % "expression: a  ???  b"), []),
    (
        "no SQL that is known, changed",
        of(FAILED % "expression: a ??? b"),
        of(FAILED % "expression: a ??? c"),
        ["SQL_CHANGED"],
    ),
]
