"""The appendix as a table, and the hooks it writes into a configuration that belongs to somebody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.prevention_hooks import HOOKS
from ops_tasks.systems.precommit import configured, with_hooks
from ops_tasks.systems.requirement import requirement
from tests.conftest import Ran, finish
from tests.wiring.conftest import Repository

FILE = Path(".pre-commit-config.yaml")
INDENTED = """# what we run
default_language_version:
  python: python3   # the one of the image
repos:
  # layout
  - repo: local
    hooks:
      - id: 'layout'   # quoted on purpose
        name: layout
        entry: "true"
        language: system
"""
FLAT = """repos:
- repo: local  # ours
  hooks:
  - id: layout
    name: layout
    entry: 'true'
    language: system
    args: [a,   b]

# the end
ci: {skip: [layout]}
"""


def prevention(top: Path, *words: str) -> Ran:
    import sys

    return finish([sys.executable, "-m", "invoke", "ops.prevention", f"--stack={top}", "--json", *words])


def stack(top: Path) -> None:
    (top / "project").mkdir()
    (top / "invoke.yaml").write_text("ops:\n  databases: {shop: shop.duckdb}\n  sqlmesh: {project: project}\n")


WIDE = (
    "repos:\n    -   repo: local\n        hooks:\n        -   id: layout\n            name: x\n            entry: x\n"
)
NONE = "# nothing yet\nrepos: []\nfail_fast: true\n"


@pytest.mark.parametrize("text", ["", INDENTED, FLAT, WIDE], ids=["empty", "indented", "flat", "wide"])
def test_what_is_there_stays_as_it_is(text: str) -> None:
    made = with_hooks(text, HOOKS, [requirement()], FILE)
    lines = iter(made.splitlines())
    for line in (line for line in text.splitlines() if line.strip()):
        assert any(line == other for other in lines), line  # each in its order
    yaml: Any = YAML(typ="safe")
    loaded = yaml.load(made)
    assert [hook["id"] for hook in loaded["repos"][-1]["hooks"]] == [hook.id for hook in HOOKS]
    assert all(hook["additional_dependencies"] == [requirement()] for hook in loaded["repos"][-1]["hooks"])
    assert with_hooks(made, HOOKS, [requirement()], FILE) == made


@pytest.mark.parametrize(
    ("empty", "left"),
    [
        ("repos: []\n", "repos:\n"),
        ("repos:\n", "repos:\n"),
        ("repos: []  # none yet\n", "repos:  # none yet\n"),
        ("'repos' : null # none\r\n", "'repos' : # none\r\n"),
    ],
)
def test_an_empty_list_is_filled_where_it_is(empty: str, left: str) -> None:
    made = with_hooks(NONE.replace("repos: []\n", empty), HOOKS, [requirement()], FILE)
    assert made.startswith(f"# nothing yet\n{left}  - repo: local\n")
    assert made.endswith("\nfail_fast: true\n")
    assert made.count("- id: ops-") == len(HOOKS)


@pytest.mark.parametrize("key", ['"repos":', "'repos':", "repos :", "\ufeffrepos:"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_the_list_is_found_however_its_key_is_written(key: str, end: str) -> None:
    text = FLAT.replace("repos:", key).replace("\n", end)
    made = with_hooks(text, HOOKS, [requirement()], FILE)
    assert made.count("- id: ops-") == len(HOOKS)
    assert made.count("\n") == made.count(end)
    head, tail = text.split(f"{end}# the end")
    assert made.startswith(head)
    assert made.endswith(f"{end}# the end{tail}")


def test_a_list_before_the_end_of_the_document() -> None:
    made = with_hooks("fail_fast: true\n...\n", HOOKS, [requirement()], FILE)
    assert made.startswith("fail_fast: true\nrepos:\n")
    assert made.endswith("\n...\n")


def test_only_what_is_missing_is_added() -> None:
    have = "repos:\n  - repo: local\n    hooks:\n      - {id: ops-large-files, name: x, entry: x, language: system}\n"
    made = with_hooks(have, HOOKS, [requirement()], FILE)
    assert made.count("ops-large-files") == 1
    assert made.count("- id: ops-") == len(HOOKS) - 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("repos: [", "not YAML"),
        ("- repo: local\n", "no mapping with a list of 'repos'"),
        ("repos: {a: 1}\n", "no mapping with a list of 'repos'"),
        ("{repos: [{repo: local, hooks: []}]}\n", "there is no place to add"),
        ("repos: [{repo: local, hooks: []}]\n", "there is no place to add"),
    ],
    ids=["broken", "a list", "a mapping of repos", "a flow", "a flow of repos"],
)
def test_a_file_that_cannot_be_edited_is_left_alone(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        with_hooks(text, HOOKS, [requirement()], FILE)


def test_install_shows_asks_and_writes_once(repository: Repository) -> None:
    stack(repository.top)
    file = repository.top / FILE
    file.write_text(INDENTED)
    shown = prevention(repository.top, "--install", "--plan")
    assert shown.code == 0
    assert any(line == "+      - id: ops-restate-guard" for line in shown.document["diff"])
    refused = prevention(repository.top, "--install")
    assert refused.code == 3
    assert file.read_text() == INDENTED
    assert prevention(repository.top, "--install", "--yes").document["changed"] is True
    assert list(configured(repository.top)) == ["layout", *(hook.id for hook in HOOKS)]
    written = file.read_text()
    assert prevention(repository.top, "--install", "--yes").document["changed"] is False
    assert file.read_text() == written
    validated = repository.run("pre-commit", "validate-config")
    assert validated.returncode == 0, validated.stdout


def rows(ran: Ran) -> dict[str, dict[str, str]]:
    return {row["check"].partition(" --stack=")[0]: row for row in json.loads(ran.out)["rows"]}


def test_installed_hooks_are_tried_not_believed(repository: Repository) -> None:
    stack(repository.top)
    found = rows(prevention(repository.top))
    for hook in ("ops-large-files", "ops-schema-gate", "ops-restate-guard"):
        assert found[f"pre-commit: {hook}"]["status"] == "works", found[f"pre-commit: {hook}"]
    assert found["pre-commit: ops-contract-lint"]["status"] == "not installed"

    file = repository.top / FILE
    lax = file.read_text().replace("-m hooks.large_files", "-c pass")
    file.write_text(lax)
    (repository.top / ".git" / "hooks" / "pre-commit").unlink()
    found = rows(prevention(repository.top))
    assert found["pre-commit: ops-large-files"]["told"] == "git does not call pre-commit in this clone"
    repository.run("pre-commit", "install")
    found = rows(prevention(repository.top))
    assert found["pre-commit: ops-large-files"]["status"] == "does not work"
    assert "lets a staged example pass" in found["pre-commit: ops-large-files"]["told"]


def test_the_other_rows_tell_what_is_there(repository: Repository) -> None:
    stack(repository.top)
    ran = prevention(repository.top)
    assert ran.code == 1
    found = rows(ran)
    assert found["CI: ops-schema-gate"]["status"] == "not installed"
    assert found["guard on the SQLMesh gateway"]["status"] == "not installed"
    assert found["a recent verified snapshot"]["told"].startswith("there is no snapshot")
    assert {row["status"] for row in found.values()} <= {"works", "not installed", "does not apply"}

    (repository.top / "project" / "config.py").write_text("from ops_tasks import guard\nguard.install(config)\n")
    workflows = repository.top / ".github" / "workflows"
    workflows.mkdir(parents=True)
    gate = "steps:\n  - uses: actions/checkout@v5\n  - run: ops-schema-gate --base origin/main\n"
    (workflows / "ci.yml").write_text(gate)
    found = rows(prevention(repository.top))
    assert found["guard on the SQLMesh gateway"]["told"] == "guard.install in project/config.py"
    assert found["CI: ops-schema-gate"]["status"] == "does not work"
    assert "fetch-depth: 0" in found["CI: ops-schema-gate"]["told"]
    (workflows / "ci.yml").write_text(
        gate.replace("v5\n", "v5\n    with: {fetch-depth: 0}\n").replace("{fetch-depth: 0}", "\n      fetch-depth: 0")
    )
    assert rows(prevention(repository.top))["CI: ops-schema-gate"]["status"] == "works"


def test_what_does_not_apply_says_so_and_is_no_gap(repository: Repository) -> None:
    stack(repository.top)
    (repository.top / "contracts" / "orders.yml").unlink()
    (repository.top / ".git" / "hooks" / "pre-commit").unlink()  # nothing is tried that would have to be installed
    file = repository.top / FILE
    file.unlink()
    assert prevention(repository.top, "--install", "--yes").code == 0
    assert list(configured(repository.top)) == ["ops-large-files", "ops-restate-guard"]

    ran = prevention(repository.top)
    absent = {
        "pre-commit: ops-schema-gate": "the stack has no contracts",
        "CI: ops-schema-gate": "the stack has no contracts",
        "pre-commit: ops-contract-lint": "the stack has no contracts",
        "contracts on every mart: schema.lint": "the stack has no contracts",
        "freshness_violation_sensor": "the stack has no Dagster",
        "invoke watch.heartbeat": "the stack has no Dagster",
    }
    found = rows(ran)
    assert {check: row["told"] for check, row in found.items() if row["status"] == "does not apply"} == absent
    assert [found[check]["way_out"] for check in absent] == [""] * len(absent)
    assert not [one for one in ran.document["findings"] if one["reason"].endswith(tuple(absent.values()))]

    file.write_text(with_hooks(file.read_text(), HOOKS, [requirement()], file))
    blocking = rows(prevention(repository.top))["pre-commit: ops-schema-gate"]
    assert blocking["status"] == "does not work"
    assert "ends every commit" in blocking["told"]


def test_outside_of_git_it_says_so(tmp_path: Path) -> None:
    stack(tmp_path)
    ran = prevention(tmp_path)
    assert ran.code == 2
    assert "not a git repository" in ran.err
