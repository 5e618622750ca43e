"""What a SQLMesh configuration says of its gateways, and what of it is nobody's to see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.discovery.projects import Project, read
from ops_tasks.discovery.tree import grow
from ops_tasks.errors import UsageError
from ops_tasks.systems.worker import Worker

CONFIG = """\
gateways:
  local:
    connection:
      {connection}
    state_connection: {{type: duckdb, database: data/state.duckdb}}
default_gateway: local
model_defaults: {{dialect: duckdb}}
"""
DSN = "dbname=prod host=db user=me password=hunter2supersecret"
AT_MD = "md:wh?motherduck_token=hunter2supersecret"


def project(folder: Path, connection: str) -> Path:
    whole = connection if "type: motherduck" in connection else f"type: duckdb\n      {connection}"
    (folder / "config.yaml").write_text(CONFIG.format(connection=whole))
    return folder


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One process for every question."""
    with Worker("discovery_sqlmesh", cwd=tmp_path_factory.mktemp("anywhere"), limit=60) as made:
        yield made


@pytest.mark.parametrize(
    ("connection", "catalogs", "others"),
    [
        ("catalogs: {wh: data/wh.duckdb, two: 'C:\\two.db'}", {"wh": "data/wh.duckdb", "two": "C:\\two.db"}, {}),
        ("catalogs: {wh: {type: duckdb, path: data/wh.duckdb}}", {"wh": "data/wh.duckdb"}, {}),
        (
            f"catalogs: {{wh: wh.db, pg: {{type: postgres, path: '{DSN}'}}}}",
            {"wh": "wh.db"},
            {"pg": "postgres"},
        ),
        (f"catalogs: {{wh: wh.db, pg: 'postgres:{DSN}'}}", {"wh": "wh.db"}, {"pg": "postgres"}),
        (f"catalogs: {{wh: '{AT_MD}'}}", {"wh": "md:wh"}, {}),
        ("catalogs: {wh: 'motherduck:wh'}", {"wh": "md:wh"}, {}),
        (f"type: motherduck\n      database: '{AT_MD[3:]}'", {"wh": "md:wh"}, {}),
        ("database: data/shop.db", {"shop": "data/shop.db"}, {}),
    ],
)
def test_catalogs_are_told_without_their_secrets(
    connection: str, catalogs: dict[str, str], others: dict[str, str], worker: Worker, tmp_path: Path
) -> None:
    told = worker.call("gateways", print, project=str(project(tmp_path, connection)))
    local: Any = told["gateways"]["local"]
    assert (local["catalogs"], local["others"]) == (catalogs, others)
    assert local["tokens"] == (["wh"] if "token" in connection else [])
    assert local["state"] == "data/state.duckdb"
    assert "hunter2" not in str(told)


def test_a_catalog_of_another_system_is_told_by_its_name_alone(tmp_path: Path) -> None:
    found = read(grow(project(tmp_path, f"catalogs: {{wh: wh.db, pg: {{type: postgres, path: '{DSN}'}}}}")), print)
    assert isinstance(found, Project)
    assert found.notes == ("catalog pg is of postgres: not covered, only DuckDB files and MotherDuck are",)
    assert "hunter2" not in repr(found)
    assert [fact.name for fact in found.facts if fact.key[0] == "databases"] == ["ops.databases.wh"]


def test_a_token_in_a_path_has_to_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("motherduck_token", "MOTHERDUCK_AT_MD"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="has its token in it") as refused:
        read(grow(project(tmp_path, f"catalogs: {{wh: '{AT_MD}'}}")), print)
    assert "motherduck_token" in refused.value.way_out
    assert "hunter2" not in str(refused.value)
