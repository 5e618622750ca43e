"""Every rule has a page, every page a rule, and the list of them is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops_tasks.contracts.acknowledgements import RULES as ACKS
from ops_tasks.contracts.rules import RULES
from tests.wiring.conftest import ROOT

FOLDER = ROOT / "docs" / "rules"
LINT = {"COLUMN_UNKNOWN", "CONTRACT_MISSING", "DATASET_UNKNOWN", "FRESHNESS_MISSING", "ROW_COUNT_MISSING"}
SEVERITIES = {rule.id: rule.severity for rule in RULES.values()} | dict(ACKS) | dict.fromkeys(LINT, "breaking")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("rule", sorted(SEVERITIES))
def test_a_rule_has_a_page(rule: str) -> None:
    text = (FOLDER / f"{rule}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {rule}\n\nSeverity: {SEVERITIES[rule]}.")
    for heading in ("## What it means", "## Why it matters", "## An example", "## What to do"):
        assert heading in text
    assert len(text.splitlines()) <= 45


def test_no_page_is_left_over() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} == {*SEVERITIES, "README"}


def test_the_list_names_them_all_with_their_summaries() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.summary} |" in text
    assert set(re.findall(r"\[([A-Z_]+)\]", text)) == set(SEVERITIES)


PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
