"""Contracts, good and bad, and what Soda's engine and we say of them."""

from __future__ import annotations

CONTRACT = "dataset: databox/s/t\ncolumns:\n  - name: a\n"


def check(text: str) -> str:
    """A contract with one check of its dataset."""
    return f"{CONTRACT}checks:\n  - {text}\n"


def threshold(text: str) -> str:
    """A contract with a threshold of its row count."""
    return check(f"row_count: {{threshold: {{{text}}}}}")


def column(text: str) -> str:
    """A contract whose one column says something more."""
    return f"{CONTRACT}    {text}\n"


def column_check(text: str) -> str:
    """A contract with one check of its column."""
    return column(f"checks:\n      - {text}")


IGNORES = "the engine ignores it without a word: the promise is not kept"
NOTHING = "the engine takes it as if it were not there: somebody forgot the value"
HALF = "the engine judges the one and ignores the other"
SPELLING = "the engine makes sense of it, and the schema has another way to say it"
CRASHES = "without data the engine takes it; with data it raises an exception that ends the whole session"
ELSEWHERE = "the engine judges the dataset instead: it belongs there"
DATABASE = "without a database the engine does not judge functions; with one it refuses it"
EVALUATED = "the engine warns, and evaluates the check all the same"
GIVEN = "the value may be given when the contract is verified"

