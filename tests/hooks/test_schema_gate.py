"""The gate as a program, on real repositories: what is compared with what, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hooks import schema_gate
from hooks.schema_gate import main
from ops_tasks.contracts import source
from tests.contracts.building import contract

ROOT = Path(__file__).resolve().parents[2]
OLD = contract("{name: a, data_type: integer}", "{name: b, data_type: date}")
BROKEN = contract("{name: a, data_type: varchar}", "{name: b, data_type: date}")
GROWN = contract("{name: a, data_type: bigint}", "{name: b, data_type: date}")


@dataclass(frozen=True)
class Repository:
    top: Path

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        ran = subprocess.run(["git", *who, *words], cwd=self.top, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            self.write(f"contracts/{name}.yml", text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    made = Repository(tmp_path / "repo")
    made.top.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(t=OLD)
    monkeypatch.chdir(made.top)
    yield made


def gate(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["--contracts", "contracts", *words] if "--contracts" not in words else list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def rules(text: str) -> list[str]:
    return [one["rule"] for one in json.loads(text)["findings"]]


def test_a_break_in_the_work_tree_is_refused(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", BROKEN)
    code, out, _ = gate("--base", "HEAD", capsys=capsys)
    assert code == 1
    assert "contracts/t.yml:3:15  BREAKING TYPE_CHANGED  db/s/t.a" in out
    assert "accept-breaking-change: db/s/t TYPE_CHANGED -- <reason>" in out
    assert "1 breaking" in out


def test_nothing_new_says_what_was_compared(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gate("--base", "HEAD", capsys=capsys)
    assert code == 0
    assert "1 contract" in out
    assert "HEAD" in out


def test_what_only_grows_is_told_and_passes(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", GROWN)
    code, out, _ = gate("--base", "HEAD", "--format", "json", capsys=capsys)
    assert code == 0
    assert rules(out) == ["TYPE_WIDENED"]
    assert json.loads(out)["status"] == "ok"


def test_the_merge_base_counts_not_what_others_did_since(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.git("checkout", "--quiet", "main")
    repo.commit(theirs=contract(dataset="db/s/theirs"))
    repo.git("checkout", "--quiet", "feature")
    code, out, _ = gate("--base", "main", "--format", "json", capsys=capsys)
    assert (code, rules(out)) == (0, [])
    code, out, _ = gate("--base", "main", "--exact", "--format", "json", capsys=capsys)
    assert (code, rules(out)) == (1, ["DATASET_REMOVED"])


def test_staged_is_what_will_be_committed(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", BROKEN)
    repo.git("add", "--all")
    repo.write("contracts/t.yml", OLD)
    assert gate("--base", "HEAD", capsys=capsys)[0] == 0
    assert gate("--base", "HEAD", "--staged", capsys=capsys)[0] == 1
    repo.git("reset", "--quiet")
    repo.write("contracts/t.yml", BROKEN)
    assert gate("--base", "HEAD", "--staged", capsys=capsys)[0] == 0


def test_untracked_ignored_and_intended_files(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/new.yaml", contract(dataset="db/s/new"))
    repo.write("contracts/ignored.yml", contract(dataset="db/s/ignored"))
    repo.write(".gitignore", "ignored.yml\n")
    _, out, _ = gate("--base", "HEAD", "--format", "json", capsys=capsys)
    assert rules(out) == ["DATASET_ADDED"]
    repo.git("add", "--intent-to-add", "contracts/new.yaml")
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == ["DATASET_ADDED"]
    assert rules(gate("--base", "HEAD", "--staged", "--format", "json", capsys=capsys)[1]) == []


def test_removed_moved_and_renamed_files(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.top / "contracts" / "t.yml").unlink()
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == ["DATASET_REMOVED"]
    repo.write("contracts/deep/er/t.yaml", OLD)
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == ["CONTRACT_MOVED"]


def test_names_that_are_odd(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    name = b"contracts/\xff a\n,b:'\xc3\xa9.yml"
    with open(os.path.join(os.fsencode(repo.top), name), "wb") as file:  # noqa: PTH118, PTH123 - a name of bytes
        file.write(contract(dataset="db/s/odd").encode())
    repo.git("add", "--all")
    for form in ("text", "json", "github", "junit", "sarif"):
        code, out, _ = gate("--base", "HEAD", "--format", form, capsys=capsys)
        assert code == 0
        assert "DATASET_ADDED" in out


def test_crlf_is_no_change(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", OLD.replace("\n", "\r\n"))
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == []


def test_a_link_is_no_contract(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.top / "contracts" / "link.yml").symlink_to("t.yml")
    repo.git("add", "--all")
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == []


def test_other_yaml_beside_them_is_no_contract(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/ds.yml", "type: duckdb\nname: db\n")
    assert rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1]) == []
    repo.write("contracts/t.yml", "type: duckdb\n")
    assert "CONTRACT_INVALID" in rules(gate("--base", "HEAD", "--format", "json", capsys=capsys)[1])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dataset: [\n", "contracts/t.yml:2: not YAML"),
        ("<<<<<<< HEAD\ndataset: a\n=======\ndataset: b\n>>>>>>> x\n", "contracts/t.yml:"),
        (b"dataset: \xff\n", "contracts/t.yml: not UTF-8"),
        ("a: 1\n---\nb: 2\n", "contracts/t.yml:"),
        ("dataset: a\ndataset: b\n", "contracts/t.yml:2: not YAML: the key 'dataset' is there twice"),
    ],
    ids=["broken", "a merge conflict", "latin-1", "two documents", "a key twice"],
)
def test_what_is_no_yaml_is_exit_2(
    repo: Repository, text: str | bytes, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("contracts/t.yml", text)
    code, out, err = gate("--base", "HEAD", capsys=capsys)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_base_that_is_no_yaml_does_not_block_its_own_mending(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.commit(t="dataset: [\n")
    repo.write("contracts/t.yml", OLD)
    code, out, err = gate("--base", "HEAD", "--format", "json", capsys=capsys)
    assert (code, rules(out)) == (0, ["DATASET_ADDED"])
    assert "HEAD: contracts/t.yml:2: not YAML" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--base", "nowhere"], "no commit 'nowhere'"),
        (["--base", "--all"], "no commit"),
        (["--base", "HEAD", "--contracts", "empty"], "no contract in 'empty'"),
        (["--base", "HEAD", "--contracts", "/"], "outside of the repository"),
        (["--base", "HEAD", "--acks", "nowhere.yaml"], "--acks: nowhere.yaml cannot be read"),
        (["--base", "HEAD", "--pr-body-file", "nowhere.md"], "--pr-body-file: nowhere.md cannot be read"),
        ([], "there is nothing to compare with"),
    ],
    ids=["nowhere", "an option", "an empty folder", "outside", "no acks", "no body", "no base"],
)
def test_what_cannot_be_decided_is_exit_2(
    repo: Repository, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code, _, err = gate(*words, capsys=capsys)
    except SystemExit as ended:  # argparse's own way
        assert ended.code == 2
        return
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_shallow_clone_says_what_to_fetch(
    repo: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("branch", "old")
    repo.commit(t=GROWN)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{repo.top}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    code, _, err = gate("--base", first, capsys=capsys)
    assert code == 2
    assert "git fetch --unshallow" in err
    subprocess.run(["git", "fetch", "--quiet", "--depth=1", "origin", "old:old"], cwd=clone, check=True)
    code, _, err = gate("--base", "old", capsys=capsys)
    assert code == 2
    assert "fetch-depth: 0" in err


def test_outside_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = gate("--base", "HEAD", capsys=capsys)
    assert code == 2
    assert "not a git repository" in err


def test_from_a_folder_below_the_top(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("contracts/t.yml", BROKEN)
    monkeypatch.chdir(repo.top / "contracts")
    code, out, _ = gate("--base", "HEAD", "--contracts", ".", "--format", "json", capsys=capsys)
    assert code == 1
    assert json.loads(out)["findings"][0]["file"] == "contracts/t.yml"
    monkeypatch.chdir(repo.top)
    assert main(["--base", "HEAD"]) == 1  # where contracts usually are


def test_the_base_of_a_pull_request_on_github(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repo.write("contracts/t.yml", BROKEN)
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    code, out, _ = gate(capsys=capsys)
    assert code == 1
    assert "origin/main" in out


def test_a_break_is_accepted_by_the_text_of_the_pull_request(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("contracts/t.yml", BROKEN)
    body = repo.write("body.md", "Hello\n- accept-breaking-change: db/s/t TYPE_CHANGED -- nobody reads it yet\n")
    code, out, _ = gate("--base", "HEAD", "--pr-body-file", str(body), "--format", "json", capsys=capsys)
    assert code == 0
    (found,) = json.loads(out)["findings"]
    assert (found["acknowledged"], found["reason"]) == (True, "nobody reads it yet")
    body.write_text("accept-breaking-change: db/s/t TYPE_CHANGED\n")
    assert gate("--base", "HEAD", "--pr-body-file", str(body), capsys=capsys)[0] == 1


def test_a_break_is_accepted_by_a_file_until_a_day(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", BROKEN)
    today = datetime.now(UTC).date()
    entry = "- {{dataset: db/s/t, rule: TYPE_CHANGED, column: a, reason: agreed, expires: {}}}\n"
    repo.write("ops-acks.yaml", entry.format(today))
    assert gate("--base", "HEAD", capsys=capsys)[0] == 0
    repo.write("ops-acks.yaml", entry.format(today - timedelta(days=1)))
    code, out, _ = gate("--base", "HEAD", "--format", "json", capsys=capsys)
    assert code == 1
    assert sorted(rules(out)) == ["ACK_EXPIRED", "TYPE_CHANGED"]
    repo.write("ops-acks.yaml", "dataset: x\n")
    code, _, err = gate("--base", "HEAD", capsys=capsys)
    assert code == 2
    assert "ops-acks.yaml:1" in err


def test_strict_refuses_warnings(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", OLD.replace("columns:", "filter: a > 1\ncolumns:"))
    assert gate("--base", "HEAD", capsys=capsys)[0] == 0
    assert gate("--base", "HEAD", "--strict", capsys=capsys)[0] == 1


def test_every_format_tells_the_same(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("contracts/t.yml", BROKEN)
    said = {form: gate("--base", "HEAD", "--format", form, capsys=capsys)[1] for form in schema_gate.FORMATS}
    assert "TYPE_CHANGED" in said["text"]
    (found,) = json.loads(said["json"])["findings"]
    keys = {"rule", "severity", "dataset", "column", "file", "line", "message", "acknowledged"}
    assert keys <= found.keys()
    assert said["github"].startswith("::error file=contracts/t.yml,line=3,")
    assert ElementTree.fromstring(said["junit"]).find(".//failure") is not None  # noqa: S314 - our own output
    sarif: Any = json.loads(said["sarif"])
    assert sarif["runs"][0]["results"][0]["ruleId"] == "TYPE_CHANGED"


def test_what_is_the_same_is_never_parsed(
    repo: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit(**{f"t{at}": contract(dataset=f"db/s/t{at}") for at in range(30)})
    repo.write("contracts/t.yml", BROKEN)
    parsed: list[str] = []
    real = source.parse

    def counted(file: str, content: bytes) -> source.Source:
        parsed.append(file)
        return real(file, content)

    monkeypatch.setattr(source, "parse", counted)
    assert gate("--base", "HEAD", capsys=capsys)[0] == 1
    assert parsed == ["contracts/t.yml", "contracts/t.yml"]


def test_a_second_contract_of_an_untouched_dataset(repo: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    odd = OLD.replace("dataset: db/s/t", '"dataset" : "db/s/t"  # same')
    repo.write("contracts/again.yml", odd)
    _, out, _ = gate("--base", "HEAD", "--format", "json", capsys=capsys)
    assert rules(out) == ["DUPLICATE_DATASET"]
    assert "contracts/t.yml" in json.loads(out)["findings"][0]["message"]


def test_the_sandbox_has_nothing_against_itself() -> None:
    words = ["--base", "HEAD", "--contracts", "sandbox/template/contracts"]
    ran = subprocess.run(
        [sys.executable, "-m", "hooks.schema_gate", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "not a git repository" not in ran.stderr:  # an unpacked archive has no history
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_rules_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 35
    assert lines[0].startswith("breaking  CHECK_DEMOTED")


def test_a_rule_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--explain", "column_removed"]) == 0
    assert capsys.readouterr().out.startswith("# COLUMN_REMOVED\n\nSeverity: breaking.")
    assert main(["--explain", "COLUMN_REMOVD"]) == 2
    assert "did you mean 'COLUMN_REMOVED'?" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["sqlglot", "jsonschema", "soda_core"])
def test_a_library_that_is_not_there_is_no_pass(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    from ops_tasks.contracts import datatypes, sqltext, validity

    for cached in (datatypes.parse_text, sqltext.tree, validity.validator):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    repo.write("contracts/t.yml", BROKEN.replace("columns:", "filter: a > 1\ncolumns:"))
    code, out, err = gate("--base", "HEAD", capsys=capsys)
    assert (code, out) == (2, "")
    assert "ops-tasks[contracts]" in err
    assert len(err.splitlines()) == 1


def test_a_stack_that_names_no_contracts_leaves_the_usual_folder(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("project/config.yaml", "")
    repo.write("invoke.yaml", "ops:\n  databases: {shop: shop.duckdb}\n  sqlmesh: {project: project}\n")
    repo.write("contracts/t.yml", BROKEN)
    assert main(["--base", "HEAD"]) == 1
    (repo.top / "contracts").rename(repo.top / "elsewhere")
    capsys.readouterr()
    assert main(["--base", "HEAD"]) == 2
    assert "names no contracts" in capsys.readouterr().err
