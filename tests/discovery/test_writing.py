"""What is in a file stays in it; what is missing is added where it belongs; twice is once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ops_tasks.discovery.facts import Fact, tree_of
from ops_tasks.discovery.writing import ignored, with_section
from ops_tasks.errors import UsageError
from ops_tasks.namespaces.init import as_invoke

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
    made, notes = with_section(before, FACTS, FILE, as_invoke)
    assert kept(before or "", made)
    assert notes == []
    assert parsed(made)["ops"]["sources"]["landing"]["load"] == {"command": ["./pull.sh"]}
    assert "# ?: is it paid, or sold?\n" in made
    lines = made.splitlines()
    assert "orders" in lines[next(at for at, line in enumerate(lines) if "?:" in line) + 1]
    assert with_section(made, FACTS, FILE, as_invoke) == (made, [])
    assert (parsed(before or "") or {}) == {key: value for key, value in parsed(made).items() if key != "ops"}


def test_what_a_section_lacks_is_added() -> None:
    made, notes = with_section(PARTIAL, FACTS, FILE, as_invoke)
    assert kept(PARTIAL, made)
    section = parsed(made)["ops"]
    assert section["databases"] == {"old": "old.db", "shop": "var/shop.db"}
    assert section["sqlmesh"] == {"project": "elsewhere"}
    assert list(section["sources"]) == ["landing"]
    assert notes == ["ops.sqlmesh.project is elsewhere, left alone; found elt: there"]
    assert with_section(made, FACTS, FILE, as_invoke)[0] == made
    assert made.rstrip().endswith("# the last words")


def test_a_source_with_a_name_of_its_own_is_meant() -> None:
    source = "    tills: {catalog: shop, dataset: landing, tables: {orders: {}}, load: {command: [other]}}\n"
    before = f"ops:\n  databases: {{shop: var/shop.db}}\n  sqlmesh: {{project: elt}}\n  sources:\n{source}"
    made, notes = with_section(before, FACTS, FILE, as_invoke)
    assert made == before
    assert any("ops.sources.tills.load" in note for note in notes)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("ops: {databases: {a: b}}\n", "written in one line"),
        ("ops:\n  databases: {a: b}\n  sqlmesh: {project: elt}\n  sources: {}\n", "written in one line"),
        ("- a list\n", "no mapping"),
        ("ops: [\n", "not YAML"),
        ("ops: [a]\n", "ops is no mapping"),
        ("ops:\n  databases: foo\n", "ops.databases is no mapping"),
        ("base: &base {home: .ops}\nops:\n  <<: *base\n", "written in one line"),
        ("dbs: &dbs\n  old: b\nops:\n  databases: *dbs\n", "no place to add ops.databases.shop"),
        ("a: {on: &one b, yes: *one}\n{}\n", "not YAML"),
        ("{run: {echo: true}}\n", "no place to add ops"),
        ("a: 2024-13-45\n", "not YAML: month must be"),
        ("a: =\n", "Invoke cannot read this"),
    ],
)
def test_what_cannot_be_added_to_is_refused(before: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        with_section(before, FACTS, FILE, as_invoke)


@settings(deadline=None)
@given(
    names=st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=5, unique=True),
    value=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    question=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20),
)
def test_any_value_survives(names: list[str], value: str, question: str) -> None:
    facts = [Fact(("databases", name), value, "there", question.strip()) for name in names]
    made, _ = with_section(OWN, facts, FILE, as_invoke)
    assert parsed(made)["ops"]["databases"] == dict.fromkeys(names, value)
    assert with_section(made, facts, FILE, as_invoke)[0] == made


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "/.ops/\n"), ("", "/.ops/\n"), ("a", "a\n/.ops/\n"), ("a\n", "a\n/.ops/\n"), (" /.ops/\n", " /.ops/\n")],
)
def test_lines_are_ignored_once(before: str | None, after: str) -> None:
    assert ignored(before, ["/.ops/"]) == after


ODD = ["on", "off", "yes", "no", "y", "n", "On", "NO", "true", "~", "null", "2024-01-31", "12:30:45", "1_000", "017"]
ODDER = ["0o7", "0x1F", "1e3", "1.5", ".5", ".inf", "=", "<<", "-", "?"]
WORDS = [*ODD, *ODDER]


def test_every_word_is_for_invoke_what_it_is_for_us() -> None:
    facts = [Fact(("databases", word), word, "there") for word in ["", "a b", *WORDS]]
    facts += [Fact(("sources", word, "tables", word), {"date_column": word}, "there") for word in WORDS]
    facts += [Fact(("sources", word, part), word, "there") for word in WORDS for part in ("catalog", "dataset")]
    facts += [Fact(("sources", word, "load"), {"command": WORDS}, "there") for word in WORDS]
    made, _ = with_section(OWN, facts, FILE, as_invoke)
    assert as_invoke(made)["ops"] == parsed(made)["ops"] == tree_of(facts)
    part, _ = with_section("ops:\n  databases:\n    x: y\n", facts, FILE, as_invoke)
    assert as_invoke(part)["ops"]["databases"] == {"x": "y"} | tree_of(facts)["databases"]


def test_a_colon_is_for_libyaml_what_it_is_for_us() -> None:
    load = {"dlt": "shop.sources:orders", "command": ["a:b", "12:30"]}
    made, _ = with_section(None, [Fact(("sources", "orders", "load"), load, "there")], FILE, as_invoke)
    yaml: Any = YAML(typ="safe")
    assert yaml.load(made)["ops"]["sources"]["orders"]["load"] == load


def test_what_invoke_would_read_otherwise_is_not_written() -> None:
    def wrong(text: str) -> Any:
        return as_invoke(text.replace("elt", "other"))

    with pytest.raises(UsageError, match="there is no place to add ops to"):
        with_section(OWN, FACTS, FILE, wrong)


@pytest.mark.parametrize(
    "before", [OWN, PARTIAL, OWN + "...\n", OWN.rstrip("\n")], ids=["own", "partial", "end", "bare"]
)
def test_line_ends_stay(before: str) -> None:
    unix, _ = with_section(before, FACTS, FILE, as_invoke)
    windows, _ = with_section(before.replace("\n", "\r\n"), FACTS, FILE, as_invoke)
    assert windows == unix.replace("\n", "\r\n")
    assert as_invoke(windows) == as_invoke(unix)
    assert ignored("a\r\nb\r\n", ["/.ops/"]) == "a\r\nb\r\n/.ops/\r\n"


def test_a_section_with_a_merge_is_added_to() -> None:
    base = "base: &base\n  databases: {shop: var/shop.db}\n"
    made, _ = with_section(f"{base}ops:\n  <<: *base\n  home: .ops\n", FACTS, FILE, as_invoke)
    assert made.startswith(f"{base}ops:\n  <<: *base\n  home: .ops\n  sqlmesh:\n")
    assert as_invoke(made)["ops"]["databases"] == {"shop": "var/shop.db"}
