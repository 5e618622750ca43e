"""Somebody else writes while a recovery runs, or after it: nothing that they wrote is lost without a word."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from sandbox import breaks
from tests.conftest import ROOT, Ran, Sandbox, finish
from tests.faults.both_ways import kill_at

pytestmark = pytest.mark.rehearsal

RESTORE = ("ops.restore", "--snapshot=nightly", "--yes")
CUT = (*RESTORE, "--in-place")


def written_into(sandbox: Sandbox, step: str, *words: str) -> Ran:
    """Run a task into whose `step` another process commits a table of its own."""
    driver = str(ROOT / "tests" / "faults" / "write_at.py")
    file = sandbox.folder / "data" / "databox.duckdb"
    ran = finish([sys.executable, driver, step, str(file), *words, f"--stack={sandbox.folder}", "--json"])
    assert (sandbox.folder / "write-0").exists(), "the writer was kept out"
    return ran


def has_theirs(file: Path) -> bool:
    with duckdb.connect(str(file), read_only=True) as connection:
        return bool(connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'theirs'").fetchall())


@pytest.mark.parametrize(
    ("step", "fault", "words"),
    [
        pytest.param("quarantine", "flip-bytes", ("ops.rebuild", "--yes"), id="rebuild"),
        pytest.param("cut", "", RESTORE, id="restore"),
        pytest.param("cut", "", CUT, id="restore-in-place"),
        pytest.param("place", "", ("ops.restore", "--yes"), id="restore-file"),
    ],
)
def test_what_was_written_before_a_file_is_replaced_stays(
    saved: Sandbox, step: str, fault: str, words: tuple[str, ...]
) -> None:
    live = saved.folder / "data" / "databox.duckdb"
    if step == "place":
        backup = saved.folder / "databox.duckdb.old"
        backup.write_bytes(live.read_bytes())
        words = (*words, f"--file={backup}")
    if fault:
        breaks.apply(fault, saved.folder, file="databox")
    before = saved.hashes()

    ran = written_into(saved, step, *words)

    assert ran.code == 4, ran.err
    assert "data/databox.duckdb was changed by somebody else" in ran.document["findings"][0]["reason"]
    assert "data/databox.duckdb as somebody else has written it" in ran.err
    assert has_theirs(live)
    now = saved.hashes()
    assert {path for path in {*before, *now} if before.get(path) != now.get(path)} == {"data/databox.duckdb"}
    assert saved.last_operation()["status"] == "put_back"
    if fault:
        again = saved.invoke(*words)
        assert again.code == 0, again.err
        assert saved.differences() == []


def test_a_stopped_restore_is_rolled_back_although_somebody_wrote_to_what_it_had_not_replaced(saved: Sandbox) -> None:
    before = saved.hashes()
    kill_at(saved, "done", "snapshot", *RESTORE)
    live = saved.folder / "data" / "databox.duckdb"
    with duckdb.connect(str(live)) as connection:
        connection.execute("CREATE TABLE main.theirs AS SELECT 42 AS answer")

    operation = saved.last_operation()["operation"]
    undone = saved.invoke("ops.rollback", operation, "--yes", "--discard-later-changes")

    assert undone.code == 0, undone.err
    assert undone.document["evidence"]["theirs"] == ["data/databox.duckdb"]
    assert "data/databox.duckdb is as somebody else has written it since" in undone.err
    assert has_theirs(live)
    assert {path: value for path, value in saved.hashes().items() if before[path] != value}.keys() == {
        "data/databox.duckdb"
    }


def test_what_is_written_after_a_restore_is_not_written_into_its_way_back(saved: Sandbox) -> None:
    before = saved.hashes()
    operation = saved.invoke(*RESTORE).document["operation"]
    for name in ("databox", "raw_noaa"):
        with duckdb.connect(str(saved.folder / "data" / f"{name}.duckdb")) as connection:
            connection.execute("CREATE TABLE main.theirs AS SELECT 42 AS answer")

    refused = saved.invoke("ops.rollback", operation, "--yes")
    undone = saved.invoke("ops.rollback", operation, "--yes", "--discard-later-changes")

    assert refused.code == 3
    assert undone.code == 0, undone.err
    assert saved.hashes() == before
    assert has_theirs(saved.folder / ".ops" / "quarantine" / operation / "data" / "databox.duckdb")


@pytest.mark.parametrize("only", ["marts", "state"])
def test_a_part_that_is_the_snapshots_already_can_be_restored_and_rolled_back(saved: Sandbox, only: str) -> None:
    before = saved.hashes()
    restored = saved.invoke(*RESTORE, f"--only={only}")
    assert restored.code == 0, restored.err
    assert saved.differences() == []
    undone = saved.invoke("ops.rollback", restored.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert saved.hashes() == before
