"""What we call a valid contract is what Soda's engine takes and evaluates; every difference has a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.contracts import validity
from ops_tasks.contracts.source import parse
from ops_tasks.errors import UsageError
from tests.contracts.validity_cases import BAD, CONTRACT, DIFFERENT, GOOD, SIZED, check, column, column_check

# Soda's own judgement without data, of many contracts in one process: id -> what it raises, or logs beyond information.
ENGINE = """
import json, logging, sys
from soda_core.common.logging_constants import soda_logger
from soda_core.common.yaml import ContractYamlSource
from soda_core.contracts.contract_verification import ContractVerificationSession

class Told(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []
    def emit(self, record):
        self.said.append(record.getMessage())

verdicts = {}
for name, text in json.load(sys.stdin).items():
    told = Told()
    for logger in (soda_logger, logging.getLogger()):
        logger.addHandler(told)
    try:
        sources = [ContractYamlSource.from_str(text)]
        ContractVerificationSession.execute(sources, only_validate_without_execute=True)
    except Exception as error:
        told.said.append(repr(error))
    for logger in (soda_logger, logging.getLogger()):
        logger.removeHandler(told)
    verdicts[name] = told.said
print("VERDICTS" + json.dumps(verdicts))
"""
ALL = {**GOOD, **BAD, **SIZED, **{name: case[0] for name, case in DIFFERENT.items()}}


@pytest.fixture(scope="module")
def engine() -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", ENGINE],
        input=json.dumps(ALL),
        env=os.environ | {"SODA_CORE_TELEMETRY_ENABLED": "false"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout.rpartition("VERDICTS")[2])


def ours(text: str) -> list[validity.Fault]:
    return validity.faults(parse("x.yml", text.encode()))


@pytest.mark.parametrize("name", GOOD)
def test_what_the_engine_takes_is_valid(name: str, engine: dict[str, list[str]]) -> None:
    assert engine[name] == []
    assert ours(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_what_the_engine_refuses_is_invalid(name: str, engine: dict[str, list[str]]) -> None:
    assert engine[name] != []
    assert ours(BAD[name]) != []


@pytest.mark.parametrize("name", SIZED)
def test_sizes_belong_to_types(name: str, engine: dict[str, list[str]]) -> None:
    assert bool(ours(SIZED[name])) == bool(engine[name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_difference_has_a_reason(name: str, engine: dict[str, list[str]]) -> None:
    text, refused, reason = DIFFERENT[name]
    assert reason
    assert bool(ours(text)) == refused
    assert bool(engine[name]) != refused


@pytest.mark.parametrize(
    ("text", "line", "offset", "message"),
    [
        pytest.param("- a\n", 1, 1, "no mapping", id="no mapping"),
        pytest.param(CONTRACT + "  - name: a\n", 4, 5, "the column 'a' is there twice", id="twice"),
        pytest.param(CONTRACT + "owner: me\n", 4, 1, "owner: Soda knows no 'owner' here", id="key of the contract"),
        pytest.param(check("row_cnt:"), 5, 5, "there is no check 'row_cnt' of a dataset", id="unknown check"),
        pytest.param(column_check("row_cnt:"), 5, 9, "no check 'row_cnt' of a column", id="unknown check of a column"),
        pytest.param(check("row_count: {owner: me}"), 5, 17, "knows no 'owner' here", id="key of a check"),
        pytest.param(column_check("missing: {must_be: 0}"), 5, 19, "knows no 'must_be'", id="threshold without one"),
        pytest.param(
            check("row_count: {threshold: {must_be: 1, must_not_be: 2}}"),
            5,
            17,
            "never evaluates",
            id="two comparisons",
        ),
        pytest.param(
            check("row_count: {threshold: {must_be: 1, must_be_between: {greater_than: 0, less_than: 9}}}"),
            5,
            17,
            "Soda judges must_be_between alone",
            id="a comparison and a range",
        ),
        pytest.param(
            check("row_count: {threshold: {must_be_between: {greater_than: 9, less_than: 0}}}"),
            5,
            29,
            "9 < 0 is not so",
            id="a range the wrong way",
        ),
        pytest.param(check("freshness:"), 5, 5, "names no 'column'", id="freshness of nothing"),
        pytest.param(column("data_type: date\n    numeric_scale: 2"), 5, 5, "a date has no numeric_scale", id="size"),
        pytest.param(
            check("row_count:\n  - row_count:"), 6, 5, "the same row_count check as checks.0", id="same check"
        ),
        pytest.param(CONTRACT + "filter: a = ${var.n}\n", 4, 1, "${var.n} is not declared", id="undeclared"),
        pytest.param(check("row_count: {scope: late}"), 5, 17, "no scope 'late'", id="undeclared scope"),
        pytest.param(
            check("metric: {expression: count(*), query: select 1, threshold: {must_be: 1}}"),
            5,
            5,
            "Soda does not take these together",
            id="two forms",
        ),
    ],
)
def test_a_fault_has_its_place(text: str, line: int, offset: int, message: str) -> None:
    first = ours(text)[0]
    assert (first.place.line, first.place.offset) == (line, offset)
    assert message in first.message


def test_the_schema_is_the_installed_one() -> None:
    found = find_spec("soda_core")
    assert found is not None
    assert found.origin is not None
    assert validity.schema_file() == Path(found.origin).parent / validity.SCHEMA


def test_without_soda_nothing_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> Any:
        return None

    monkeypatch.setattr(validity, "find_spec", nowhere)
    with pytest.raises(UsageError, match="soda-core with its JSON schema is not installed") as error:
        validity.schema_file()
    assert "pip install" in error.value.way_out
