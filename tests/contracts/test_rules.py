"""Every rule: what it finds, what it leaves alone, and that one change gives one finding."""

from __future__ import annotations

import pytest

from ops_tasks.contracts.rules import RULES
from tests.contracts.building import Version, compared, contract, told
from tests.contracts.rule_cases.checks import CHECKS, SQL
from tests.contracts.rule_cases.columns import COLUMNS
from tests.contracts.rule_cases.datasets import DATASETS, INVALIDITY, META
from tests.contracts.rule_cases.thresholds import FRESHNESS, THRESHOLDS
from tests.contracts.rule_cases.types import BY_NAME, TYPES
from tests.contracts.rule_cases.validity import VALIDITY

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
