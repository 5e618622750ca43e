"""The exchange of a window of days in raw tables, children along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import StepFailed
from ops_tasks.systems.duck_worker import measure
from ops_tasks.systems.raw_worker import Dated, delete, staged, swap

START, END = "2026-04-02", "2026-04-03"
OBS = Dated(
    table="obs",
    date_column="day",
    primary_key=["id"],
    children=[("obs__media", "obs"), ("obs__media__tags", "obs__media")],
)
SCHEMA = """
CREATE TABLE obs (id BIGINT NOT NULL, day DATE, note VARCHAR, _dlt_id VARCHAR, _dlt_load_id VARCHAR);
CREATE TABLE obs__media (url VARCHAR NOT NULL, _dlt_id VARCHAR, _dlt_parent_id VARCHAR);
CREATE TABLE obs__media__tags (value VARCHAR, _dlt_id VARCHAR, _dlt_parent_id VARCHAR);
CREATE TABLE species (code VARCHAR);
CREATE TABLE _dlt_loads (load_id VARCHAR, status BIGINT);
"""
# Three rows a day, two media each, one tag per medium; `age` tells the loads apart.
FILL = """
INSERT INTO obs SELECT d * 10 + n, DATE '2026-04-01' + d::INT, '{age}', '{age}' || d || n, '{age}'
  FROM range({first}, {last}) t(d), range(3) u(n);
