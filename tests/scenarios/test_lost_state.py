"""A state that is gone from a whole file is named, with the snapshot that still has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ops_tasks.errors import Refused
from ops_tasks.scenarios import rebuild, repair
from ops_tasks.scenarios.lost_state import lost_state, refuse_without
from ops_tasks.scenarios.recovery_facts import Options
from ops_tasks.stack import Stack
from ops_tasks.systems.crew import Crew
from tests.conftest import Sandbox, bare_stack


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Crew]:
    with Crew(tmp_path) as crew:
        yield crew


def made(folder: Path, state: str = "") -> Stack:
    """A stack with a marts file; a state of its own where a name is given."""
    own = f", state: {state}" if state else ""
    settings = f"ops:\n  databases: {{house: house.duckdb}}\n  sqlmesh: {{project: project{own}}}\n"
    stack = bare_stack(folder, settings)
    for name in filter(None, ("house.duckdb", state)):
        duckdb.connect(str(folder / name)).close()
    return stack


def taken(stack: Stack, name: str, days: int, **manifest: Any) -> None:
    folder = stack.home / "snapshots" / name
    folder.mkdir(parents=True)
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    told: dict[str, Any] = {"created_at": at, "why": "", "files": [], "rows": {}, **manifest}
    (folder / "manifest.json").write_text(json.dumps(told))
    (folder / "verified.json").write_text(json.dumps({"at": at}))


def test_a_state_that_is_there_is_no_symptom(tmp_path: Path, hands: Crew) -> None:
    stack = made(tmp_path)
    with duckdb.connect(str(tmp_path / "house.duckdb")) as house:
        house.execute("CREATE SCHEMA sqlmesh; CREATE TABLE sqlmesh._environments (name VARCHAR)")
    assert lost_state(stack, hands) is None
    refuse_without(stack, hands)


@pytest.mark.parametrize(
    ("state", "manifest", "way_out"),
    [
        ("", {"rows": {"house.sqlmesh._environments": 1}}, "invoke ops.restore --snapshot=good --plan"),
        ("s.duckdb", {"sqlmesh": {"plan_id": "x"}}, "invoke ops.restore --snapshot=good --plan --only=state"),
        ("s.duckdb", {"sqlmesh": {}}, "no snapshot has it: invoke full-refresh --allow-history-loss"),
    ],
)
def test_a_lost_one_comes_from_the_newest_snapshot_that_has_one(
    tmp_path: Path, hands: Crew, state: str, manifest: dict[str, Any], way_out: str
) -> None:
    stack = made(tmp_path, state)
    taken(stack, "good", 2, **manifest)
    taken(stack, "watch_20260101_010101", 1)
    found = lost_state(stack, hands)
    assert found is not None
    assert found.way_out.startswith(way_out)
    assert found.told() == f"{state or 'house.duckdb'} is whole and has no SQLMesh state in it"
    with pytest.raises(Refused) as refused:
        rebuild.diagnose(stack, (), hands, Options())
    assert refused.value.way_out == found.way_out
    with pytest.raises(Refused, match="has no SQLMesh state in it"):
        repair.symptoms(stack, hands)


def test_of_a_file_that_is_gone_others_speak(tmp_path: Path, hands: Crew) -> None:
    stack = made(tmp_path, "s.duckdb")
    (tmp_path / "s.duckdb").unlink()
    assert lost_state(stack, hands) is None


@pytest.mark.rehearsal
def test_whoever_needs_the_state_says_that_there_is_none(sandbox: Sandbox) -> None:
    with duckdb.connect(str(sandbox.folder / "data" / "sqlmesh_state.duckdb")) as state:
        state.execute("DROP SCHEMA sqlmesh CASCADE")
    before, said = sandbox.hashes(), "there is no SQLMesh state"
    window = ("--source=ebird", f"--start={sandbox.today - timedelta(days=3)}", "--plan")
    for words, code in (
        (("verify.drift",), 1),
        (("ops.backfill", *window), 3),
        (("plan.prod",), 3),
        (("full-refresh", "--yes"), 3),
    ):
        ran = sandbox.invoke(*words)
        assert ran.code == code, ran.err
        assert said in ran.document["findings"][0]["reason"]
        assert "ops.doctor" in ran.document["findings"][0]["way_out"]
    assert sandbox.hashes() == before


@pytest.mark.rehearsal
def test_a_snapshot_comes_back_over_a_state_file_that_is_gone(sandbox: Sandbox) -> None:
    assert sandbox.invoke("snapshot.create", "--name=good").code == 0
    (sandbox.folder / "data" / "sqlmesh_state.duckdb").unlink()
    refused = sandbox.invoke("full-refresh", "--yes")
    assert refused.code == 3, refused.err
    assert "--allow-history-loss" in refused.document["findings"][0]["way_out"]
    assert sandbox.invoke("full-refresh", "--allow-history-loss", "--plan").code == 0
    backfill = sandbox.invoke(
        "ops.backfill", "--source=ebird", f"--start={sandbox.today - timedelta(days=3)}", "--plan"
    )
    assert "ops.doctor" in backfill.document["findings"][0]["way_out"], backfill.err
    restored = sandbox.invoke("ops.restore", "--snapshot=good", "--yes")
    assert restored.code == 0, restored.err
    assert sandbox.differences() == []


@pytest.mark.rehearsal
def test_a_raw_table_that_is_gone_ends_no_diagnosis(sandbox: Sandbox) -> None:
    with duckdb.connect(str(sandbox.folder / "data" / "raw_noaa.duckdb")) as raw:
        raw.execute("DROP TABLE main.daily_weather")
    sick = sandbox.invoke("ops.doctor")
    assert sick.code == 1, sick.err
    assert "internal error" not in sick.err
    assert "daily_weather" in sick.out
    audited = sandbox.invoke("verify.audit")
    assert audited.code == 1, audited.err
