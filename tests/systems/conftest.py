"""A stack in small: real DuckDB files, a dlt-like folder, and a SQLMesh project that nobody opens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest

from ops_tasks.stack import Stack, find

INVOKE_YAML = """
ops:
  databases:
    databox: data/databox.duckdb
    raw: data/raw.duckdb
  sqlmesh:
    project: transforms
    state: data/state.duckdb
  dlt:
    pipelines_dir: data/dlt
  sources:
    ebird:
      catalog: raw
      dataset: main
      pipeline: ebird
      tables:
        obs: {date_column: day}
      load:
        dlt: somewhere:source
"""
WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("SET wal_autocheckpoint = '1TB'")
for statement in sys.argv[2:]:
    connection.execute(statement)
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def small(tmp_path: Path) -> Stack:
    """Three databases of a few blocks each, and dlt's working state."""
    return small_stack(tmp_path / "stack")


def small_stack(root: Path) -> Stack:
    """The same, in a folder that is not there yet."""
    (root / "transforms").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "invoke.yaml").write_text(INVOKE_YAML)
    for name, rows in (("databox", 20_000), ("raw", 5_000), ("state", 5)):
        with duckdb.connect(root / "data" / f"{name}.duckdb") as connection:
            connection.execute(f"CREATE TABLE t AS SELECT range AS n, hash(range) AS h FROM range({rows})")
    folder = root / "data" / "dlt" / "ebird"
    (folder / "schemas").mkdir(parents=True)
    (folder / "normalize").mkdir()
    (folder / "state.json").write_text('{"cursor": 1}')
    (folder / "schemas" / "ebird.json").write_text("{}")
    return find(root)


Writing = Callable[..., AbstractContextManager[subprocess.Popen[str]]]


@pytest.fixture
def writing() -> Writing:
    """`with writing(path, *statements) as process`: another process that has a database open, its WAL not flushed."""

    @contextmanager
    def writer(path: Path, *statements: str) -> Generator[subprocess.Popen[str]]:
        command = [sys.executable, "-c", WRITER, str(path), *statements]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
            process.kill()

    return writer