# Of these the engine says nothing, nor do we.
GOOD: dict[str, str] = {
    "good": threshold("must_be_greater_than: 0"),
    "bare row_count": check("row_count:"),
    "minimal": CONTRACT,
    "empty columns": "dataset: databox/s/t\ncolumns: []\n",
    "dataset with spaces": "dataset: a/b c/d\ncolumns:\n  - name: a\n",
    "dataset empty part": "dataset: databox//t\ncolumns:\n  - name: a\n",
    "unknown column key": column("owner: me"),
    "check_attributes top": CONTRACT + "check_attributes: {a: b}\n",
    "twice other case": CONTRACT + "  - name: A\n",
    "threshold empty": threshold(""),
    "threshold level only": threshold("level: warn"),
    "must_be variable": CONTRACT
    + "variables: {n: {default: 5}}\nchecks:\n  - row_count: {threshold: {must_be: '${var.n}'}}\n",
    "not between ok": threshold("must_be_not_between: {greater_than: 9, less_than: 0}"),
    "level warn": threshold("must_be: 0, level: warn"),
    "additional ok": threshold("must_be_greater_than: 0, additional: {must_be_greater_than: 10, level: warn}"),
    "missing bare": column_check("missing:"),
    "missing percent": column_check("missing: {threshold: {metric: percent, must_be_less_than: 5}}"),
    "missing values": column_check("missing: {missing_values: [a]}"),
    "invalid own": column_check("invalid: {valid_min: 1}"),
    "invalid column": column("valid_min: 1\n    checks:\n      - invalid:"),
    "invalid empty values": column_check("invalid: {valid_values: []}"),
    "invalid zero": column_check("invalid: {valid_min: 0}"),
    "invalid format": column_check("invalid: {valid_format: {regex: '^a', name: x}}"),
    "invalid ref": column_check("invalid: {valid_reference_data: {dataset: databox/s/u, column: b}}"),
    "valid_length neg": column_check("invalid: {valid_length: -1}"),
    "duplicate": check("duplicate: {columns: [a]}"),
    "duplicate two": CONTRACT + "  - name: b\nchecks:\n  - duplicate: {columns: [a, b]}\n",
    "duplicate empty columns": check("duplicate: {columns: []}"),
    "duplicate unknown column": check("duplicate: {columns: [z]}"),
    "duplicate col": column_check("duplicate:"),
    "aggregate": column_check("aggregate: {function: avg, threshold: {must_be: 1}}"),
    "metric": check("metric: {expression: count(*), threshold: {must_be: 1}}"),
    "metric col": column_check("metric: {expression: count(*), threshold: {must_be: 1}}"),
    "freshness": check("freshness: {column: a, threshold: {must_be_less_than: 1}}"),
    "freshness unit": check("freshness: {column: a, threshold: {unit: day, must_be_less_than: 1}}"),
    "freshness unknown column": check("freshness: {column: z, threshold: {must_be_less_than: 1}}"),
    "freshness now_variable": check("freshness: {column: a, now_variable: NOW, threshold: {must_be_less_than: 1}}"),
    "failed_rows": check("failed_rows: {expression: a > 1}"),
    "failed_rows threshold": check("failed_rows: {expression: a > 1, threshold: {must_be: 0}}"),
    "failed_rows col": column_check("failed_rows: {expression: a > 1}"),
    "failed_rows filter": check("failed_rows: {expression: a > 1, filter: a > 0}"),
    "schema": check("schema:"),
    "schema allow": check("schema: {allow_extra_columns: true}"),
    "schema threshold": check("schema: {threshold: {must_be: 0}}"),
    "schema no columns": "dataset: databox/s/t\ncolumns: []\nchecks:\n  - schema:\n",
    "same check twice qualifier": CONTRACT + "checks:\n  - row_count:\n  - row_count: {qualifier: b}\n",
    "scope declared": CONTRACT + "scopes: {late: {name: Late, filter: a > 1}}\nchecks:\n  - row_count: {scope: late}\n",
    "scope schedule": CONTRACT + "scopes: {late: {name: A, schedule: {cron: '* * * * *'}}}\n",
    "variable default": CONTRACT + "variables: {n: {default: x}}\nfilter: a = ${var.n}\n",
    "variable type": CONTRACT + "variables: {n: {default: x, type: string}}\n",
    "variable soda": CONTRACT + "filter: a = ${soda.NOW}\n",
    "variable bare": CONTRACT + "filter: a = ${n}\n",
    "variable env": CONTRACT + "filter: a = ${env.HOME}\n",
    "check filter": check("row_count: {filter: a > 1}"),
    "check name": check("row_count: {name: rows}"),
    "store_failed_rows": column_check("missing: {store_failed_rows: true}"),
    "attributes": check("row_count: {attributes: {a: b}}"),
    "length on unknown": column("data_type: hugetype\n    character_maximum_length: 5"),
    "precision on decimal": column("data_type: decimal\n    numeric_precision: 5\n    numeric_scale: 2"),
    "optional": column("optional: true"),
    "column_expression": column("column_expression: a::int\n    checks:\n      - missing: {column_expression: a::int}"),
    "column description": column("description: x"),
    "soda_agent": CONTRACT + "soda_agent: {checks_schedule: {cron: '0 1 * * *'}}\n",
    "kind": "kind: contract\ndataset: databox/s/t\ncolumns:\n  - name: a\n",
    "description with variable": CONTRACT + "description: ${var.n}\n",
    "freshness attributes": check("freshness: {column: a, attributes: {a: b}, threshold: {must_be: 1}}"),
    "failed_rows attributes": check("failed_rows: {expression: a > 1, attributes: {a: b}}"),
}

