"""The workflows of this repository, and the one in the docs: pinned, and able to see the base."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.wiring.conftest import ROOT

DOCS = ROOT / "docs" / "hooks" / "ci.md"
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
FENCE = re.compile(r"```yaml\n(.*?)```", re.S)


def workflows() -> dict[str, str]:
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    shown = [text for text in FENCE.findall(DOCS.read_text(encoding="utf-8")) if "jobs:" in text]
    return {file.name: file.read_text() for file in files} | {f"docs {at}": text for at, text in enumerate(shown)}


FOUND = workflows()


def parsed(text: str) -> Any:
    yaml: Any = YAML(typ="safe")
    return yaml.load(text)


@pytest.mark.parametrize("name", FOUND)
def test_every_action_is_pinned_to_a_commit(name: str) -> None:
    steps = [step for job in parsed(FOUND[name])["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []


@pytest.mark.parametrize("name", FOUND)
def test_the_gate_sees_the_base_and_runs_again_for_a_label(name: str) -> None:
    loaded = parsed(FOUND[name])
    gates = [job for job in loaded["jobs"].values() if "ops-schema-gate" in str(job)]
    assert gates
    for job in gates:
        checkout = next(step for step in job["steps"] if "checkout" in step.get("uses", ""))
        assert checkout["with"]["fetch-depth"] == 0
    assert {"labeled", "unlabeled", "edited"} <= set(loaded["on"]["pull_request"]["types"])


@pytest.mark.parametrize("name", FOUND)
def test_no_untrusted_text_is_pasted_into_a_shell(name: str) -> None:
    """The text of a pull request reaches a step as a variable, never as part of its script."""
    steps = [step for job in parsed(FOUND[name])["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "${{ github.event" in step.get("run", "")] == []


def test_the_docs_have_one() -> None:
    assert any(name.startswith("docs") for name in FOUND)


def test_the_manifest_offers_every_hook() -> None:
    offered: list[dict[str, Any]] = parsed((ROOT / ".pre-commit-hooks.yaml").read_text())
    scripts = re.findall(r"^(ops-[\w-]+) = ", (ROOT / "pyproject.toml").read_text(), re.M)
    assert {hook["entry"].split()[0] for hook in offered} == set(scripts)
    assert len(scripts) == 4


def test_own_configuration_uses_them_all() -> None:
    loaded = parsed((ROOT / ".pre-commit-config.yaml").read_text())
    ids = {hook["id"] for repo in loaded["repos"] for hook in repo["hooks"]}
    assert {"ops-large-files", "ops-schema-gate", "ops-contract-lint", "ops-restate-guard"} <= ids
    assert {repo["repo"] for repo in loaded["repos"]} == {"local"}


def test_paths_named_by_it_are_there() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    for path in re.findall(r"--(?:contracts|project) (\S+)", text):
        assert Path(ROOT / path).is_dir()
