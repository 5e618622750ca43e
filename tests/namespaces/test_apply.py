"""A saved plan is applied as it is, once, or refused with the fact that changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sandbox import breaks
from tests.conftest import Sandbox


def save(sandbox: Sandbox, file: Path, *words: str) -> dict[str, Any]:
    """Break a window, save the plan that mends it, and return the document."""
    planned = sandbox.invoke(*words, f"--plan-out={file}")
    assert planned.code == 0, planned.err
    assert planned.document["saved"] == str(file)
    return planned.document


def broken(sandbox: Sandbox) -> list[str]:
    """Break two days of eBird; returns the command that mends them."""
    start, end = sandbox.today - timedelta(days=6), sandbox.today - timedelta(days=5)
    breaks.apply("bad-window", sandbox.folder, start=start, end=end, mode="empty")
    return ["ops.backfill", "--source=ebird", f"--start={start}", f"--end={end}"]


def test_what_was_saved_is_applied_once(sandbox: Sandbox, tmp_path: Path) -> None:
    words, file = broken(sandbox), tmp_path / "mend.json"
    before = sandbox.hashes()
    save(sandbox, file, *words)
    assert sandbox.hashes() == before
    assert file.stat().st_mode & 0o777 == 0o600

    looked = sandbox.invoke("ops.apply", str(file), "--plan")
    assert looked.code == 0, looked.err
    assert looked.document["changed"] == []
    assert sandbox.hashes() == before

    applied = sandbox.invoke("ops.apply", str(file))
    assert applied.code == 0, applied.err
    assert applied.document["operation"] == json.loads(file.read_text())["operation"]
    assert sandbox.differences() == []
    again = sandbox.invoke("ops.apply", str(file))
    assert again.code == 3
    assert "was applied already" in again.document["findings"][0]["reason"]
    undone = sandbox.invoke("ops.rollback", applied.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert sandbox.hashes() == before


def rows(folder: Path) -> None:
    with duckdb.connect(str(folder / "data" / "raw_noaa.duckdb")) as connection:
        connection.execute("DELETE FROM main.daily_weather WHERE station = 'GHCND:USW00023183'")


def setting(folder: Path) -> None:
    file = folder / "invoke.yaml"
    file.write_text(file.read_text() + "  gate: {keep: 70}\n")


def model(folder: Path) -> None:
    file = folder / "transforms" / "main" / "models" / "ebird" / "dim_species.sql"
    file.write_text(file.read_text() + "-- a word\n")


def contract(folder: Path) -> None:
    (folder / "contracts" / "ebird" / "dim_species.yml").unlink()


def loader(folder: Path) -> None:
    file = folder / "databox" / "sources" / "ebird.py"
    file.write_text(file.read_text() + "# a word\n")


def secret(folder: Path) -> None:
    (folder / ".dlt").mkdir(exist_ok=True)
    (folder / ".dlt" / "secrets.toml").write_text('key = "much-ado-about"\n')


def pipeline(folder: Path) -> None:
    (folder / "data" / "dlt_pipelines" / "noaa" / "state.json").unlink()


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "rows": (rows, "rows of raw_noaa.main.daily_weather: 174 rows at "),
    "setting": (setting, "ops.gate.keep: 80.0 at "),
    "model": (model, "model file models/ebird/dim_species.sql: "),
    "contract": (contract, "contract ebird/dim_species.yml: "),
    "loader": (loader, "code databox/sources/ebird.py: "),
    "secret": (secret, "settings .dlt/secrets.toml: absent at "),
    "pipeline": (pipeline, "file data/dlt_pipelines/noaa"),
}


def test_a_fact_that_changed_is_named_and_nothing_is_done(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "restate.json"
    day = sandbox.today - timedelta(days=3)
    save(sandbox, file, "ops.restate", "--source=noaa", f"--start={day}")
    for change, _ in CHANGES.values():
        change(sandbox.folder)
    before = sandbox.hashes()
    for words in (("--plan",), ()):
        refused = sandbox.invoke("ops.apply", str(file), *words)
        assert refused.code == 3, refused.err
        reasons = [finding["reason"] for finding in refused.document["findings"]]
        assert "much-ado-about" not in refused.out + refused.err
        for name, (_, told) in CHANGES.items():
            assert any(reason.startswith(told) for reason in reasons), (name, reasons)
        assert refused.document["findings"][0]["way_out"].startswith(f"invoke ops.restate --source=noaa --start={day}")
        assert {one["fact"].split()[0] for one in refused.document["changed"]} == {
            "file", "rows", "ops.gate.keep", "model", "contract", "code", "settings"
        }  # fmt: skip
    assert sandbox.hashes() == before


def test_a_day_later_it_is_another_plan(sandbox: Sandbox, tmp_path: Path) -> None:
    file, settings = tmp_path / "restate.json", sandbox.folder / "invoke.yaml"
    settings.write_text(settings.read_text() + f"  clock: {sandbox.today}\n")
    save(sandbox, file, "ops.restate", "--source=noaa", f"--start={sandbox.today - timedelta(days=3)}")
    later = sandbox.invoke("ops.apply", str(file), env={"INVOKE_OPS_CLOCK": str(sandbox.today + timedelta(days=1))})
    assert later.code == 3, later.err
    assert any(found["reason"].startswith("day: ") for found in later.document["findings"])


def test_what_is_no_plan_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    save(sandbox, file, "ops.restate", "--source=noaa", f"--start={sandbox.today - timedelta(days=3)}")
    edited = json.loads(file.read_text())
    edited["arguments"]["operation"] = "ffffff"
    cases = {
        "nothing.json": (None, "no file"),
        "words.json": ("words", "is no saved plan"),
        "other.json": ('{"schema": "ops/1"}', "is no saved plan of this version ('ops/1')"),
        "edited.json": (json.dumps(edited), "was changed after it was saved"),
    }
    for name, (text, told) in cases.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        refused = sandbox.invoke("ops.apply", str(tmp_path / name))
        assert refused.code == 2, refused.err
        assert told in refused.document["findings"][0]["reason"]


def test_a_file_of_somebody_else_is_not_overwritten(sandbox: Sandbox, tmp_path: Path) -> None:
    theirs = tmp_path / "notes.txt"
    theirs.write_text("mine")
    start = sandbox.today - timedelta(days=3)
    for place in (theirs, tmp_path, tmp_path / "nowhere" / "plan.json"):
        refused = sandbox.invoke("ops.restate", "--source=noaa", f"--start={start}", f"--plan-out={place}")
        assert refused.code == 2, refused.err
    assert theirs.read_text() == "mine"


@pytest.mark.rehearsal
def test_killed_while_it_is_applied_it_is_retried(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "mend.json"
    save(sandbox, file, *broken(sandbox))
    sandbox.killed("started", "restate", "ops.apply", str(file))
    stopped = sandbox.last_operation()
    assert stopped["status"] == "stopped"
    refused = sandbox.invoke("ops.apply", str(file))
    assert refused.code == 3
    retried = sandbox.invoke("ops.retry", stopped["operation"], "--yes")
    assert retried.code == 0, retried.err
    assert sandbox.differences() == []


@pytest.mark.rehearsal
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("flip-bytes", ["ops.rebuild"]),
        ("dropped-view", ["ops.repair-state"]),
        ("mass-delete", ["ops.restore", "--snapshot=good"]),
        ("mass-delete", ["ops.restore", "--snapshot=good", "--in-place"]),
    ],
    ids=["rebuild", "repair", "restore", "in-place"],
)
def test_every_recovery_can_be_saved(sandbox: Sandbox, tmp_path: Path, fault: str, words: list[str]) -> None:
    assert sandbox.invoke("snapshot.create", "--name=good").code == 0
    breaks.apply(fault, sandbox.folder)
    file = tmp_path / "plan.json"
    save(sandbox, file, *words)
    applied = sandbox.invoke("ops.apply", str(file))
    assert applied.code == 0, applied.err
    assert sandbox.differences() == []


@pytest.mark.rehearsal
def test_a_snapshot_that_is_gone_is_a_fact(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.invoke("snapshot.create", "--name=good").code == 0
    file = tmp_path / "plan.json"
    save(sandbox, file, "ops.restore", "--snapshot=good")
    manifest = sandbox.folder / ".ops" / "snapshots" / "good" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    refused = sandbox.invoke("ops.apply", str(file))
    assert refused.code == 3, refused.err
    assert any(found["reason"].startswith("snapshot good: ") for found in refused.document["findings"])


def test_with_motherduck_the_rows_are_facts(remote_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    save(remote_sandbox, file, "ops.restate", "--source=noaa", f"--start={remote_sandbox.today - timedelta(days=3)}")
    basis = json.loads(file.read_text())["basis"]
    assert basis["rows of raw_noaa.main.daily_weather"] == "174 rows"
    assert "token" not in file.read_text().lower()
