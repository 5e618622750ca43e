"""What a catalog holds is told by every column, also where one has the name of a row's alias."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ops_tasks.systems.content_worker import content


@pytest.mark.parametrize("name", ["t", "T", "tides", "row", "the whole row"])
def test_a_change_of_any_column_is_seen(tmp_path: Path, name: str) -> None:
    file = tmp_path / "raw.duckdb"

    def held() -> object:
        return content({"raw": str(file)})["raw"]

    with duckdb.connect(str(file)) as raw:
        raw.execute(f'CREATE TABLE tides (site INT, "{name}" TIMESTAMP, level DOUBLE)')
        raw.execute("INSERT INTO tides SELECT i, TIMESTAMP '2026-04-18' + INTERVAL (i) HOUR, i FROM range(48) r(i)")
    before = held()
    with duckdb.connect(str(file)) as raw:
        raw.execute("UPDATE tides SET level = -999 WHERE site = 7")
    assert held() != before
    with duckdb.connect(str(file)) as raw:
        raw.execute("UPDATE tides SET level = 7 WHERE site = 7")
    assert held() == before
