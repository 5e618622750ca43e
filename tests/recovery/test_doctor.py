"""What the doctor sees beside broken files, and what it does while the stack is in use."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import StepFailed
from ops_tasks.operation.journal import Journal, operations
from ops_tasks.scenarios import motherduck_probe, probes
from ops_tasks.scenarios.doctor import examine
from ops_tasks.stack import BACKEND, Stack, find
from ops_tasks.systems.crew import Crew
from ops_tasks.systems.steady_worker import UNREACHED
from tests.conftest import Sandbox


def quiet(_text: str) -> None:
    """Nobody listens."""


def loads(stack: Stack) -> probes.Line:
    with Crew(stack.root) as hands:
        return probes.loads(stack, hands, quiet)


@pytest.mark.usefixtures("leaves_nothing")
def test_every_probe_of_a_healthy_stack_has_its_line_and_nothing_is_touched(sandbox: Sandbox) -> None:
    before = sandbox.hashes()
    told = sandbox.invoke("ops.doctor", "--deep")
    document = told.document
    assert told.code == 0
    assert document["verdict"] == {"incident": None, "words": "healthy", "cause": None}
    assert [line["probe"] for line in document["probes"]] == [
        "configuration",
        "operations",
        "data/databox.duckdb",
        "data/raw_ebird.duckdb",
        "data/raw_noaa.duckdb",
        "data/raw_usgs.duckdb",
        "data/sqlmesh_state.duckdb",
        "disk",
        "versions",
        "sqlmesh",
        "contracts",
        "loads",
        "days",
        "losses",
        "orphans",
        "scheduler",
        "deep",
        "snapshots",
    ]
    assert sandbox.hashes() == before
    assert not list((sandbox.folder / "data").rglob("*.wal"))
    assert "8 of 8 contracts passed" in told.err
    assert "24 audits ran" in told.err
    assert "there is none" in told.err


def test_what_was_said_of_files_that_change_meanwhile_is_withdrawn(sandbox: Sandbox) -> None:
    marts = sandbox.folder / "data" / "databox.duckdb"
    over = threading.Event()

    def touch() -> None:
        while not over.wait(0.05):
            os.utime(marts)

    writer = threading.Thread(target=touch)
    writer.start()
    try:
        told = sandbox.invoke("ops.doctor")
    finally:
        over.set()
        writer.join()
    assert told.code == 1
    assert told.document["verdict"]["cause"] == "lock"
    said = {line["probe"]: line["said"] for line in told.document["probes"]}
    assert said["sqlmesh"] == said["contracts"] == said["days"] == "not judged"


def test_a_stopped_operation_comes_first(stack: Path) -> None:
    found = find(stack)
    journal = Journal(operations(found.home) / "abc123")
    journal.append("planned", task="ops.backfill", title="backfill of ebird", arguments={})
    journal.append("started", "restate", title="Restate")
    symptom = probes.operations(found).symptoms[0]
    assert symptom.cause == "stopped"
    assert symptom.evidence == "backfill of ebird stopped at step 'restate'"
    assert symptom.way_out == "invoke ops.retry abc123, or invoke ops.rollback abc123"
    journal.append("rollback_started")
    assert probes.operations(found).symptoms[0].way_out == "invoke ops.rollback abc123"
    journal.append("rolled_back")
    assert probes.operations(found).symptoms == ()


def test_a_day_without_rows_is_a_window_to_load_again(stack: Path) -> None:
    found = find(stack)
    day = found.today() - timedelta(days=4)
    with duckdb.connect(str(found.databases["raw_noaa"])) as raw:
        raw.execute('DELETE FROM daily_weather WHERE CAST("date" AS DATE) = ?', [day])
    with Crew(found.root) as hands:
        told = probes.days(found, hands, quiet).symptoms
    assert [(one.cause, one.subject) for one in told] == [("window", "noaa")]
    assert told[0].way_out == f"invoke ops.backfill --source=noaa --start={day} --end={day}"


def test_loads_that_failed_wait_or_are_remembered_by_dlt_alone(stack: Path) -> None:
    found = find(stack)
    assert loads(found).symptoms == ()
    folder = found.pipeline_dir("usgs")
    assert folder is not None
    waiting = folder / "load" / "normalized" / "1700000000.1" / "new_jobs"
    waiting.mkdir(parents=True)
    (waiting / "daily_values.1.insert_values").write_text("", encoding="utf-8")
    with duckdb.connect(str(found.databases["raw_ebird"])) as raw:
        raw.execute("INSERT INTO _dlt_loads BY NAME SELECT 'half' AS load_id, 1 AS status, now() AS inserted_at")
    with duckdb.connect(str(found.databases["raw_noaa"])) as raw:
        raw.execute("DELETE FROM _dlt_loads")

    told = {symptom.subject: symptom for symptom in loads(found).symptoms}

    assert "1 load did not end well (half)" in told["ebird"].evidence
    assert "was never loaded to the end" in told["usgs"].evidence
    assert "it has none" in told["noaa"].evidence
    assert all(symptom.way_out.startswith("invoke ops.rebuild --reload=") for symptom in told.values())


def test_a_client_that_sqlmesh_cannot_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"duckdb": "2.0.0", "sqlmesh": "0.236.4"}
    monkeypatch.setattr(probes, "version", versions.__getitem__)
    assert [symptom.cause for symptom in probes.versions().symptoms] == ["version"]
    versions["duckdb"] = "1.5.6"
    assert probes.versions().symptoms == ()


def test_the_disk_is_measured_against_what_a_recovery_needs(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find(stack)
    assert probes.disk(found).symptoms == ()
    usage: Any = probes.shutil.disk_usage(stack)

    def small(_path: Path) -> Any:
        return usage._replace(free=1_000_000)

    monkeypatch.setattr(probes.shutil, "disk_usage", small)
    evidence = probes.disk(found).symptoms[0].evidence
    assert "a snapshot needs" in evidence
    assert "a rebuild needs" in evidence
    assert "a checkpoint needs" in evidence


def test_the_forecast_goes_by_the_growth_of_the_snapshots(stack: Path) -> None:
    found = find(stack)
    for number, size in enumerate((10_000_000, 20_000_000)):
        folder = found.home / "snapshots" / f"day_{number}"
        folder.mkdir(parents=True)
        manifest = {
            "created_at": f"2026-04-0{1 + 5 * number}T00:00:00+00:00",
            "why": "",
            "files": [{"size": size}],
        }
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    notes = probes.disk(found).notes
    assert len(notes) == 1
    assert notes[0].startswith("the set grows by 2.0 MB a day")


def test_a_stack_without_dates_contracts_or_sources_says_so(stack: Path) -> None:
    found = find(stack)
    bare = replace(found, config=found.config.model_copy(update={"contracts": None, "sources": {}}))
    with Crew(bare.root) as hands:
        assert probes.promises(bare, hands, quiet).said == "none is configured"
        assert probes.loads(bare, hands, quiet).said == "no source is configured"
        assert probes.days(bare, hands, quiet).said == "no source has a dated table"


def test_where_motherduck_does_not_answer_that_is_the_one_finding(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKEND, "motherduck")
    found = find(stack)

    def unreached(*_arguments: Any) -> Any:
        raise StepFailed("MotherDuck cannot be reached", UNREACHED)

    monkeypatch.setattr(motherduck_probe, "account", unreached)
    lines = {line.probe: line for line in examine(found, quiet, lambda _line: None)}
    assert [one.evidence for line in lines.values() for one in line.symptoms] == ["MotherDuck cannot be reached"]
    assert "network" in UNREACHED
    assert lines["sqlmesh"].said == lines["losses"].said == "not run: MotherDuck does not answer"
    assert lines["scheduler"].said == "no daemon has ever run here"


def test_a_timeout_that_is_none_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.invoke("ops.doctor", "--timeout=0").code == 2
