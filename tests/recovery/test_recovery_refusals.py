"""What recoveries refuse: with which code, for which reason, which way out; and that nothing is changed by it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from ops_tasks.stack import find
from ops_tasks.systems import snapshots
from sandbox import breaks
from tests.conftest import Sandbox
from tests.faults.test_busy import holding

YES = ("--yes",)
NIGHTLY = ("ops.restore", "--snapshot=nightly", *YES)


def everything(folder: Path) -> dict[str, str]:
    """Every file of a stack but the lock, what operations have written down included."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / ".ops" / "lock"
    }


def now() -> str:
    """This instant, as a person writes it."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def refused(sandbox: Sandbox, code: int, reason: str, way_out: str, *words: str) -> None:
    """A command ends with `code`, one line that has `reason` and another that has `way_out`; every file stays."""
    before = everything(sandbox.folder)
    ran = sandbox.invoke(*words)
    assert ran.code == code, (words, ran.err)
    finding = ran.document["findings"][0]
    assert reason in finding["reason"], (words, finding)
    assert way_out in finding["way_out"], (words, finding)
    assert "\n" not in finding["reason"]
    assert "Traceback" not in ran.err
    assert everything(sandbox.folder) == before, words


@pytest.mark.rehearsal
def test_what_cannot_be_meant(saved: Sandbox) -> None:
    live = saved.folder / "data" / "databox.duckdb"
    for code, reason, way_out, words in (
        (3, "no database is broken", "ops.doctor", "ops.rebuild --yes"),
        (2, "unknown source 'ebirt'", "did you mean 'ebird'?", "ops.rebuild --reload=ebirt --yes"),
        (3, "no terminal to ask on", "invoke ops.rebuild", "ops.rebuild --reload=ebird"),
        (2, "say what to restore", "--snapshot=NAME", "ops.restore --yes"),
        (2, "say what to restore", "one of", "ops.restore --snapshot=nightly --at=2026-01-01 --yes"),
        (2, "say what to restore", "one of", f"ops.restore --file={live} --at=2026-01-01 --yes"),
        (2, "--catalog goes with --file", "", "ops.restore --snapshot=nightly --catalog=databox --yes"),
        (2, "--only goes with --snapshot", "", f"ops.restore --file={live} --only=marts --yes"),
        (2, "--only=mart", "did you mean 'marts'?", "ops.restore --snapshot=nightly --only=mart --yes"),
        (2, "unknown snapshot 'nightli'", "did you mean 'nightly'?", "ops.restore --snapshot=nightli --yes"),
        (2, "unknown snapshot '../nightly'", "", "ops.restore --snapshot=../nightly --yes"),
        (2, "'yesterday' is not a time", "YYYY-MM-DD", "ops.restore --at=yesterday --yes"),
        (2, "nothing is left of 2000-01-01", "(nightly)", "ops.restore --at=2000-01-01 --yes"),
        (2, "is the live database itself", "backup", f"ops.restore --file={live} --yes"),
    ):
        refused(saved, code, reason, way_out, *words.split())


@pytest.mark.rehearsal
def test_files_that_are_no_backup(saved: Sandbox, tmp_path: Path) -> None:
    live = saved.folder / "data" / "databox.duckdb"
    text, rotten, cut, empty, alien = (
        tmp_path / f"{name}.duckdb" for name in ("text", "databox.rotten", "databox.cut", "databox.empty", "alien")
    )
    text.write_text("no database at all\n" * 1000)
    empty.write_bytes(b"")
    cut.write_bytes(live.read_bytes()[:-300_000])
    shutil.copy(live, alien)
    breaks.apply("flip-bytes", saved.folder, file="databox")
    shutil.copy(live, rotten)
    for code, reason, way_out, words in (
        (3, "it does not exist", "another backup", f"--file={tmp_path}/databox.duckdb.gone"),
        (3, "no whole DuckDB file", "another backup", f"--file={text} --catalog=databox"),
        (3, "no whole DuckDB file", "another backup", f"--file={empty} --catalog=databox"),
        (3, "databox.cut.duckdb is", "another backup", f"--file={cut} --catalog=databox"),
        (3, "is damaged", "another backup", f"--file={rotten} --catalog=databox"),
        (2, "which database is alien.duckdb a backup of?", "--catalog=", f"--file={alien}"),
        (2, "unknown catalog 'databxo'", "did you mean 'databox'?", f"--file={alien} --catalog=databxo"),
        (3, "no whole DuckDB file", "another backup", f"--file={tmp_path} --catalog=databox"),
    ):
        refused(saved, code, reason, way_out, "ops.restore", *words.split(), "--yes")


def test_snapshots_that_are_nothing_to_recover_from(saved: Sandbox) -> None:
    stack = find(str(saved.folder))
    snapshots.create(stack, "as_found", why="it was broken", links=())
    refused(saved, 2, "as_found was taken of a damaged set", "ops.rollback", "ops.restore", "--snapshot=as_found", *YES)
    copy = saved.folder / ".ops" / "snapshots" / "nightly" / "files" / "data" / "raw_noaa.duckdb"
    content = bytearray(copy.read_bytes())
    content[-1000] ^= 1
    copy.write_bytes(content)
    refused(saved, 3, "nightly is damaged: data/raw_noaa.duckdb", "snapshot.list", *NIGHTLY)
    assert saved.invoke("snapshot.verify", "--name=nightly").code == 1
    refused(saved, 2, "nothing is left", "no verified snapshot at all", "ops.restore", f"--at={now()}", *YES)
    shutil.rmtree(saved.folder / ".ops" / "snapshots")
    refused(saved, 2, "nothing is left", "no verified snapshot at all", "ops.restore", f"--at={now()}", *YES)
    refused(saved, 2, "ahead of us", "--tz", "ops.restore", "--at=2099-01-01", *YES)


def test_a_database_that_somebody_has_open(saved: Sandbox) -> None:
    with holding(saved.folder / "data" / "databox.duckdb", "rw") as pid:
        for words in (("ops.rebuild", *YES), ("ops.repair-state", *YES), NIGHTLY):
            refused(saved, 6, f"PID {pid}", "", *words)


@pytest.mark.rehearsal
def test_a_plan_changes_nothing(saved: Sandbox, tmp_path: Path) -> None:
    backup = tmp_path / "databox.duckdb"
    shutil.copy(saved.folder / "data" / "databox.duckdb", backup)
    breaks.apply("dropped-table", saved.folder)
    before = everything(saved.folder)
    refused(saved, 3, "speaks of 1 tables that are not there", "marts", *NIGHTLY, "--only=state")
    assert saved.invoke("ops.repair-state", "--plan").code == 0
    breaks.apply("flip-bytes", saved.folder, file="databox")
    refused(saved, 3, "data/databox.duckdb is broken", "ops.rebuild", "ops.repair-state", *YES)
    broken = everything(saved.folder)
    for words in (
        ("ops.rebuild", "--plan"),
        ("ops.restore", "--snapshot=nightly", "--plan"),
        ("ops.restore", f"--file={backup}", "--plan"),
    ):
        ran = saved.invoke(*words)
        assert ran.code == 0, (words, ran.err)
        assert ran.document["steps"][0]["status"] == "pending"
    now = everything(saved.folder)
    assert now == broken
    assert {path for path in before if before[path] != now[path]} == {"data/databox.duckdb"}
