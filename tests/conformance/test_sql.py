"""Every SQL statement of the sources and the documents is one, and the tables and columns that it names exist."""

from __future__ import annotations

import ast
import re

import duckdb
import pytest

from sandbox.motherduck.grammar import ParserError
from tests.conformance import markdown, sql, world
from tests.conformance.sql import STATEMENT, Statement, statements
from tests.conformance.texts import ROOT, SOURCES, texts, tree

# Runs on purpose: the selftest wants the service to refuse it.
REFUSED = {"ALTER DATABASE word RENAME TO word_renamed": "RENAME"}
# Code in a sentence that is the beginning of a statement: a whole one that has it, and the error where it is named
# because it does not exist.
FRAGMENTS: dict[str, tuple[str, str | None]] = {
    "SELECT *": ("SELECT * FROM a", None),
    "ALTER DATABASE ... SET SNAPSHOT TO": ("ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_ID 'x')", None),
    "ALTER DATABASE ... RENAME": ("ALTER DATABASE a RENAME TO b", "RENAME"),
    "COPY FROM DATABASE ... (OVERWRITE)": ("COPY FROM DATABASE a (OVERWRITE) TO b", None),
    "SET SNAPSHOT": ("ALTER DATABASE a SET SNAPSHOT TO (SNAPSHOT_NAME 'x')", None),
    "UNDROP DATABASE": ("UNDROP DATABASE a", None),
    "CREATE SNAPSHOT": ("CREATE SNAPSHOT 'x' OF a", None),
}
NO_SQL = ("COPY <<EOF",)
ERRORS = (duckdb.Error, ParserError, ValueError)


def _errors(each: list[Statement]) -> list[str]:
    found: list[str] = []
    for one in each:
        try:
            world.parse(one)
            if text := world.bound(one):
                world.bind(text)
        except ERRORS as error:
            found.append(f"{one.where}: {one.text}: {error}")
    return found


def test_every_statement_that_is_executed_is_seen() -> None:
    assert sql.unseen() == []
    assert len(statements()) >= 100


def test_statements_are_parsed_and_bound() -> None:
    wrong = _errors([one for one in statements() if one.text not in REFUSED])
    assert not wrong, "\n".join(wrong)


def test_as_much_is_bound_as_can_be() -> None:
    bound = [one for one in statements() if world.bound(one) is not None]
    assert len(bound) >= 33
    names = " ".join(one.text for one in bound)
    for table in ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state", "_versions", "_environments"):
        assert table in names
    for table in ("databases", "database_snapshots"):
        assert f"md_information_schema.{table}" in names


def test_statements_of_motherduck() -> None:
    ours = [one.text for one in statements() if one.for_motherduck]
    assert len(ours) >= 12
    for begin in ("CREATE SNAPSHOT", "ALTER SNAPSHOT", "CREATE OR REPLACE DATABASE", "COPY FROM DATABASE"):
        assert any(text.startswith(begin) for text in ours)
    for text, error in REFUSED.items():
        assert text in ours
        with pytest.raises(ParserError, match=error):
            world.parse(Statement("here", text))


def test_settings_exist() -> None:
    known = {
        str(name).lower()
        for (name,) in world.world().connection.execute("SELECT name FROM duckdb_settings()").fetchall()
    }
    named = {found[1].lower() for one in statements() if (found := re.match(r"SET (?:\w+\.)?(\w+) *=", one.text))}
    named |= {
        key.value
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.keyword) and node.arg == "config" and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    assert "timezone" in named
    assert named - known == set()


def test_names_of_tables_and_columns_exist() -> None:
    """Texts that are a name of dlt's or SQLMesh's, as they are looked up in catalogs and rows."""
    named = {
        (text.text, text.where)
        for text in texts()
        if re.fullmatch(r"_dlt_\w+|_(?:snapshots|intervals|environments|versions|plan_dags|seeds)", text.text)
    }
    relational = world.load("dlt.common.normalizers.json.relational").DataItemNormalizer
    known = set(world.world().tables) | {relational.C_DLT_PARENT_ID}
    for table in ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state"):
        known |= world.columns(table)
    known |= {world.load("dlt.common.schema.typing").C_DLT_ID}
    assert len(named) >= 6
    assert [name for name in sorted(named) if name[0] not in known] == []


def test_columns_of_the_interval_log_exist() -> None:
    file = ROOT / "ops_tasks" / "systems" / "sqlmesh_rewind_worker.py"
    named = {
        word.value
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and re.search(r"\.(select|column|order_by)$", ast.unparse(node.func))
        for word in node.args
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    }
    assert len(named) >= 8
    assert named - world.columns("_intervals") == set()


def test_sql_in_documents() -> None:
    shown = [
        Statement(block.where, text.strip())
        for block in markdown.blocks()
        if block.language == "sql"
        for text in re.split(r";\s*$", block.text, flags=re.M)
        if text.strip()
    ]
    inline = [Statement(where, code) for where, code in markdown.inlines() if STATEMENT.match(code)]
    inline = [one for one in inline if not one.text.startswith(NO_SQL) and one.text not in FRAGMENTS]
    assert inline
    wrong = _errors([*shown, *inline])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("text", "error"), FRAGMENTS.values(), ids=FRAGMENTS)
def test_fragments(text: str, error: str | None) -> None:
    one = Statement("here", text)
    if error is None:
        world.parse(one)
    else:
        with pytest.raises(ERRORS, match=error):
            world.parse(one)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT created_at FROM md_information_schema.database_snapshots", "created_at"),
        ("SELECT database FROM duckdb_tables()", "database"),
        ("SELECT name FROM duckdb_blocks()", "duckdb_blocks"),
        ("SELECT loaded_at FROM _dlt_loads", "loaded_at"),
        ("SELECT snapshot_id FROM sqlmesh_state.word._environments", "snapshot_id"),
        ("ALTER DATABASE a RENAME TO b", "RENAME"),
        ("DROP SNAPSHOT x", "DROP"),
        ("CREATE SNAPSHOT x FROM a", "FROM"),
    ],
)
def test_wrong_statements_are_told(text: str, error: str) -> None:
    found = _errors([Statement("here", text)])
    assert len(found) == 1
    assert error in found[0].partition(text)[2]
