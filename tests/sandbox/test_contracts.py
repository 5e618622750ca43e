"""The contracts: valid by Soda's own schema, one for every mart, green on a good stack and red on a bad one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from sandbox import run
from sandbox.build import TEMPLATE
from sandbox.errors import SandboxError
from sandbox.truth.tables import MARTS

# Puts each spoilt form in the place of a mart, one after the other, and lets Soda judge it.
SPOIL = """
import json, sys
import duckdb
from databox import contracts, settings

told = []
for name, cases in json.loads(sys.argv[1]).items():
    view, path = name.replace("/", "."), str(settings.database("databox"))
    with duckdb.connect(path) as connection:
        for catalog, file in settings.catalogs().items():
            if catalog != "databox":
                connection.execute(f"ATTACH '{file}' AS {catalog} (READ_ONLY)")
        connection.execute(f"CREATE OR REPLACE TABLE ebird.kept AS FROM {view}")
    for expected, select in cases:
        with duckdb.connect(path) as connection:
            connection.execute(f"CREATE OR REPLACE VIEW {view} AS WITH good AS (FROM ebird.kept) SELECT {select}")
        verdict = contracts.verify([name])[0]
        told.append([name, expected, select, verdict.passed, verdict.problems])
print(json.dumps(told))
"""
CONTRACTS = sorted((TEMPLATE / "contracts").glob("*/*.yml"))


def load(file: Path) -> Any:
    yaml: Any = YAML(typ="safe")
    return yaml.load(file.read_text(encoding="utf-8"))


def spoilt(contract: Any) -> Iterator[tuple[list[str], str]]:
    """For every check of a contract: the problems that are to be told, and a SELECT that brings them about."""
    lost: dict[str, str] = {}
    outside: dict[str, str] = {}
    twice: list[str] = []
    for column in contract["columns"]:
        name, kind = column["name"], column["data_type"]
        other = "1" if kind == "varchar" else "'x'"
        yield ["table: schema failed"], f"* REPLACE ({other} AS {name}) FROM good"
        checks = {kind_of(check) for check in column.get("checks", [])}
        assert checks <= {"missing", "invalid", "duplicate"}
        if "missing" in checks:
            lost[f"{name}: missing failed"] = f"nullif({name}, {name}) AS {name}"
        if "invalid" in checks:
            value = "'nowhere'" if "valid_values" in column else str(column["valid_min"] - 1)
            outside[f"{name}: invalid failed"] = f"CAST({value} AS {kind}) AS {name}"
        if "duplicate" in checks:
            twice.append(f"{name}: duplicate failed")
    for check in contract["checks"]:
        match kind_of(check):
            case "schema":
                yield ["table: schema failed"], "*, 1 AS one_more FROM good"
            case "row_count":
                yield ["table: row_count failed"], "* FROM good WHERE false"
            case "freshness":
                day = check["freshness"]["column"]
                yield ["table: freshness failed"], f"* REPLACE ({day} - 5 AS {day}) FROM good"
            case kind:
                assert kind == "duplicate"
                twice.append("table: duplicate failed")
    for spoils in filter(None, (lost, outside)):
        yield list(spoils), f"* REPLACE ({', '.join(spoils.values())}) FROM good"
    yield twice, "* FROM good UNION ALL SELECT * FROM good"


def kind_of(check: dict[str, Any]) -> str:
    return next(iter(check))


@pytest.fixture(scope="module")
def schema() -> Any:
    spec = find_spec("soda_core")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "contracts" / "soda_data_contract_json_schema_1_0_0.json"
    return Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", CONTRACTS, ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_a_contract_is_valid_and_covers_its_mart(file: Path, schema: Any) -> None:
    contract = load(file)
    assert [error.message for error in schema.iter_errors(contract)] == []
    assert contract["dataset"] == f"databox/{file.parent.name}/{file.stem}"
    kinds = [kind_of(check) for check in contract["checks"]]
    assert {"schema", "row_count"} <= set(kinds)
    names = [column["name"] for column in contract["columns"]]
    assert all(column.get("data_type") for column in contract["columns"])
    assert ("freshness" in kinds) == bool({"day_date", "latest_day"} & set(names))
    column_kinds = [kind_of(check) for column in contract["columns"] for check in column.get("checks", [])]
    assert "missing" in column_kinds
    assert "duplicate" in [*kinds, *column_kinds]


def test_soda_s_schema_can_refuse(schema: Any) -> None:
    assert list(schema.iter_errors({"dataset": "databox/x/y", "checks": [{"row_cnt": None}]}))


def test_every_mart_has_a_contract() -> None:
    assert {f"{file.parent.name}.{file.stem}" for file in CONTRACTS} == {table.name for table in MARTS}
    assert len(CONTRACTS) == 8


def test_contracts_of_a_good_stack_pass(pinned: Path) -> None:
    told = run.python(pinned, "-m", "databox.contracts").splitlines()
    assert len(told) == 8
    assert all(line.startswith("ok ") for line in told)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP VIEW noaa.fct_daily_weather", "FAILED noaa/fct_daily_weather"),
        ("CREATE OR REPLACE VIEW noaa.fct_daily_weather AS SELECT 1 AS day_date", "schema failed"),
    ],
)
def test_contracts_of_a_bad_stack_fail(pinned: Path, statement: str, told: str) -> None:
    with duckdb.connect(str(pinned / "data" / "databox.duckdb")) as connection:
        connection.execute(statement)
    code = "import sys; from databox.contracts import main; sys.stderr = sys.stdout; sys.exit(main())"
    with pytest.raises(SandboxError, match=told):
        run.python(pinned, "-c", code)


def test_every_check_of_every_contract_can_fail(pinned: Path) -> None:
    cases = {f"{file.parent.name}/{file.stem}": list(spoilt(load(file))) for file in CONTRACTS}
    told = json.loads(run.python(pinned, "-c", SPOIL, json.dumps(cases)).splitlines()[-1])
    assert len(told) == sum(map(len, cases.values()))
    assert [one for one in told if one[3] or not one[1] or not set(one[1]) <= set(one[4])] == []


def test_freshness_is_judged_by_the_stack_s_own_present(pinned: Path) -> None:
    """The same data is fresh on the day the stack lives on, and stale a week later."""
    assert "ok" in run.python(pinned, "-m", "databox.contracts")
    with pytest.raises(SandboxError, match="freshness failed"):
        run.python(pinned, "-m", "databox.contracts", more={"DATABOX_TODAY": "2026-04-28"})
