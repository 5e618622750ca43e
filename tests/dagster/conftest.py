"""A small stack: two marts, their contracts, and a Dagster instance of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from ops_tasks.dagster import soda_process

CONFIG = """ops:
  databases: {shop: shop.duckdb}
  sqlmesh: {project: project}
  contracts: {path: contracts, data_source: shop}
  dagster: {module: shop_definitions, home: home}
"""
GOOD = """dataset: shop/main/orders
columns:
  - {name: id, data_type: integer, checks: [{missing: }, {duplicate: }]}
checks:
  - schema:
  - row_count: {threshold: {must_be_greater_than: 3}}
"""


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for all tests of a process: Soda is imported once."""
    yield tmp_path_factory.mktemp("dagster") / "shop"
    soda_process.end()


@pytest.fixture
def shop(place: Path) -> Path:
    """The stack's folder; `main.orders` has ten rows and a contract that it keeps."""
    folder = place
    folder.mkdir(exist_ok=True)
    for one in folder.iterdir():
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()
    for name in ("project", "contracts/main", "home"):
        (folder / name).mkdir(parents=True)
    (folder / "invoke.yaml").write_text(CONFIG)
    (folder / "contracts/main/orders.yml").write_text(GOOD)
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT range::INTEGER AS id FROM range(10)")
    return folder


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance with real storage on disk, as a daemon has it."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster_home"))) as made:
        yield made


@pytest.fixture
def instance(storage: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same with nothing in it."""
    storage.wipe()
    return storage
