"""Others write into dlt's working state and the raw files while the cut is asked for: all of it stays, and is named."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from sandbox import breaks
from tests.conftest import Sandbox
from tests.faults.both_ways import kill_when
from tests.pit.test_incidents import kept
from tests.pit.test_questions import answered

PENDING = "data/dlt_pipelines/ebird/load/new/pending.jsonl"


def load(folder: Path) -> None:
    """What somebody's load leaves: a table in the raw file, a package in dlt's folder."""
    with duckdb.connect(str(folder / "data" / "raw_ebird.duckdb")) as connection:
        connection.execute("CREATE TABLE main.theirs AS SELECT 1 AS x")
    (folder / PENDING).parent.mkdir(parents=True, exist_ok=True)
    (folder / PENDING).write_text("{}\n")


@pytest.mark.rehearsal
@pytest.mark.parametrize(("answer", "code"), [("n\n", 3), ("y\n", 4)], ids=["no", "yes"])
def test_what_is_loaded_while_the_cut_is_asked_for_stays(sandbox: Sandbox, answer: str, code: int) -> None:
    kept(sandbox)
    breaks.apply("mass-delete", sandbox.folder)
    before = sandbox.hashes()
    ended, seen = answered(sandbox, "y\n", answer, meanwhile=lambda: load(sandbox.folder))
    assert ended == code, seen
    after = sandbox.hashes()
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert changed == {"data/raw_ebird.duckdb", PENDING}
    assert all(path in " ".join(seen.split()) for path in changed), seen
    assert "byte-identical" not in seen
    with duckdb.connect(str(sandbox.folder / "data" / "raw_ebird.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM main.theirs").fetchone() == (1,)


@pytest.mark.rehearsal
def test_a_retry_asks_before_the_cut_too(sandbox: Sandbox) -> None:
    kept(sandbox)
    breaks.apply("mass-delete", sandbox.folder)
    before = sandbox.hashes()
    words = ("ops.restore", "--snapshot=nightly", "--yes")
    kill_when(sandbox, words, lambda: any(sandbox.folder.glob(".ops/operations/*/difference.json")))
    operation = str(sandbox.last_operation()["operation"])
    ended, seen = answered(sandbox, "y\n", "n\n", words=("ops.retry", operation))
    assert ended == 3, seen
    assert "raw_ebird.main.observations" in seen
    assert sandbox.hashes() == before
