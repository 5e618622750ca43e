"""`ops-contract-lint` as a program: where it looks when nobody says, what it prints, and the pages that explain it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.contract_lint import main
from ops_tasks.contracts.lint import SUMMARIES
from ops_tasks.contracts.rules import RULES
from sandbox.build import TEMPLATE
from tests.hooks.contract_project import DAILY, GOOD, HEAD, ROWS, write

ROOT = Path(__file__).resolve().parents[2]


class TestDefaults:
    """Where contracts and project are when nobody says."""

    def test_usual_folders(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--no-project"]) == 0
        assert "no findings in 1 contract, 0 marts" in capsys.readouterr().out

    def test_no_project_is_known(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 2
        assert "give --project DIR, or --no-project" in capsys.readouterr().err

    def test_no_contracts_are_known(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["--no-project"]) == 2
        assert "give --contracts DIR" in capsys.readouterr().err

    def test_the_stack(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (project / "contracts").rename(project / "soda")
        write(
            project,
            "invoke.yaml",
            "ops:\n  databases: {databox: x.duckdb}\n  sqlmesh: {project: p}\n"
            "  contracts: {path: soda, data_source: databox}\n",
        )
        assert main([]) == 0
        assert "no findings in 1 contract, 1 mart" in capsys.readouterr().out

    def test_a_stack_that_is_wrong_is_told(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "invoke.yaml", "ops:\n  databases: {databox: x.duckdb}\n  sqlmesh: {project: nowhere}\n")
        assert main([]) == 2
        assert "ops.sqlmesh.project" in capsys.readouterr().err

    def test_validity_alone(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "contracts/daily.yml", HEAD.replace("ebird", "nowhere"))
        assert main(["--contracts", "contracts", "--no-project"]) == 0
        write(project, "contracts/daily.yml", HEAD + "owner: me\n")
        assert main(["--contracts", "contracts", "--no-project"]) == 1
        assert "CONTRACT_INVALID" in capsys.readouterr().out


class TestFormats:
    """The same findings for a terminal and for a pull request."""

    def run(self, project: Path, capsys: pytest.CaptureFixture[str], format: str) -> str:
        write(project, "contracts/daily.yml", GOOD.replace("- name: day", "- name: week"))
        code = main(["--contracts", "contracts", "--project", "p", "--format", format])
        assert code == 1
        return capsys.readouterr().out

    def test_text(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(project, capsys, "text") == (
            "contracts/daily.yml:4:5 COLUMN_UNKNOWN databox/ebird/daily.week"
            " there is no column 'week': the model has id, day\n"
            "1 finding in 1 contract, 1 mart\n"
        )

    def test_github(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(project, capsys, "github") == (
            "::error file=contracts/daily.yml,line=4,col=5,title=COLUMN_UNKNOWN databox/ebird/daily.week"
            "::there is no column 'week': the model has id, day\n"
            "1 finding in 1 contract, 1 mart\n"
        )

    def test_a_name_cannot_write_a_command(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "contracts/a,b:c.yml", GOOD.replace("name: id", 'name: "%x\\n::error::y"'))
        assert main(["--contracts", "contracts", "--project", "p", "--format", "github"]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3
        assert "file=contracts/a%2Cb%3Ac.yml" in lines[0]
        assert "title=COLUMN_UNKNOWN databox/ebird/daily.%25x%0A%3A%3Aerror%3A%3Ay::" in lines[0]

    def test_waivers_and_doubts_are_in_the_text(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(project, "contracts/daily.yml", f"# ops-allow: no-freshness -- a list\n{HEAD}checks:\n{ROWS}")
        write(project, "p/models/daily.sql", DAILY.replace("id, day", "*"))
        assert main(["--contracts", "contracts", "--project", "p"]) == 0
        assert capsys.readouterr().out == (
            "waived: FRESHNESS_MISSING databox/ebird/daily: a list\n"
            "not decided: contracts/daily.yml databox/ebird/daily: ebird.daily: it selects *: give --load\n"
            "no findings in 1 contract, 1 mart; 1 waived; 1 not decided\n"
        )


def test_the_sandbox_is_clean() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "hooks.contract_lint",
            f"--contracts={TEMPLATE / 'contracts'}",
            f"--project={TEMPLATE / 'transforms' / 'main'}",
            "--format=json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["contracts"], document["marts"], document["undecided"]) == (8, 8, [])
    assert {one["dataset"] for one in document["waived"]} == {
        "databox/ebird/dim_species",
        "databox/ebird/species_status_history",
    }


@pytest.mark.parametrize("rule", sorted(SUMMARIES.keys() - RULES.keys()))
def test_every_rule_has_a_page(rule: str) -> None:
    page = ROOT / "docs" / "rules" / f"{rule}.md"
    assert page.read_text(encoding="utf-8").startswith(f"# {rule}\n")


def test_the_page_of_the_hook_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    help_ = capsys.readouterr().out
    page = (ROOT / "docs" / "hooks" / "contract-lint.md").read_text(encoding="utf-8")
    words = {word.strip("[],") for word in help_.split() if word.strip("[],").startswith("--")}
    assert words >= {"--contracts", "--project", "--no-project", "--load", "--marts", "--no-contract", "--no-freshness"}
    assert {word for word in words if f"`{word}" not in page} == {"--help"}
