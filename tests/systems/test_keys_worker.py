"""Keys that were there and are no more."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ops_tasks.systems.keys_worker import Keyed, lost


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two states of one database, read through a view that names its catalog."""
    made: list[str] = []
    for name, rows in (
        ("before", "(1, 'a'), (2, NULL), (3, 'c')"),
        ("after", "(1, 'b'), (2, NULL), (4, 'd'), (5, 'e')"),
    ):
        path = str(tmp_path / f"{name}.duckdb")
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS house")
            connection.execute(f"CREATE TABLE house.t AS SELECT * FROM (VALUES {rows}) AS t(id, note)")
            connection.execute("CREATE VIEW house.v AS SELECT * FROM house.t")
        made.append(path)
    return made[0], made[1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(['"id"'], 1, id="more rows, and one key less"),
        pytest.param(['"id"', '"note"'], 2, id="a key of two, one NULL in both"),
        pytest.param(["coalesce(note, '')"], 2, id="an expression"),
        pytest.param(["1"], 0, id="nothing lost"),
    ],
)
def test_lost_keys(files: tuple[str, str], keys: list[str], expected: int) -> None:
    before, after = files
    table = Keyed(name="house.v", catalog="house", schema="main", table="v", keys=keys)
    assert lost({"house": before}, {"house": after}, [table]) == {"house.v": expected}
    assert lost({"house": before}, {"house": before}, [table, {**table, "name": "again"}]) == {"house.v": 0, "again": 0}