INSERT INTO obs__media SELECT 'u' || m, _dlt_id || 'm' || m, _dlt_id FROM obs, range(2) t(m);
INSERT INTO obs__media__tags SELECT '{age}', _dlt_id || 't', _dlt_id FROM obs__media;
INSERT INTO species VALUES ('{age}');
INSERT INTO _dlt_loads VALUES ('{age}', 0);
"""


@pytest.fixture
def raw(tmp_path: Path) -> str:
    """Days 1 to 5 of April."""
    return made(tmp_path / "raw.duckdb", FILL.format(age="old", first=0, last=5))


@pytest.fixture
def staging(tmp_path: Path) -> str:
    """Days 2 to 4 of April, loaded again."""
    return made(tmp_path / "staging.duckdb", FILL.format(age="new", first=1, last=4))


def made(path: Path, *statements: str) -> str:
    change(str(path), SCHEMA, *statements)
    return str(path)


def change(path: str, *statements: str) -> None:
    with duckdb.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(path: str, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(query).fetchall()


def fingerprints(raw: str) -> dict[str, dict[str, list[Any]]]:
    above = {"obs": [], "obs__media": ["obs"], "obs__media__tags": ["obs__media", "obs"]}
    spec: Any = [
        {
            "name": name,
            "catalog": "raw",
            "schema": "main",
            "table": name,
            "date_column": "day",
            "parents": parents,
            "exclude": [],
            "recomputed": False,
        }
        for name, parents in above.items()
    ]
    return {name: value["days"] for name, value in measure({"raw": raw}, spec).items()}


def ask(raw: str, staging: str, *tables: Dated) -> dict[str, Any]:
    return staged(raw, staging, "main", list(tables) or [OBS], START, END)


def test_swap_moves_parents_children_and_their_children(raw: str, staging: str) -> None:
    before = fingerprints(raw)
    done = swap(raw, staging, "main", [OBS], START, END)
    assert done == {
        "obs": {"deleted": 6, "inserted": 6},
        "obs__media": {"deleted": 12, "inserted": 12},
        "obs__media__tags": {"deleted": 12, "inserted": 12},
    }
    after, new = fingerprints(raw), fingerprints(staging)
    for table, days in after.items():
        assert {day for day in days if days[day] != before[table][day]} == {START, END}
        assert {day: days[day] for day in (START, END)} == {day: new[table][day] for day in (START, END)}
    assert rows(raw, "SELECT * FROM species") == [("old",)]
    assert rows(raw, "SELECT load_id FROM _dlt_loads ORDER BY 1") == [("new",), ("old",)]


def test_swap_can_be_repeated(raw: str, staging: str) -> None:
    swap(raw, staging, "main", [OBS], START, END)
    once = fingerprints(raw)
    swap(raw, staging, "main", [OBS], START, END)
    assert fingerprints(raw) == once
    assert rows(raw, "SELECT count(*) FROM _dlt_loads") == [(2,)]


def test_swap_without_the_last_row_leaves_no_orphan(raw: str, staging: str) -> None:
    """Fewer rows, fewer children, and a child table that the load did not even make."""
    change(staging, "DELETE FROM obs WHERE day = '2026-04-03'", "DROP TABLE obs__media__tags")
    done = swap(raw, staging, "main", [OBS], START, END)
    assert done["obs"] == {"deleted": 6, "inserted": 3}
    assert done["obs__media"] == {"deleted": 12, "inserted": 6}
    assert done["obs__media__tags"] == {"deleted": 12, "inserted": 0}
    orphans = "SELECT count(*) FROM obs__media WHERE _dlt_parent_id NOT IN (SELECT _dlt_id FROM obs)"
    assert rows(raw, orphans) == [(0,)]


@pytest.mark.parametrize(
    ("statement", "removed"),
    [
        pytest.param(
            "DELETE FROM obs WHERE day <= '2026-04-04'", {"obs__media": 24, "obs__media__tags": 24}, id="of the topmost"
        ),
        pytest.param("DELETE FROM obs__media WHERE url = 'u0'", {"obs__media__tags": 15}, id="of a child"),
        pytest.param(
            "UPDATE obs__media__tags SET _dlt_parent_id = NULL WHERE _dlt_id LIKE 'old0%'",
            {"obs__media__tags": 6},
            id="of nobody",
        ),
        pytest.param(
            "UPDATE obs SET _dlt_id = NULL WHERE id = 42", {"obs__media": 2, "obs__media__tags": 2}, id="without an id"
        ),
        pytest.param("DELETE FROM species", {}, id="none"),
    ],
)
def test_swap_removes_every_row_without_a_parent(
    raw: str, staging: str, statement: str, removed: dict[str, int]
) -> None:
    change(raw, statement)
    done = swap(raw, staging, "main", [OBS], START, END)
    assert {table: told["orphans"] for table, told in done.items() if "orphans" in told} == removed
    after = fingerprints(raw)
    assert "no parent" not in after["obs__media"] | after["obs__media__tags"]
    assert swap(raw, staging, "main", [OBS], START, END)["obs__media"] == {"deleted": 12, "inserted": 12}


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        pytest.param(
            ["ALTER TABLE obs__media ALTER url DROP NOT NULL", "UPDATE obs__media SET url = NULL"],
            "NOT NULL constraint failed",
            id="NULL in a child",
        ),
        pytest.param(
            ["ALTER TABLE obs__media__tags ADD COLUMN size BIGINT"], "does not have a column", id="a new column"
        ),
        pytest.param(
            ["ALTER TABLE obs ALTER id TYPE VARCHAR", "UPDATE obs SET id = 'n' || id"],
            "Could not convert",
            id="another type",
        ),
    ],
)
def test_swap_is_all_or_nothing(raw: str, staging: str, statements: list[str], message: str) -> None:
    change(staging, *statements)
    before = fingerprints(raw)
    with pytest.raises(duckdb.Error, match=message):
        swap(raw, staging, "main", [OBS], START, END)
    assert fingerprints(raw) == before
    assert rows(raw, "SELECT load_id FROM _dlt_loads") == [("old",)]


def test_an_error_in_the_second_table_takes_the_first_back(raw: str, staging: str) -> None:
    before = fingerprints(raw)
    other = Dated(table="species", date_column="day", primary_key=[], children=[])
    with pytest.raises(StepFailed, match="species: the date column 'day' has no day"):
        swap(raw, staging, "main", [OBS, other], START, END)
    assert fingerprints(raw) == before


@pytest.mark.parametrize("gone", ["raw", "staging"])
def test_a_missing_file_is_not_created(raw: str, staging: str, gone: str) -> None:
    Path({"raw": raw, "staging": staging}[gone]).unlink()
    for act in (staged, swap):
        with pytest.raises(StepFailed, match=f"{gone}.duckdb does not exist"):
            act(raw, staging, "main", [OBS], START, END)
    assert not Path({"raw": raw, "staging": staging}[gone]).exists()


def test_delete_takes_the_children_along(raw: str) -> None:
    before = fingerprints(raw)
    assert delete(raw, "main", [OBS], START, END)["obs__media__tags"]["deleted"] == 12
    after = fingerprints(raw)
    assert after == {
        table: {day: value for day, value in days.items() if day not in (START, END)} for table, days in before.items()
    }


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("TIMESTAMP", "day + INTERVAL 23 HOUR + INTERVAL 59 MINUTE"),
        ("TIMESTAMP WITH TIME ZONE", "strptime(day::VARCHAR || 'T23:59:59Z', '%Y-%m-%dT%H:%M:%SZ') AT TIME ZONE 'UTC'"),
        ("VARCHAR", "day::VARCHAR || 'T23:59:59Z'"),
    ],
)
def test_the_last_moment_of_a_day_belongs_to_it(raw: str, staging: str, kind: str, value: str) -> None:
    for path in (raw, staging):
        change(path, "SET TimeZone = 'UTC'", f"ALTER TABLE obs ALTER day TYPE {kind} USING {value}")
    before = fingerprints(raw)["obs"]
    done = swap(raw, staging, "main", [OBS], START, END)
    assert done["obs"] == {"deleted": 6, "inserted": 6}
    after = fingerprints(raw)["obs"]
    assert {day for day in after if after[day] != before[day]} == {START, END}


def test_staged_tells_what_is_there_and_changes_nothing(raw: str, staging: str) -> None:
    before = Path(raw).read_bytes(), Path(staging).read_bytes()
    assert ask(raw, staging) == {
        "obs": {
            "days": {START: 3, END: 3},
            "outside": 3,
            "undated": 0,
            "moved": None,
            "clashes": 0,
            "repeated": [0, 0],
            "new_columns": [],
            "children": {"obs__media": [12, 12], "obs__media__tags": [12, 12]},
        }
    }
    assert (Path(raw).read_bytes(), Path(staging).read_bytes()) == before


def test_rows_of_the_window_that_repeat_a_key_are_counted(raw: str, staging: str) -> None:
    twice = f"INSERT INTO obs SELECT * FROM obs WHERE day IN ('{START}', '2026-04-04')"
    change(staging, twice)
    assert ask(raw, staging)["obs"]["repeated"] == [0, 3]
    change(raw, twice, twice)
    assert ask(raw, staging)["obs"]["repeated"] == [9, 3]
    assert ask(raw, staging, {**OBS, "primary_key": []})["obs"]["repeated"] == [0, 0]


@pytest.mark.parametrize(
    ("of_raw", "of_staging", "key", "value"),
    [
        pytest.param("", "UPDATE obs SET day = NULL WHERE id = 10", "undated", 1, id="undated"),
        pytest.param("", "ALTER TABLE obs ADD COLUMN x INT", "new_columns", ["obs.x"], id="new column"),
        pytest.param(
            "", "ALTER TABLE obs__media ADD COLUMN x INT", "new_columns", ["obs__media.x"], id="new column of a child"
        ),
        pytest.param(
            "",
            "CREATE TABLE obs__sounds (_dlt_id VARCHAR, _dlt_parent_id VARCHAR)",
            "new_columns",
            ["obs__sounds.*"],
            id="new child table",
        ),
        pytest.param(
            "UPDATE obs SET day = '2026-04-05' WHERE id IN (10, 21)",
            "",
            "moved",
            ["2026-04-05", "2026-04-05"],
            id="moved into the window",
        ),
        pytest.param(
            "UPDATE obs SET day = IF(id = 10, DATE '2026-04-01', DATE '2026-05-09') WHERE id IN (10, 11)",
            "",
            "moved",
            ["2026-04-01", "2026-05-09"],
            id="moved from both sides",
        ),
        pytest.param("UPDATE obs SET day = NULL WHERE id IN (10, 11)", "", "clashes", 2, id="the live row has no day"),
        pytest.param("", "DELETE FROM obs__media", "children", None, id="children gone"),
    ],
)
def test_staged_finds_misfits(raw: str, staging: str, of_raw: str, of_staging: str, key: str, value: Any) -> None:
    change(raw, of_raw)
    change(staging, of_staging)
    found = ask(raw, staging)["obs"]
    if key == "children":
        assert found["children"] == {"obs__media": [12, 0], "obs__media__tags": [12, 0]}
    else:
        assert found[key] == value


def test_without_a_key_nothing_is_known_to_have_moved(raw: str, staging: str) -> None:
    change(raw, "UPDATE obs SET day = '2026-04-05' WHERE id = 10")
    assert ask(raw, staging, {**OBS, "primary_key": []})["obs"]["moved"] is None


def test_a_composite_key_moves_as_a_whole(raw: str, staging: str) -> None:
    change(raw, "UPDATE obs SET day = '2026-04-05' WHERE id = 10")
    dated: Dated = {**OBS, "primary_key": ["id", "note"]}
    assert ask(raw, staging, dated)["obs"]["moved"] is None
    change(staging, "UPDATE obs SET note = 'old'")
    assert ask(raw, staging, dated)["obs"]["moved"] == ["2026-04-05", "2026-04-05"]


def test_a_table_that_was_not_loaded(raw: str, staging: str) -> None:
    change(staging, "DROP TABLE obs")
    assert ask(raw, staging)["obs"]["days"] == {}


def test_names_are_quoted(tmp_path: Path) -> None:
    nasty = 'we"ird; DROP'
    quoted = '"we""ird; DROP"'
    table = (
        f"CREATE TABLE {quoted} ({quoted} DATE, _dlt_id VARCHAR); INSERT INTO {quoted} VALUES (DATE '2026-04-02', 1)"
    )
    raw, staging = made(tmp_path / "r'aw.duckdb", table), made(tmp_path / "sta'ging.duckdb", table)
    dated = Dated(table=nasty, date_column=nasty, primary_key=[nasty], children=[])
    assert ask(raw, staging, dated)[nasty]["days"] == {START: 1}
    assert swap(raw, staging, "main", [dated], START, END) == {nasty: {"deleted": 1, "inserted": 1}}
