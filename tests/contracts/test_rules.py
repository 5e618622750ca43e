"""Every rule: what it finds, what it leaves alone, and that one change gives one finding."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ops_tasks.contracts.rules import RULES
from tests.contracts.building import KEY, column, compared, contract, of, told, typed

Version = str | Mapping[str, str]
Case = tuple[str, Version, Version, list[str]]

A_INT = "{name: a, data_type: integer}"
MISSING = "{missing: }"
AT_MOST = "{missing: {threshold: {must_be_less_than: %s}}}"
INVALID = "{invalid: {%s}}"
FRESH = "{freshness: {column: key, threshold: {%s}}}"
ROWS = "{row_count: {threshold: {%s}}}"
FAILED = "{failed_rows: {%s}}"

DATASETS: list[Case] = [
    ("removed", {"a.yml": contract()}, {}, ["DATASET_REMOVED"]),
    (
        "one of two removed",
        {"a.yml": contract(), "b.yml": contract(dataset="db/s/u")},
        {"a.yml": contract()},
        ["DATASET_REMOVED"],
    ),
    ("added", {}, {"a.yml": contract()}, ["DATASET_ADDED"]),
    ("renamed in its file", contract(), contract(dataset="db/s/other"), ["DATASET_RENAMED"]),
    (
        "renamed with its file",
        {"t.yml": contract()},
        {"u.yml": contract(dataset="db/s/u")},
        ["CONTRACT_MOVED", "DATASET_RENAMED"],
    ),
    (
        "renamed and changed",
        contract(A_INT),
        contract("{name: a, data_type: date}", dataset="db/s/u"),
        ["DATASET_RENAMED", "TYPE_CHANGED a"],
    ),
    (
        "another one instead",
        {"t.yml": contract(A_INT)},
        {"u.yml": contract(KEY, dataset="db/s/u")},
        ["DATASET_ADDED", "DATASET_REMOVED"],
    ),
    ("moved", {"t.yml": contract()}, {"sub/t.yml": contract()}, ["CONTRACT_MOVED"]),
    ("moved to the other ending", {"t.yml": contract()}, {"t.yaml": contract()}, ["CONTRACT_MOVED"]),
    (
        "moved and changed",
        {"t.yml": contract(A_INT, KEY)},
        {"u.yml": contract(KEY)},
        ["COLUMN_REMOVED a", "CONTRACT_MOVED"],
    ),
    (
        "twice",
        {"t.yml": contract()},
        {"t.yml": contract() + "# x\n", "u.yml": contract()},
        ["DUPLICATE_DATASET", "DUPLICATE_DATASET"],
    ),
    ("twice, both new", {}, {"t.yml": contract(), "u.yml": contract()}, ["DUPLICATE_DATASET", "DUPLICATE_DATASET"]),
    ("nothing", contract(), contract(), []),
    ("filter added", contract(), contract(more="filter: a > 1"), ["DATASET_FILTER_CHANGED"]),
    ("filter removed", contract(more="filter: a > 1"), contract(), ["DATASET_FILTER_CHANGED"]),
    ("filter changed", contract(more="filter: a > 1"), contract(more="filter: a > 2"), ["DATASET_FILTER_CHANGED"]),
    (
        "filter laid out anew",
        contract(more="filter: a > 1 AND b = 2"),
        contract(more="filter: |\n  A  >  1\n  and b=2  -- x\n"),
        [],
    ),
]
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
BY_NAME: list[Case] = [
    (f"{old} -> {new}", typed(old), typed(new), [f"TYPE_{rule} a"] if rule else [])
    for old, new, rule in [
        ("VARCHAR(200)", "VARCHAR(50)", "NARROWED"),
        ("VARCHAR(50)", "VARCHAR(200)", "WIDENED"),
        ("text", "varchar(10)", "NARROWED"),
        ("varchar(10)", "string", "WIDENED"),
        ("varchar", "text", ""),
        ("VARCHAR", "string", ""),
        ("int", "bigint", "WIDENED"),
        ("bigint", "int", "NARROWED"),
        ("integer", "INT4", ""),
        ("int", "uinteger", "NARROWED"),
        ("uinteger", "bigint", "WIDENED"),
        ("int", "double", "WIDENED"),
        ("bigint", "double", "NARROWED"),
        ("int", "decimal(12,2)", "WIDENED"),
        ("int", "decimal(10,2)", "NARROWED"),
        ("int", "decimal(9,0)", "NARROWED"),
        ("decimal(10,2)", "int", "NARROWED"),
        ("decimal(10,2)", "decimal(12,4)", "WIDENED"),
        ("decimal(10,2)", "decimal(10,4)", "NARROWED"),
        ("decimal(10,4)", "decimal(10,2)", "NARROWED"),
        ("decimal(10,2)", "numeric(10, 2)", ""),
        ("decimal", "decimal(18,3)", "NARROWED"),
        ("decimal(18,3)", "decimal", "WIDENED"),
        ("double", "float", "NARROWED"),
        ("real", "double precision", "WIDENED"),
        ("double", "decimal(18,3)", "NARROWED"),
        ("int", "varchar", "CHANGED"),
        ("varchar", "int", "CHANGED"),
        ("timestamp", "timestamptz", "CHANGED"),
        ("timestamptz", "timestamp", "CHANGED"),
        ("timestamptz", "timestamp with time zone", ""),
        ("timestamp_tz", "timestamptz", ""),
        ("timestamp", "datetime", ""),
        ("timestamp_s", "timestamp_ms", "WIDENED"),
        ("timestamp", "timestamp_s", "NARROWED"),
        ("timestamp", "timestamp_ns", "NARROWED"),
        ("date", "timestamp", "CHANGED"),
        ("boolean", "int", "CHANGED"),
        ("bool", "BOOLEAN", ""),
        ("int[]", "bigint[]", "WIDENED"),
        ("int[3]", "int[]", "WIDENED"),
        ("int[]", "varchar[]", "CHANGED"),
        ("int", "int[]", "CHANGED"),
        ("struct(a int, b text)", "struct(b text, a int)", ""),
        ("struct(a int)", "struct(a int, b text)", "WIDENED"),
        ("struct(a int, b text)", "struct(a int)", "NARROWED"),
        ("struct(a bigint)[]", "struct(a int)[]", "NARROWED"),
        ("map(varchar, int)", "map(varchar, bigint)", "WIDENED"),
        ("enum('a', 'b')", "enum('b', 'a', 'c')", "WIDENED"),
        ("enum('a', 'b')", "enum('a')", "NARROWED"),
        ("enum('a')", "varchar", "WIDENED"),
        ("json", "varchar", "CHANGED"),
        ("uuid", "UUID", ""),
        ("geometry", "GEOMETRY", ""),
        ("my_type", "MY_TYPE", ""),
        ("my_type", "your_type", "CHANGED"),
    ]
]
TYPES: list[Case] = [
    ("undeclared, with its length", typed("varchar(9)"), contract("{name: a}"), ["TYPE_UNDECLARED a"]),
    (
        "declared beside others",
        contract("{name: a}", KEY),
        contract("{name: a, data_type: date}", KEY),
        ["TYPE_DECLARED a"],
    ),
    ("undeclared", contract(A_INT), contract("{name: a}"), ["TYPE_UNDECLARED a"]),
    ("declared", contract("{name: a}"), contract(A_INT), ["TYPE_DECLARED a"]),
    ("no type, as before", contract("{name: a}"), contract("{name: a, description: x}"), ["META_CHANGED a"]),
    (
        "precision narrowed",
        typed("decimal", "numeric_precision: 10, numeric_scale: 2"),
        typed("decimal", "numeric_precision: 8, numeric_scale: 2"),
        ["TYPE_NARROWED a"],
    ),
    (
        "precision said otherwise",
        typed("decimal(10,2)"),
        typed("decimal", "numeric_precision: 10, numeric_scale: 2"),
        [],
    ),
    (
        "digits of a second",
        typed("timestamp", "datetime_precision: 6"),
        typed("timestamp", "datetime_precision: 3"),
        ["TYPE_NARROWED a"],
    ),
    (
        "shortened",
        typed("varchar", "character_maximum_length: 200"),
        typed("varchar", "character_maximum_length: 50"),
        ["LENGTH_SHORTENED a"],
    ),
    ("limited", typed("varchar"), typed("varchar", "character_maximum_length: 50"), ["LENGTH_SHORTENED a"]),
    (
        "grown",
        typed("varchar", "character_maximum_length: 50"),
        typed("varchar", "character_maximum_length: 60"),
        ["LENGTH_GROWN a"],
    ),
    ("unlimited", typed("varchar", "character_maximum_length: 50"), typed("varchar"), ["LENGTH_GROWN a"]),
    ("a length said otherwise", typed("varchar(50)"), typed("varchar", "character_maximum_length: 50"), []),
    (
        "a length said otherwise, and shorter",
        typed("varchar(50)"),
        typed("varchar", "character_maximum_length: 40"),
        ["LENGTH_SHORTENED a"],
    ),
    (
        "a number as text",
        typed("varchar", "character_maximum_length: 50"),
        typed("varchar", "character_maximum_length: 50.0"),
        [],
    ),
]
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
INVALIDITY: list[Case] = [
    ("no threshold key", column(MISSING), column("{missing: {must_be: 0}}"), ["CONTRACT_INVALID"]),
    ("an unknown check", contract(), of("{row_cnt: }"), ["CHECK_ADDED", "CONTRACT_INVALID"]),
    (
        "two comparisons",
        of("{row_count: }"),
        of(ROWS % "must_be_greater_than: 0, must_be_less_than: 9"),
        ["CONTRACT_INVALID", "THRESHOLD_LOOSENED"],
    ),
    ("a column twice", contract(A_INT), contract(A_INT, A_INT), ["COLUMN_ADDED a", "CONTRACT_INVALID"]),
    ("an unknown key", contract(), contract(more="owner: me"), ["CONTRACT_INVALID"]),
    ("no dataset", contract(), contract().replace("dataset: db/s/t\n", ""), ["CONTRACT_INVALID", "DATASET_RENAMED"]),
]
META: list[Case] = [
    ("a description", contract(), contract(more="description: x"), ["META_CHANGED"]),
    ("of a column", contract(A_INT), contract("{name: a, data_type: integer, description: x}"), ["META_CHANGED a"]),
    ("attributes of a check", of("{row_count: }"), of("{row_count: {attributes: {team: x}}}"), ["META_CHANGED"]),
    ("a schedule", contract(), contract(more="soda_runner: {checks_schedule: {cron: '0 0 * * *'}}"), ["META_CHANGED"]),
    (
        "comments, layout and quotes",
        contract(A_INT, checks=["{row_count: }"]),
        "# x\r\nchecks:\r\n- row_count: # y\r\ncolumns:\r\n- data_type: 'integer'\r\n  name: a\r\ndataset: db/s/t\r\n",
        [],
    ),
    (
        "anchors",
        contract(A_INT, "{name: b, data_type: integer}"),
        "dataset: db/s/t\ncolumns:\n  - &a {name: a, data_type: integer}\n  - {<<: *a, name: b}\n",
        [],
    ),
    ("a BOM", contract(), "\ufeff" + contract(), []),
]
TABLES = {
    "dataset": DATASETS,
    "column": COLUMNS,
    "type": [*BY_NAME, *TYPES],
    "check": CHECKS,
    "threshold": THRESHOLDS,
    "validity": VALIDITY,
    "freshness": FRESHNESS,
    "sql": SQL,
    "invalid": INVALIDITY,
    "meta": META,
}
CASES = [
    (f"{table}: {name}", old, new, expected) for table, cases in TABLES.items() for name, old, new, expected in cases
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_change_gives_exactly_what_it_deserves(name: str, old: Version, new: Version, expected: list[str]) -> None:
    assert told(compared(old, new)) == sorted(expected)


def test_every_rule_is_found_by_at_least_two_cases() -> None:
    found = [word.split()[0] for _, _, _, expected in CASES for word in set(expected)]
    assert {rule: found.count(rule) for rule in RULES if found.count(rule) < 2} == {}


def test_an_untouched_file_keeps_a_dataset() -> None:
    """Two files had spoken of it; one is gone, the other was not even read."""
    assert told(compared({"a.yml": contract()}, {}, {"db/s/t": ["b.yml"]})) == []
    found = compared({}, {"a.yml": contract()}, {"db/s/t": ["b.yml"]})
    assert told(found) == ["DUPLICATE_DATASET"]
    assert "b.yml" in found[0].message


PLACED = [
    ("dataset: db/s/t\ncolumns:\n  - name: key\n    data_type: bigint\n", "TYPE_WIDENED", 4, 5),
    (
        "dataset: db/s/t\ncolumns:\n  - name: key\n    optional: true\n    data_type: integer\n",
        "COLUMN_OPTIONALIZED",
        4,
        5,
    ),
    ("dataset: db/s/t\ncolumns:\n  - name: key\n    data_type: integer\n  - name: more\n", "COLUMN_ADDED", 5, 5),
    ("dataset: db/s/t\ncolumns:\n  - name: key\n    data_type: integer\nchecks:\n  - schema:\n", "CHECK_ADDED", 6, 5),
    (
        "dataset: db/s/t\nfilter: a > 1\ncolumns:\n  - name: key\n    data_type: integer\n",
        "DATASET_FILTER_CHANGED",
        2,
        1,
    ),
    ("# x\n\ndataset: db/s/u\ncolumns:\n  - name: key\n    data_type: integer\n", "DATASET_RENAMED", 3, 1),
]


@pytest.mark.parametrize(("new", "rule", "line", "offset"), PLACED, ids=[case[1] for case in PLACED])
def test_a_finding_knows_its_place(new: str, rule: str, line: int, offset: int) -> None:
    (found,) = compared(contract(), new)
    assert (found.rule, found.file, found.line, found.offset) == (rule, "c.yml", line, offset)
