"""Which instant SQLMesh's state goes back to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ops_tasks.scenarios.apart import notes, rewinding
from ops_tasks.scenarios.moments import Past
from ops_tasks.stack import find

SETTINGS = """
ops:
  databases: {house: house.duckdb, raw: raw.duckdb}
  sqlmesh: {project: project}
  sources: {sales: {catalog: raw, dataset: main, tables: {sales: {date_column: day}}}}
"""


def test_the_state_goes_back_by_more_than_clocks_are_apart(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "config.yaml").write_text("")
    (tmp_path / "invoke.yaml").write_text(SETTINGS)
    stack = find(str(tmp_path))
    at = datetime(2026, 4, 20, 12, tzinfo=UTC).isoformat()
    points = {name: {"created_at": at, "superseded_at": None} for name in ("house", "raw")}
    past = Past(label="x", created_at=at, snapshot=None, points=points, expires_at=None)
    assert rewinding(stack, past) == {"until": at, "margin": 300}
    assert "again what was computed less than 5 minutes before it" in notes(stack, past)[0]
