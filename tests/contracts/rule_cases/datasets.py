"""Datasets, invalid contracts, and words that promise nothing."""

from __future__ import annotations

from tests.contracts.building import A_INT, KEY, MISSING, ROWS, Case, column, contract, of

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
