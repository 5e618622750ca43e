"""Soda's verdict, on small databases: every way in which a contract that did not pass could look as if it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import Busy, UsageError
from ops_tasks.systems.worker import Worker

GOOD = """\
dataset: databox/ebird/f0
columns:
  - {name: id, data_type: integer, checks: [{missing: }, {duplicate: }]}
  - {name: d, data_type: date}
checks:
  - schema:
  - row_count: {threshold: {must_be_greater_than: 0}}
  - freshness: {column: d, threshold: {must_be_less_than: 72}}
"""
HEAD = "dataset: databox/ebird/f0\ncolumns: [{name: id}]\n"
NOON = "2026-11-21T12:00:00+00:00"

BROKEN = {
    "not yaml": ("dataset: [\n", "not YAML"),
    "a list": ("- a\n", "not a mapping"),
    "a table that is not there": (
        "dataset: databox/ebird/nope\nchecks: [{row_count: }]\n",
        "ebird.nope does not exist",
    ),
    "a path with the catalog in it": (
        "dataset: databox/databox/ebird/f0\nchecks: [{schema: }]\n",
        "is not databox/SCHEMA",
    ),
    "another data source": ("dataset: other/ebird/f0\nchecks: [{schema: }]\n", "not of the data source"),
    "a column without a name": (
        "dataset: databox/ebird/f0\ncolumns: [{nme: a}]\nchecks: [{schema: }]\n",
        "'name' is required",
    ),
    "an unknown check": (HEAD + "checks: [{row_cnt: }]\n", "Invalid check type 'row_cnt'"),
    "no checks": (HEAD, "it has no checks"),
    "a column that is not there": (
        "dataset: databox/ebird/f0\ncolumns: [{name: gone, checks: [{missing: }]}]\n",
        "not evaluated",
    ),
    "a query that cannot run": (
        HEAD + "checks: [{metric: {query: selec 1, threshold: {must_be: 1}}}]\n",
        "not evaluated",
    ),
    "a warning": (
        HEAD + "checks: [{row_count: {threshold: {level: warn, must_be_greater_than: 99}}}]\n",
        "warn: found 10",
    ),
    "other columns": (
        "dataset: databox/ebird/f0\ncolumns: [{name: id, data_type: varchar}, {name: x}]\nchecks: [{schema: }]\n",
        "missing columns x; unexpected columns d; id is integer, not varchar",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("soda")
    with duckdb.connect(str(made / "raw_x.duckdb")) as raw:
        raw.execute("CREATE SCHEMA ebird")
        # The same schema and table as the mart's, with a column that the mart has not.
        raw.execute("CREATE TABLE ebird.f0 AS SELECT 1::BIGINT AS zzz")
        raw.execute("CREATE TABLE main.o AS SELECT 1 AS a")
    with duckdb.connect(str(made / "databox.duckdb")) as marts:
        marts.execute(f"ATTACH '{made / 'raw_x.duckdb'}' AS raw_x (READ_ONLY)")
        for schema in ("ebird", "ebird__dev"):
            marts.execute(f"CREATE SCHEMA {schema}")
            marts.execute(
                f"CREATE TABLE {schema}.f0 AS SELECT range::INTEGER AS id, DATE '2026-11-20' AS d FROM range(10)"
            )
        marts.execute("CREATE VIEW ebird.v AS SELECT * FROM raw_x.main.o")
        marts.execute("INSERT INTO ebird__dev.f0 VALUES (1, NULL)")
    return made


@pytest.fixture(scope="module")
def soda(folder: Path) -> Iterator[Worker]:
    with Worker("soda", cwd=folder) as worker:
        yield worker


def check(soda: Worker, folder: Path, *files: Path, **options: Any) -> list[dict[str, Any]]:
    databases = {name: str(folder / f"{name}.duckdb") for name in ("databox", "raw_x")}
    arguments: dict[str, Any] = {
        "databases": databases,
        "data_source": "databox",
        "main_catalog": "databox",
        "now": NOON,
    }
    return soda.call("check", contract_files=[str(file) for file in files], **(arguments | options))


def contract(folder: Path, text: str, name: str = "c.yml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_good_contract_passes_although_another_catalog_has_a_table_of_that_name(
    soda: Worker, folder: Path, tmp_path: Path
) -> None:
    [verdict] = check(soda, folder, contract(tmp_path, GOOD))
    assert verdict["problems"] == []
    assert (verdict["passed"], verdict["checks"], verdict["checks_passed"]) == (True, 5, 5)


def test_a_view_over_another_catalog_can_be_checked(soda: Worker, folder: Path, tmp_path: Path) -> None:
    text = "dataset: databox/ebird/v\ncolumns: [{name: a, data_type: integer}]\nchecks: [{schema: }]\n"
    assert check(soda, folder, contract(tmp_path, text))[0]["passed"]


@pytest.mark.parametrize(("text", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_contract_that_did_not_pass_says_why_alone_and_among_others(
    soda: Worker, folder: Path, tmp_path: Path, text: str, problem: str
) -> None:
    bad, good = contract(tmp_path, text), contract(tmp_path, GOOD, "good.yml")
    [alone] = check(soda, folder, bad)
    first, second = check(soda, folder, bad, good)
    assert not alone["passed"]
    assert problem in "; ".join(alone["problems"])
    assert first == alone
    assert second["passed"], second["problems"]


def test_a_missing_file_is_a_problem_of_its_own(soda: Worker, folder: Path, tmp_path: Path) -> None:
    missing, good = check(soda, folder, tmp_path / "absent.yml", contract(tmp_path, GOOD))
    assert "cannot be read" in missing["problems"][0]
    assert good["passed"]


@pytest.mark.parametrize(("now", "passed"), [(NOON, True), ("2026-11-23T00:00:00+00:00", False), ("2026-12-21", False)])
def test_freshness_is_judged_by_the_given_present(
    soda: Worker, folder: Path, tmp_path: Path, now: str, passed: bool
) -> None:
    [verdict] = check(soda, folder, contract(tmp_path, GOOD), now=now)
    assert verdict["passed"] is passed


def test_only_freshness_leaves_out_contracts_without_it_but_not_broken_ones(
    soda: Worker, folder: Path, tmp_path: Path
) -> None:
    dated = contract(tmp_path, GOOD, "dated.yml")
    undated = contract(tmp_path, HEAD + "checks: [{row_count: }]\n", "undated.yml")
    broken = contract(tmp_path, "- a\n", "broken.yml")
    verdicts = check(soda, folder, dated, undated, broken, kinds=["freshness"])
    assert [(Path(v["contract"]).name, v["passed"], v["checks"]) for v in verdicts] == [
        ("dated.yml", True, 1),
        ("broken.yml", False, 0),
    ]


def test_a_schema_suffix_moves_the_dataset_and_the_tables_of_queries(
    soda: Worker, folder: Path, tmp_path: Path
) -> None:
    query = contract(tmp_path, HEAD + "checks: [{failed_rows: {query: SELECT * FROM ebird.f0 WHERE d IS NULL}}]\n")
    view = contract(tmp_path, "dataset: databox/ebird/v\nchecks: [{row_count: }]\n", "view.yml")
    assert check(soda, folder, query)[0]["passed"]
    moved, missing = check(soda, folder, query, view, schema_suffix="__dev")
    assert "found 1" in moved["problems"][0]
    assert missing["problems"] == ["ebird__dev.v does not exist"]


def test_a_query_that_cannot_be_moved_is_a_problem(soda: Worker, folder: Path, tmp_path: Path) -> None:
    text = HEAD + "checks: [{failed_rows: {query: 'SELECT FROM WHERE ((('}}]\n"
    [verdict] = check(soda, folder, contract(tmp_path, text), schema_suffix="__dev")
    assert "cannot be moved" in verdict["problems"][0]


def test_bad_arguments_are_usage_errors(soda: Worker, folder: Path, tmp_path: Path) -> None:
    file = contract(tmp_path, GOOD)
    with pytest.raises(UsageError, match="not an ISO time"):
        check(soda, folder, file, now="yesterday")
    with pytest.raises(UsageError, match="did you mean 'databox'"):
        check(soda, folder, file, main_catalog="datbox")
    with pytest.raises(UsageError, match="does not exist"):
        check(soda, folder, file, databases={"databox": str(tmp_path / "no.duckdb")})


def test_a_locked_database_is_busy_with_the_pid(soda: Worker, folder: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(folder / "databox.duckdb")), pytest.raises(Busy, match=r"PID \d+"):
        check(soda, folder, contract(tmp_path, GOOD))
