"""`ops-contract-lint`: every rule, its line and its waivers, and what is not decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hooks.contract_lint import main
from tests.hooks.contract_project import DAILY, FRESH, GOOD, HEAD, ROWS, write

ROOT = Path(__file__).resolve().parents[2]


def lint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["--contracts", "contracts", "--project", "p", "--format", "json", *words])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {"stderr": said.err}


def told(document: dict[str, Any]) -> list[tuple[str, str | None, int, int]]:
    return [(one["rule"], one["column"], one["line"], one["offset"]) for one in document["findings"]]


def test_nothing_to_say(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = lint(capsys)
    assert code == 0
    assert document == {
        "schema": "ops/1",
        "task": "schema.lint",
        "status": "ok",
        "findings": [],
        "waived": [],
        "undecided": [],
        "skipped": [],
        "contracts": 1,
        "marts": 1,
    }


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        pytest.param(GOOD + "owner: me\n", [("CONTRACT_INVALID", None, 8, 1)], id="invalid"),
        pytest.param(
            GOOD.replace("- name: id\n", "- name: id\n    checks:\n      - row_cnt:\n"),
            [("CONTRACT_INVALID", "id", 5, 9)],
            id="invalid in a column",
        ),
        pytest.param(f"{HEAD}checks:\n{FRESH}", [("ROW_COUNT_MISSING", None, 5, 1)], id="no row_count"),
        pytest.param(f"{HEAD}checks:\n{ROWS}", [("FRESHNESS_MISSING", None, 5, 1)], id="no freshness"),
        pytest.param(
            HEAD, [("FRESHNESS_MISSING", None, 1, 1), ("ROW_COUNT_MISSING", None, 1, 1)], id="no check at all"
        ),
        pytest.param(
            GOOD.replace("- name: day", "- name: week"), [("COLUMN_UNKNOWN", "week", 4, 5)], id="unknown column"
        ),
        pytest.param(GOOD.replace("column: day", "column: week"), [("COLUMN_UNKNOWN", "week", 7, 17)], id="freshness"),
        pytest.param(
            GOOD + "  - duplicate:\n      columns: [id, week]\n", [("COLUMN_UNKNOWN", "week", 9, 21)], id="duplicate"
        ),
        pytest.param(
            GOOD.replace(
                "- name: id\n",
                "- name: id\n    valid_reference_data:\n      dataset: databox/ebird/daily\n      column: key\n",
            ),
            [("COLUMN_UNKNOWN", "key", 6, 7)],
            id="reference",
        ),
        pytest.param(GOOD.replace("name: day", "name: DAY"), [], id="capitals"),
        pytest.param(GOOD.replace("- name: day", "- name: week\n    optional: true"), [], id="optional"),
        pytest.param(
            GOOD.replace("- name: day", "- name: ${var.n}") + "variables: {n: }\n", [], id="a variable as a name"
        ),
        pytest.param(
            GOOD.replace("ebird/daily", "ebird/dayly"),
            [("CONTRACT_MISSING", None, 2, 1), ("DATASET_UNKNOWN", None, 1, 1)],
            id="unknown dataset",
        ),
        pytest.param(
            GOOD.replace("databox/ebird/daily", "ebird/daily"),
            [("CONTRACT_MISSING", None, 2, 1), ("DATASET_UNKNOWN", None, 1, 1)],
            id="no data source",
        ),
        pytest.param(GOOD.replace("databox/ebird", "databox/db/ebird"), [], id="four parts"),
        pytest.param(
            "- a\n",
            [("CONTRACT_INVALID", None, 1, 1), ("CONTRACT_MISSING", None, 2, 1)],
            id="no mapping is no contract",
        ),
        pytest.param(
            "", [("CONTRACT_INVALID", None, 1, 1), ("CONTRACT_MISSING", None, 2, 1)], id="an empty file is no contract"
        ),
    ],
)
def test_rules(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    contract: str,
    expected: list[tuple[str, str | None, int, int]],
) -> None:
    write(project, "contracts/daily.yml", contract)
    code, document = lint(capsys)
    assert sorted(told(document), key=str) == sorted(expected, key=str)
    assert code == (1 if expected else 0)
    assert document["status"] == ("findings" if expected else "ok")


def test_a_missing_contract_is_told_at_its_model(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "p/models/weekly.sql", DAILY.replace("daily", "weekly"))
    code, document = lint(capsys)
    found = document["findings"][0]
    assert (code, found["rule"], found["dataset"]) == (1, "CONTRACT_MISSING", "ebird.weekly")
    assert (found["file"], found["line"]) == ("p/models/weekly.sql", 2)
    assert document["marts"] == 2


def test_two_contracts_of_one_dataset(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "contracts/more/other.yaml", "# another\n" + GOOD)
    code, document = lint(capsys)
    assert (code, told(document)) == (1, [("DUPLICATE_DATASET", None, 2, 1)])
    assert document["findings"][0]["file"] == "contracts/more/other.yaml"
    assert "contracts/daily.yml" in document["findings"][0]["message"]


@pytest.mark.parametrize(
    ("contract", "model", "words", "waived"),
    [
        pytest.param(
            f"# ops-allow: no-freshness -- it is a list\n{HEAD}checks:\n{ROWS}",
            DAILY,
            [],
            ("FRESHNESS_MISSING", "it is a list"),
            id="a comment",
        ),
        pytest.param(
            f"{HEAD}checks:  # ops-allow: no-row-count -- may be empty\n{FRESH}",
            DAILY,
            [],
            ("ROW_COUNT_MISSING", "may be empty"),
            id="a comment behind a key",
        ),
        pytest.param(
            f"{HEAD}checks:\n{ROWS}",
            DAILY,
            ["--no-freshness", "databox/ebird/daily"],
            ("FRESHNESS_MISSING", "--no-freshness"),
            id="a flag with the dataset",
        ),
        pytest.param(
            f"{HEAD}checks:\n{ROWS}",
            DAILY,
            ["--no-freshness", "ebird.daily"],
            ("FRESHNESS_MISSING", "--no-freshness"),
            id="a flag with the model",
        ),
        pytest.param(
            f"{HEAD}checks:\n{ROWS}".replace("day\n", "day\n    data_type: time\n").replace(
                "id\n", "id\n    data_type: int\n"
            ),
            DAILY,
            [],
            ("FRESHNESS_MISSING", "it has no column with a date"),
            id="types of the contract",
        ),
        pytest.param(
            f"{HEAD}checks:\n{ROWS}",
            DAILY.replace("id, day", "id::INT AS id, day::TEXT AS day"),
            [],
            ("FRESHNESS_MISSING", "it has no column with a date"),
            id="types of the model",
        ),
        pytest.param(
            "# ops-allow: no-model -- raw\n" + GOOD.replace("daily", "raw"),
            DAILY.replace("kind FULL", "tags (no_contract)"),
            [],
            ("DATASET_UNKNOWN", "raw"),
            id="a table that is no model",
        ),
    ],
)
def test_waivers(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    contract: str,
    model: str,
    words: list[str],
    waived: tuple[str, str],
) -> None:
    write(project, "contracts/daily.yml", contract)
    write(project, "p/models/daily.sql", model)
    code, document = lint(capsys, *words)
    assert (code, document["findings"]) == (0, [])
    assert waived in [(one["rule"], one["reason"]) for one in document["waived"]]


@pytest.mark.parametrize(
    "types",
    [
        pytest.param({"id": "int", "day": "date"}, id="a date"),
        pytest.param({"id": "int", "day": "TIMESTAMP WITH TIME ZONE"}, id="a timestamp"),
        pytest.param({"id": "int"}, id="a type that is not known"),
    ],
)
def test_a_mart_with_a_date_needs_freshness(
    project: Path, capsys: pytest.CaptureFixture[str], types: dict[str, str]
) -> None:
    columns = "".join(
        f"  - name: {name}\n" + (f"    data_type: {types[name]}\n" if name in types else "") for name in ("id", "day")
    )
    write(project, "contracts/daily.yml", f"dataset: databox/ebird/daily\ncolumns:\n{columns}checks:\n{ROWS}")
    code, document = lint(capsys)
    assert (code, [one["rule"] for one in document["findings"]]) == (1, ["FRESHNESS_MISSING"])


@pytest.mark.parametrize("words", [["--no-contract", "ebird.weekly"], ["--no-contract", "EBIRD.Weekly"]])
def test_a_mart_may_do_without_a_contract(project: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    write(project, "p/models/weekly.sql", DAILY.replace("daily", "weekly"))
    code, document = lint(capsys, *words)
    assert code == 0
    assert [(one["rule"], one["dataset"], one["reason"]) for one in document["waived"]] == [
        ("CONTRACT_MISSING", "ebird.weekly", "--no-contract")
    ]


def test_marts_of_some_schemas(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "p/models/other.sql", DAILY.replace("ebird.daily", "noaa.other"))
    assert lint(capsys)[0] == 1
    code, document = lint(capsys, "--marts", "ebird")
    assert (code, document["marts"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        pytest.param("p/models/daily.sql", DAILY.replace("id, day", "*"), "databox/ebird/daily", id="a star"),
        pytest.param("p/models/more.sql", "MODEL (name @x.a);\nSELECT 1 AS a", "", id="a model without a name"),
    ],
)
def test_what_is_not_decided_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, where: str
) -> None:
    write(project, name, text)
    write(project, "contracts/daily.yml", GOOD.replace("name: id", "name: nowhere") if where else GOOD)
    code, document = lint(capsys)
    assert code == 0
    assert [one["dataset"] for one in document["undecided"]] == [where]


def test_load_decides(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "p/external_models.yaml", "- name: raw.main.events\n  columns: {id: INT, day: DATE}\n")
    write(project, "p/models/daily.sql", DAILY.replace("id, day", "*"))
    write(project, "contracts/daily.yml", GOOD.replace("name: id", "name: nowhere"))
    code, document = lint(capsys, "--load")
    assert (code, told(document)) == (1, [("COLUMN_UNKNOWN", "nowhere", 3, 5)])
    assert document["undecided"] == []


def test_a_dataset_may_be_a_model_that_cannot_be_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "p/models/more.py", "@model(NAME)\ndef f(): ...\n")
    write(project, "contracts/more.yml", GOOD.replace("daily", "more"))
    code, document = lint(capsys)
    assert (code, document["findings"]) == (0, [])
    assert ["p/models/more.py" in one["reason"] or one["file"] for one in document["undecided"]]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        pytest.param(["contracts/daily.yml"], 0, id="a good one"),
        pytest.param(["contracts/bad.yml"], 1, id="the bad one"),
        pytest.param(["./contracts/../contracts/bad.yml"], 1, id="by another path"),
        pytest.param(["contracts/daily.yml", "contracts/bad.yml"], 1, id="both"),
        pytest.param(["p/models/daily.sql"], 0, id="no contract"),
        pytest.param([], 1, id="none is all"),
    ],
)
def test_files_restrict_validity(
    project: Path, capsys: pytest.CaptureFixture[str], named: list[str], found: int
) -> None:
    write(project, "p/models/daily2.sql", DAILY.replace("daily", "bad"))
    write(project, "contracts/bad.yml", GOOD.replace("daily", "bad") + "owner: me\n")
    code, document = lint(capsys, *named)
    assert (code, len(document["findings"])) == (found, found)


def test_completeness_is_judged_over_everything(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "p/models/weekly.sql", DAILY.replace("daily", "weekly"))
    write(project, "contracts/other.yml", GOOD.replace("ebird/daily", "ebird/nowhere"))
    _, document = lint(capsys, "contracts/daily.yml")
    assert [one["rule"] for one in document["findings"]] == ["DATASET_UNKNOWN", "CONTRACT_MISSING"]


def test_other_yaml_is_no_contract(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "contracts/source.yml", "type: duckdb\nname: databox\nconnection: {database: x}\n")
    code, document = lint(capsys)
    assert (code, document["contracts"], document["skipped"]) == (0, 1, ["contracts/source.yml"])


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        pytest.param({"contracts/x.yml": "a: [\n"}, [], "contracts/x.yml:2: not YAML", id="no YAML"),
        pytest.param({"contracts/x.yml": b"a: \xff\n"}, [], "contracts/x.yml: not UTF-8", id="no UTF-8"),
        pytest.param({"contracts/x.yml": "a: 1\na: 2\n"}, [], "contracts/x.yml:2: not YAML", id="a key twice"),
        pytest.param({}, ["--no-freshness", "ebird.dayly"], "no contract is of it (did you mean", id="slip in a flag"),
        pytest.param(
            {}, ["--no-contract", "ebird.dayly"], "there is no such model (did you mean", id="slip in a model"
        ),
        pytest.param(
            {}, ["--marts", "ebrid"], "no model is in that schema (did you mean 'ebird'?)", id="slip in a schema"
        ),
        pytest.param(
            {"contracts/daily.yml": "# ops-allow: no-freshnes -- x\n" + GOOD},
            [],
            "contracts/daily.yml:1: ops-allow: there is no 'no-freshnes' (did you mean 'no-freshness'?)",
            id="slip in a comment",
        ),
        pytest.param(
            {"contracts/daily.yml": GOOD + "# ops-allow: no-freshness\n"},
            [],
            "contracts/daily.yml:8: ops-allow: no-freshness has no reason",
            id="no reason",
        ),
        pytest.param({}, ["contracts/gone.yml"], "contracts/gone.yml does not exist", id="a file that is gone"),
        pytest.param({}, ["--contracts", "gone"], "the contracts folder gone does not exist", id="no folder"),
        pytest.param({}, ["--contracts", "p/models"], "no contract in p/models", id="no contract"),
        pytest.param({}, ["--project", "gone"], "the SQLMesh project gone does not exist", id="no project folder"),
        pytest.param({}, ["--project", "contracts"], "contracts is no SQLMesh project", id="no project"),
        pytest.param({"p/models/daily.sql": ""}, [], "the SQLMesh project has no model", id="no model"),
    ],
)
def test_what_cannot_be_decided(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str | bytes],
    words: list[str],
    said: str,
) -> None:
    for name, text in files.items():
        write(project, name, text)
    code, document = lint(capsys, *words)
    assert code == 2
    assert document["stderr"].startswith("ops-contract-lint: ")
    assert said in document["stderr"]
    assert document["stderr"].count("\n") == 1


def test_every_text_that_is_no_yaml_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write(project, f"contracts/{name}.yml", "x: [\n")
    code, document = lint(capsys)
    assert (code, document["stderr"].count(": not YAML: ")) == (2, 2)