# Of these the engine raises, logs an error, or warns that it will not evaluate; so do we.
BAD: dict[str, str] = {
    "null columns": "dataset: databox/s/t\ncolumns:\n",
    "no columns": "dataset: databox/s/t\n",
    "no dataset": "columns:\n  - name: a\n",
    "dataset number": "dataset: 7\ncolumns:\n  - name: a\n",
    "dataset one part": "dataset: t\ncolumns:\n  - name: a\n",
    "column without name": "dataset: databox/s/t\ncolumns:\n  - data_type: date\n",
    "column text": "dataset: databox/s/t\ncolumns:\n  - a\n",
    "columns text": "dataset: databox/s/t\ncolumns: a\n",
    "columns mapping": "dataset: databox/s/t\ncolumns:\n  a: {}\n",
    "twice": CONTRACT + "  - name: a\n",
    "unknown check": check("row_cnt: {threshold: {must_be: 1}}"),
    "unknown check bare": check("row_cnt:"),
    "check as text": check("row_count"),
    "check two keys": check("{row_count: {threshold: {must_be: 1}}, schema: }"),
    "check null": check(""),
    "check number": check("7"),
    "empty checks": CONTRACT + "checks: []\n",
    "empty col checks": column("checks: []"),
    "two comparisons": threshold("must_be_greater_than: 0, must_be_less_than: 9"),
    "threshold number": check("row_count: {threshold: 5}"),
    "threshold unknown": threshold("must_be_more_than: 5"),
    "must_be text": threshold("must_be: '5'"),
    "must_be words": threshold("must_be: five"),
    "between wrong way": threshold("must_be_between: {greater_than: 9, less_than: 0}"),
    "between equal": threshold("must_be_between: {greater_than_or_equal: 9, less_than_or_equal: 9}"),
    "between one bound": threshold("must_be_between: {greater_than: 0}"),
    "between empty": threshold("must_be_between: {}"),
    "between double": threshold("must_be_between: {greater_than: 0, greater_than_or_equal: 0, less_than: 4}"),
    "between list": threshold("must_be_between: [1, 2]"),
    "between texts": threshold("must_be_between: {greater_than: '1', less_than: '10'}"),
    "between mixed": threshold("must_be_between: {greater_than: '1', less_than: 10}"),
    "between unknown": threshold("must_be_between: {greater: 1, less_than: 10}"),
    "not between wrong": threshold("must_be_not_between: {greater_than: 0, less_than: 9}"),
    "level warning": threshold("must_be: 0, level: warning"),
    "level null": threshold("must_be: 0, level: "),
    "additional same level": threshold("must_be_greater_than: 0, additional: {must_be_greater_than: 10}"),
    "additional both warn": threshold(
        "must_be_greater_than: 0, level: warn, additional: {must_be_greater_than: 10, level: warn}"
    ),
    "additional two": threshold(
        "must_be_greater_than: 0, additional: {must_be_greater_than: 10, must_be: 5, level: warn}"
    ),
    "additional none": threshold("must_be_greater_than: 0, additional: {level: warn}"),
    "additional null": threshold("must_be_greater_than: 0, additional: "),
    "additional without outer": threshold("additional: {must_be: 10, level: warn}"),
    "additional wrong range": threshold(
        "must_be: 0, additional: {must_be_between: {greater_than: 9, less_than: 0}, level: warn}"
    ),
    "additional one bound": threshold("must_be: 0, additional: {must_be_between: {greater_than: 9}, level: warn}"),
    "additional unit": threshold("must_be: 0, additional: {must_be: 9, unit: day, level: warn}"),
    "missing unknown metric": column_check("missing: {threshold: {metric: ratio, must_be_less_than: 5}}"),
    "missing values text": column_check("missing: {missing_values: a}"),
    "invalid without": column_check("invalid:"),
    "invalid only missing": column("missing_values: [x]\n    checks:\n      - invalid:"),
    "invalid null min": column("valid_min:\n    checks:\n      - invalid:"),
    "invalid format no name": column_check("invalid: {valid_format: {regex: '^a'}}"),
    "invalid format text": column_check("invalid: {valid_format: '^a'}"),
    "invalid ref no column": column_check("invalid: {valid_reference_data: {dataset: databox/s/u}}"),
    "invalid ref one part": column_check("invalid: {valid_reference_data: {dataset: u, column: b}}"),
    "valid_min date": column_check("invalid: {valid_min: 2024-01-01}"),
    "valid_min text": column_check("invalid: {valid_min: abc}"),
    "valid_length text": column_check("invalid: {valid_length: abc}"),
    "duplicate no columns": check("duplicate:"),
    "duplicate text": check("duplicate: {columns: a}"),
    "duplicate number": check("duplicate: {columns: [1]}"),
    "aggregate no threshold": column_check("aggregate: {function: avg}"),
    "aggregate no function": column_check("aggregate: {threshold: {must_be: 1}}"),
    "aggregate bare": column_check("aggregate:"),
    "metric no threshold": check("metric: {expression: count(*)}"),
    "metric no expression": check("metric: {threshold: {must_be: 1}}"),
    "metric bare": check("metric:"),
    "freshness no threshold": check("freshness: {column: a}"),
    "freshness no column": check("freshness: {threshold: {must_be_less_than: 1}}"),
    "freshness bare": check("freshness:"),
    "freshness unit week": check("freshness: {column: a, threshold: {unit: week, must_be_less_than: 1}}"),
    "freshness on col": column_check("freshness: {column: a, threshold: {must_be_less_than: 1}}"),
    "freshness two": check("freshness: {column: a, threshold: {must_be_less_than: 1, must_be_greater_than: 0}}"),
    "freshness unit only": check("freshness: {column: a, threshold: {unit: day}}"),
    "unit on count": threshold("unit: day, must_be: 1"),
    "metric on row_count": threshold("metric: percent, must_be: 1"),
    "failed_rows none": check("failed_rows:"),
    "failed_rows threshold alone": check("failed_rows: {threshold: {must_be: 0}}"),
    "failed_rows both": check("failed_rows: {expression: a > 1, query: select 1}"),
    "failed_rows percent": check("failed_rows: {query: select 1, threshold: {metric: percent, must_be: 0}}"),
    "failed_rows empty": check("failed_rows: {expression: ''}"),
    "schema allow text": check("schema: {allow_extra_columns: sure}"),
    "same check twice": CONTRACT + "checks:\n  - row_count:\n  - row_count:\n",
    "same check same qualifier": CONTRACT + "checks:\n  - row_count: {qualifier: b}\n  - row_count: {qualifier: b}\n",
    "two freshness": CONTRACT
    + "checks:\n  - freshness: {column: a, threshold: {must_be: 1}}\n"
    + "  - freshness: {column: a, threshold: {must_be: 2}}\n",
    "same col check twice": column("checks:\n      - missing:\n      - missing:"),
    "scope undeclared": check("row_count: {scope: late}"),
    "scope base": check("row_count: {scope: base}"),
    "scope null": check("row_count: {scope: }"),
    "scope variable": CONTRACT + "scopes: {late: {name: Late}}\nvariables: {s: {default: late}}\n"
    "checks:\n  - row_count: {scope: '${var.s}'}\n",
    "scopes null": CONTRACT + "scopes:\n",
    "scope reserved": CONTRACT + "scopes: {'yes': {name: A}}\n",
    "scope noname": CONTRACT + "scopes: {late: {}}\n",
    "scope null body": CONTRACT + "scopes: {late: }\n",
    "scope schedule no cron": CONTRACT + "scopes: {late: {name: A, schedule: {}}}\n",
    "variable undeclared": CONTRACT + "filter: a = ${var.n}\n",
    "filter number": CONTRACT + "filter: 7\n",
    "attributes text": check("row_count: {attributes: b}"),
    "length text": column("data_type: varchar\n    character_maximum_length: five"),
    "data_type number": column("data_type: 5"),
    "list": "- a\n",
    "empty": "",
    "text": "hello\n",
    "soda variable unknown": CONTRACT + "filter: a = ${soda.WHEN}\n",
    "column_expression number": column("column_expression: 7"),
    "store_failed_rows text": column_check("missing: {store_failed_rows: sure}"),
    "check_attributes text": CONTRACT + "check_attributes: x\n",
    "other kind": "kind: data-standard\ndataset: databox/s/t\ncolumns:\n  - name: a\n",
}

