"""`ops.report` through the command line: of real operations, while the databases are broken, and of nothing."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ops_tasks.operation import lock
from ops_tasks.report.incident import MARK
from sandbox import breaks
from tests.conftest import Sandbox
from tests.report.journals import SUCCEEDED, WORK, measured, planned, write


@pytest.fixture
def small(tmp_path: Path) -> Sandbox:
    """The smallest stack there can be, with one backfill; there is no database at all."""
    write(tmp_path, [planned(), *WORK, SUCCEEDED], measured())
    return Sandbox(tmp_path)


def reason(document: dict[str, Any]) -> str:
    return str(document["findings"][0]["reason"])


def test_it_is_written_shown_and_told_to_programs(small: Sandbox) -> None:
    page, text = small.folder / "incident.html", small.folder / "incident.md"
    ran = small.invoke("ops.report", "abc123", f"--html={page}", f"--md={text}")
    assert ran.code == 0, ran.err
    assert ran.document["operation"] == "abc123"
    assert ran.document["written"] == [str(page), str(text)]
    assert ran.document["report"]["changes"][0]["after"] == 462
    back = f"invoke ops.rollback abc123 --stack={small.folder}"
    assert ran.document["report"]["ways"] == [{"what": "Undo it", "command": back}]
    for file in (page, text):
        assert MARK in file.read_text(encoding="utf-8")
        assert back in file.read_text(encoding="utf-8")
        assert file.stat().st_mode & 0o777 == 0o644
    shown = small.invoke("ops.report", "latest", json_output=False)
    assert "raw.main.obs: 399 → 462 rows; 2026-04-18 to 2026-04-20 (3 days)" in shown.out
    assert shown.out.count(back) == 1
    assert f"{back} --stack" not in shown.out
    piped = small.invoke("ops.report", "abc123", "--md=-", json_output=False)
    assert piped.out == text.read_text(encoding="utf-8")
    again = small.invoke("ops.report", "abc123", f"--html={page}")
    assert again.code == 0, again.err


def test_what_is_asked_wrongly_is_told_and_nothing_is_written(small: Sandbox) -> None:
    theirs, inside = small.folder / "notes.md", small.folder / "nowhere" / "a.html"
    theirs.write_text("mine", encoding="utf-8")
    cases: list[tuple[list[str], str, str]] = [
        (["abc132"], "unknown operation 'abc132'", "did you mean 'abc123'?"),
        (["abc123", f"--html={small.folder}"], f"{small.folder} cannot be written: it is a folder", "name a file"),
        (["abc123", f"--html={inside}"], f"{inside} cannot be written: there is no folder {inside.parent}", "name"),
        (["abc123", f"--html={small.folder / 'a.html'}", f"--md={theirs}"], f"{theirs} is there and is no report",
         "--force"),
    ]  # fmt: skip
    for words, what, way in cases:
        ran = small.invoke("ops.report", *words)
        assert ran.code == 2, ran.err
        assert reason(ran.document) == what
        assert way in ran.document["findings"][0]["way_out"]
    assert theirs.read_text(encoding="utf-8") == "mine"
    assert not (small.folder / "a.html").exists()
    forced = small.invoke("ops.report", "abc123", f"--md={theirs}", "--force")
    assert forced.code == 0, forced.err
    assert theirs.read_text(encoding="utf-8").startswith(MARK)


def test_without_an_operation_there_is_nothing_to_tell(tmp_path: Path) -> None:
    folder = write(tmp_path, [planned()])
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    ran = Sandbox(tmp_path).invoke("ops.report", "latest")
    assert ran.code == 2
    assert reason(ran.document) == f"there is no operation in {tmp_path / '.ops'} yet"


def test_one_that_is_running_is_told_so(tmp_path: Path) -> None:
    write(tmp_path, [planned(), *WORK[:3]])
    with lock.held(tmp_path / ".ops", "ops.backfill", "abc123"):
        ran = Sandbox(tmp_path).invoke("ops.report", "abc123")
    assert (ran.code, ran.document["report"]["status"]) == (0, "running"), ran.err
    ended = Sandbox(tmp_path).invoke("ops.report", "abc123")
    assert ended.document["report"]["status"] == "stopped"


@pytest.mark.rehearsal
def test_a_real_backfill_while_its_databases_are_broken(sandbox: Sandbox, tmp_path: Path) -> None:
    start, end = sandbox.today - timedelta(days=6), sandbox.today - timedelta(days=5)
    breaks.apply("bad-window", sandbox.folder, start=start, end=end, mode="empty")
    secret = "-".join(("pl4nted", "s3cr3t", "value"))
    done = sandbox.invoke(
        "ops.backfill", "--source=ebird", f"--start={start}", f"--end={end}", "--yes", env={"EBIRD_API_KEY": secret}
    )
    assert done.code == 0, done.err
    for database in (sandbox.folder / "data").glob("*.duckdb"):
        database.write_bytes(os.urandom(4096))
    before = sandbox.hashes()
    page, text = tmp_path / "incident.html", tmp_path / "incident.md"
    words = ("ops.report", "latest", f"--html={page}", f"--md={text}")
    ran = sandbox.invoke(*words, env={"EBIRD_API_KEY": secret})
    assert ran.code == 0, ran.err
    assert sandbox.hashes() == before
    told = ran.document["report"]
    assert told["status"] == "succeeded"
    changed = {one["table"]: one for one in told["changes"]}
    assert changed["raw_ebird.main.observations"]["outside"] == "nothing"
    assert any(line.startswith(f"raw_ebird.main.observations: no rows on {start} to {end}") for line in told["found"])
    charts = {one["table"]: {bar["day"]: bar for bar in one["bars"]} for one in told["charts"]}
    bar = charts["raw_ebird.main.observations"][str(start)]
    assert bar["before"] == 0 < bar["after"]
    assert len(told["same"]) >= 5
    assert {"raw_noaa.main.daily_weather"} <= {name for name, _ in told["same"]}
    assert [one for one in told["checks"] if not one["well"]] == []
    assert secret not in page.read_text() + text.read_text() + ran.out + ran.err


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("fault", "words", "changed"),
    [
        ("mass-delete", ["ops.restore", "--snapshot=good"], "raw_ebird.main.observations"),
        ("mass-delete", ["ops.restore", "--snapshot=good", "--in-place"], None),
        ("truncate", ["ops.rebuild"], "databox.ebird.fct_daily_bird_observations"),
        ("dropped-view", ["ops.repair-state"], None),
        (None, ["full-refresh"], None),
    ],
    ids=["restore", "in-place", "rebuild", "repair", "refresh"],
)
def test_every_kind(sandbox: Sandbox, tmp_path: Path, fault: str | None, words: list[str], changed: str | None) -> None:
    assert sandbox.invoke("snapshot.create", "--name=good").code == 0
    if fault is not None:
        breaks.apply(fault, sandbox.folder)
    done = sandbox.invoke(*words, "--yes")
    assert done.code == 0, done.err
    page = tmp_path / "incident.html"
    told = sandbox.invoke("ops.report", "latest", f"--html={page}").document["report"]
    assert (told["operation"], told["status"], told["task"]) == (done.document["operation"], "succeeded", words[0])
    assert (changed in [one["table"] for one in told["changes"]]) == (changed is not None)
    assert bool(told["changes_left"]) == (words[:2] != ["ops.restore", "--snapshot=good"] or "--in-place" in words)
    assert [one for one in told["checks"] if not one["well"]] == []
    assert "8 of 8" in [count for count, _ in told["figures"]]
    assert f"invoke ops.rollback {told['operation']} --stack={sandbox.folder}" in page.read_text(encoding="utf-8")
