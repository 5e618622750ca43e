"""What is in a file stays in it; what is missing is added where it belongs; twice is once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ops_tasks.discovery.facts import Fact
from ops_tasks.discovery.writing import ignored, with_section
from ops_tasks.errors import UsageError

FILE = Path("invoke.yaml")
FACTS = [
    Fact(("databases", "shop"), "var/shop.db", "there"),
    Fact(("sqlmesh", "project"), "elt", "there"),
    Fact(("sources", "landing", "catalog"), "shop", "there"),
    Fact(("sources", "landing", "dataset"), "landing", "there"),
    Fact(("sources", "landing", "tables", "orders"), {"date_column": "paid"}, "a guess", "is it paid, or sold?"),
    Fact(("sources", "landing", "load"), {"command": ["./pull.sh"]}, "there"),
]
OWN = """# ours
run:
  echo: true   # show them
tasks: {dedupe: false}
"""
PARTIAL = """ops:
    # four spaces here
    root: .
    databases:
        old: old.db   # the old one

    sqlmesh: {project: elsewhere}

# the last words
"""


def parsed(text: str) -> Any:
    yaml: Any = YAML(typ="safe")
    return yaml.load(text)


def kept(before: str, after: str) -> bool:
    """Whether every line of the one is in the other, in its order."""
    lines = iter(after.splitlines())
    return all(line in lines for line in before.splitlines())


@pytest.mark.parametrize("before", [None, "", "# nothing yet\n", OWN, OWN.rstrip("\n"), "---\n" + OWN], ids=repr)
def test_a_section_is_added(before: str | None) -> None:
    made, notes = with_section(before, FACTS, FILE)
    assert kept(before or "", made)
    assert notes == []
    assert parsed(made)["ops"]["sources"]["landing"]["load"] == {"command": ["./pull.sh"]}
    assert "# ?: is it paid, or sold?\n" in made
    lines = made.splitlines()
    assert "orders" in lines[next(at for at, line in enumerate(lines) if "?:" in line) + 1]
    assert with_section(made, FACTS, FILE) == (made, [])
    assert (parsed(before or "") or {}) == {key: value for key, value in parsed(made).items() if key != "ops"}


def test_what_a_section_lacks_is_added() -> None:
    made, notes = with_section(PARTIAL, FACTS, FILE)
    assert kept(PARTIAL, made)
    section = parsed(made)["ops"]
    assert section["databases"] == {"old": "old.db", "shop": "var/shop.db"}
    assert section["sqlmesh"] == {"project": "elsewhere"}
    assert list(section["sources"]) == ["landing"]
    assert notes == ["ops.sqlmesh.project is elsewhere, left alone; found elt: there"]
    assert with_section(made, FACTS, FILE)[0] == made
    assert made.rstrip().endswith("# the last words")


def test_a_source_with_a_name_of_its_own_is_meant() -> None:
    source = "    tills: {catalog: shop, dataset: landing, tables: {orders: {}}, load: {command: [other]}}\n"
    before = f"ops:\n  databases: {{shop: var/shop.db}}\n  sqlmesh: {{project: elt}}\n  sources:\n{source}"
    made, notes = with_section(before, FACTS, FILE)
    assert made == before
    assert any("ops.sources.tills.load" in note for note in notes)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("ops: {databases: {a: b}}\n", "written in one line"),
        ("ops:\n  databases: {a: b}\n  sqlmesh: {project: elt}\n  sources: {}\n", "written in one line"),
        ("- a list\n", "no mapping"),
        ("ops: [\n", "not YAML"),
    ],
)
def test_what_cannot_be_added_to_is_refused(before: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        with_section(before, FACTS, FILE)


@given(
    names=st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=5, unique=True),
    value=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    question=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20),
)
def test_any_value_survives(names: list[str], value: str, question: str) -> None:
    facts = [Fact(("databases", name), value, "there", question.strip()) for name in names]
    made, _ = with_section(OWN, facts, FILE)
    assert parsed(made)["ops"]["databases"] == dict.fromkeys(names, value)
    assert with_section(made, facts, FILE)[0] == made


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "/.ops/\n"), ("", "/.ops/\n"), ("a", "a\n/.ops/\n"), ("a\n", "a\n/.ops/\n"), (" /.ops/\n", " /.ops/\n")],
)
def test_lines_are_ignored_once(before: str | None, after: str) -> None:
    assert ignored(before, ["/.ops/"]) == after