TYPES = [
    "char",
    "varchar",
    "text",
    "smallint",
    "integer",
    "bigint",
    "decimal",
    "numeric",
    "float",
    "double",
    "timestamp",
    "timestamp_tz",
    "date",
    "time",
    "boolean",
    "int",
]
SIZES = ("character_maximum_length", "numeric_precision", "numeric_scale", "datetime_precision")
SIZED: dict[str, str] = {
    f"{size} of {kind}": column(f"data_type: {kind}\n    {size}: 5") for kind in TYPES for size in SIZES
}

# id -> (contract, whether we refuse it, why we do not follow the engine)
DIFFERENT: dict[str, tuple[str, bool, str]] = {
    "unknown top": (CONTRACT + "owner: me\n", True, IGNORES),
    "null checks": (CONTRACT + "checks:\n", True, NOTHING),
    "null col checks": (column("checks:"), True, NOTHING),
    "comparison and between": (
        threshold("must_be: 1, must_be_between: {greater_than: 0, less_than: 9}"),
        True,
        HALF,
    ),
    "two ranges": (
        threshold(
            "must_be_between: {greater_than: 0, less_than: 9}, must_be_not_between: {greater_than: 9, less_than: 0}"
        ),
        True,
        HALF,
    ),
    "threshold null": (check("row_count: {threshold: }"), True, NOTHING),
    "must_be null": (threshold("must_be: "), True, NOTHING),
    "must_be null and gt": (threshold("must_be: , must_be_greater_than: 1"), True, NOTHING),
    "must_be bool": (threshold("must_be: true"), True, SPELLING),
    "between null": (threshold("must_be_between: "), True, NOTHING),
    "level WARN": (threshold("must_be: 0, level: WARN"), True, SPELLING),
    "additional reversed": (
        threshold("must_be_greater_than: 10, level: warn, additional: {must_be_greater_than: 0}"),
        False,
        EVALUATED,
    ),
    "additional never alone": (
        threshold("must_be_greater_than: 10, additional: {must_be_greater_than: 0, level: warn}"),
        False,
        EVALUATED,
    ),
    "missing must_be in check": (column_check("missing: {must_be: 0}"), True, IGNORES),
    "missing on dataset": (check("missing:"), True, CRASHES),
    "invalid own missing hides column": (
        column("valid_min: 1\n    checks:\n      - invalid: {missing_values: [x]}"),
        True,
        SPELLING,
    ),
    "invalid on dataset": (check("invalid: {valid_min: 1}"), True, CRASHES),
    "duplicate col with columns": (column_check("duplicate: {columns: [a]}"), True, IGNORES),
    "aggregate unknown function": (
        column_check("aggregate: {function: mode, threshold: {must_be: 1}}"),
        True,
        DATABASE,
    ),
    "aggregate on dataset": (check("aggregate: {function: avg, threshold: {must_be: 1}}"), True, CRASHES),
    "aggregate upper": (column_check("aggregate: {function: AVG, threshold: {must_be: 1}}"), True, SPELLING),
    "metric both": (check("metric: {expression: count(*), query: select 1, threshold: {must_be: 1}}"), True, HALF),
    "freshness metric": (
        check("freshness: {column: a, threshold: {metric: count, must_be_less_than: 1}}"),
        True,
        IGNORES,
    ),
    "freshness unit outside": (
        check("freshness: {column: a, unit: day, threshold: {must_be_less_than: 1}}"),
        True,
        IGNORES,
    ),
    "failed_rows rows_tested expr": (
        check("failed_rows: {expression: a > 1, rows_tested_query: select 1}"),
        False,
        EVALUATED,
    ),
    "schema on col": (column_check("schema:"), True, ELSEWHERE),
    "row_count on col": (column_check("row_count:"), True, ELSEWHERE),
    "qualifier number": (check("row_count: {qualifier: 7}"), True, SPELLING),
    "variable no default": (
        CONTRACT + "variables: {n: }\nfilter: a = ${var.n}\n",
        False,
        GIVEN,
    ),
    "variable bool": (CONTRACT + "variables: {n: {default: true}}\n", True, SPELLING),
    "check unknown key": (check("row_count: {owner: me}"), True, IGNORES),
    "optional text": (column("optional: maybe"), True, IGNORES),
    "both agents": (
        CONTRACT
        + "soda_agent: {checks_schedule: {cron: '0 1 * * *'}}\nsoda_runner: {checks_schedule: {cron: '0 1 * * *'}}\n",
        True,
        HALF,
    ),
    "threshold variable text": (
        CONTRACT + "variables: {n: {default: abc}}\nchecks:\n  - row_count: {threshold: {must_be: '${var.n}'}}\n",
        False,
        GIVEN,
    ),
}
