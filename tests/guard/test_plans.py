"""The guard inside SQLMesh: a plain plan, the Python API and dagster-sqlmesh are refused, and nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import stacks
from sandbox.api.server import serve
from tests.conftest import Sandbox

MODEL = "ebird.fct_daily_bird_observations"
GUARD = "\nfrom ops_tasks import guard\n\nguard.install(config{})\n"
DAGSTER = """
import os
import dagster as dg
from dagster_sqlmesh import SQLMeshContextConfig, SQLMeshResource

config = SQLMeshContextConfig(path=os.getcwd(), gateway="local")

@dg.asset
def restated(context: dg.AssetExecutionContext, sqlmesh: SQLMeshResource):
    day = {start!r}
    list(sqlmesh.run(context, config=config, environment="prod", restate_models=[{model!r}], start=day, end=day))

done = dg.materialize([restated], resources={{"sqlmesh": SQLMeshResource()}}, raise_on_error=False)
failed = [event for event in done.all_events if event.is_step_failure]
error = failed[0].step_failure_data.error if failed else None
while error is not None:
    print("CAUSE", error.message)
    error = error.cause
print("success", done.success)
"""
API = """
import sys
from sqlmesh import Context
context = Context(paths=["."], gateway="local")
try:
    context.plan("prod", restate_models=[{model!r}], start={start!r}, end={start!r}, auto_apply=True, no_prompts=True)
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(7)
"""


def guarded(loaded: Path, folder: Path, words: str = "") -> Sandbox:
    """A copy of the loaded stack whose SQLMesh configuration ends with the guard."""
    copy = stacks.copy(loaded, folder)
    config = copy / "transforms" / "main" / "config.py"
    config.write_text(config.read_text() + GUARD.format(words))
    return Sandbox(copy)


@pytest.fixture(scope="module")
def stack_of_all(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Nobody changes this one: every restatement of it is refused."""
    return guarded(loaded, tmp_path_factory.mktemp("guarded") / "stack")


def run(sandbox: Sandbox, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    project = sandbox.folder / "transforms" / "main"
    whole = os.environ | {"DATABOX_ROOT": str(sandbox.folder), "COLUMNS": "300"} | env
    return subprocess.run(command, cwd=project, env=whole, capture_output=True, text=True, timeout=120, check=False)


def day(sandbox: Sandbox) -> str:
    return str(sandbox.today.replace(day=1))


def plan(sandbox: Sandbox, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    start = str(day(sandbox))
    dates = ("--start", start, "--end", start) if "--restate-model" in words else ()
    return run(sandbox, "sqlmesh", "plan", *words, *dates, "--auto-apply", "--no-prompts", **env)


def test_the_command_line_is_refused(stack_of_all: Sandbox) -> None:
    before = stack_of_all.hashes()
    ran = plan(stack_of_all, "prod", "--restate-model", MODEL)
    told = " ".join((ran.stdout + ran.stderr).split())
    assert ran.returncode == 1
    assert f"databox.{MODEL} in prod is refused: there is no snapshot" in told
    assert "→ invoke snapshot.create --name=pre_restate_" in told
    assert stack_of_all.hashes() == before


def test_the_variable_that_replaces_the_scheduler_does_not_help(stack_of_all: Sandbox) -> None:
    ran = plan(stack_of_all, "prod", "--restate-model", MODEL, SQLMESH__DEFAULT_SCHEDULER__TYPE="builtin")
    assert ran.returncode == 1
    assert "is refused" in ran.stdout + ran.stderr


def test_the_python_api_is_refused(stack_of_all: Sandbox) -> None:
    before = stack_of_all.hashes()
    ran = run(stack_of_all, sys.executable, "-c", API.format(model=MODEL, start=day(stack_of_all)))
    assert ran.returncode == 7
    assert "PlanError restating" in ran.stdout
    assert stack_of_all.hashes() == before


def test_dagster_sqlmesh_is_refused(stack_of_all: Sandbox) -> None:
    before = stack_of_all.hashes()
    ran = run(stack_of_all, sys.executable, "-c", DAGSTER.format(model=MODEL, start=day(stack_of_all)))
    assert "success False" in ran.stdout, ran.stderr
    assert "is refused: there is no snapshot" in ran.stdout + ran.stderr
    assert stack_of_all.hashes() == before


def test_what_is_no_restatement_goes_through(stack_of_all: Sandbox) -> None:
    for words in (("prod",), ("prod", "--restate-model", MODEL, "--explain")):
        ran = plan(stack_of_all, *words)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_snapshot_opens_the_way_once(loaded: Path, tmp_path: Path) -> None:
    sandbox = guarded(loaded, tmp_path / "stack")
    assert sandbox.invoke("snapshot.create", "--name=before").code == 0
    first = plan(sandbox, "prod", "--restate-model", MODEL)
    assert first.returncode == 0, first.stdout + first.stderr
    second = plan(sandbox, "prod", "--restate-model", MODEL)
    assert second.returncode == 1
    assert "changed after the newest verified snapshot, before" in " ".join((second.stdout + second.stderr).split())


@pytest.mark.rehearsal
def test_it_takes_the_snapshot_itself_when_told_to(loaded: Path, tmp_path: Path) -> None:
    sandbox = guarded(loaded, tmp_path / "stack", ", mode='snapshot'")
    before = sandbox.hashes()
    ran = plan(sandbox, "prod", "--restate-model", MODEL)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (taken,) = sandbox.invoke("snapshot.list").document["snapshots"]
    assert taken["name"].startswith("pre_restate_")
    assert f"databox.{MODEL}" in taken["why"]
    assert sandbox.hashes() != before
    assert sandbox.invoke("ops.restore", f"--snapshot={taken['name']}", "--yes").code == 0
    assert sandbox.hashes() == before


def test_an_override_is_loud_and_remembered(loaded: Path, tmp_path: Path) -> None:
    sandbox = guarded(loaded, tmp_path / "stack")
    ran = plan(sandbox, "prod", "--restate-model", MODEL, OPS_RESTATE_OVERRIDE="a rehearsal")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "! the guard is overridden: a rehearsal (it says: there is no snapshot" in ran.stderr
    assert sandbox.last_operation()["title"] == "restatement without a snapshot: a rehearsal"


@pytest.mark.rehearsal
def test_our_own_tasks_pass_their_own_guard(loaded: Path, tmp_path: Path) -> None:
    sandbox = guarded(loaded, tmp_path / "stack")
    start = day(sandbox)
    with serve(sandbox.folder):
        assert sandbox.invoke("verify").code == 0  # on a throw-away copy
        filled = sandbox.backfill(start=start, end=start)
        assert filled.code == 0, filled.err
        refreshed = sandbox.invoke("full-refresh", "--yes")
        assert refreshed.code == 0, refreshed.err
    again = plan(sandbox, "prod", "--restate-model", MODEL)
    assert again.returncode == 1


YAML = """gateways:
  local:
    connection: {{type: duckdb, catalogs: {{shop: {root}/data/shop.duckdb}}}}
    state_connection: {{type: duckdb, database: {root}/data/state.duckdb}}
default_gateway: local
model_defaults: {{dialect: duckdb, start: 2026-01-01}}
"""


@pytest.mark.rehearsal
def test_a_yaml_project_is_guarded_by_a_macro_file(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    for folder in ("models", "macros", "data"):
        (root / folder).mkdir(parents=True)
    (root / "config.yaml").write_text(YAML.format(root=root))
    (root / "models" / "one.sql").write_text("MODEL (name shop.one, kind FULL); SELECT 1 AS x")
    (root / "invoke.yaml").write_text(
        "ops:\n  databases: {shop: data/shop.duckdb}\n  sqlmesh: {project: ., state: data/state.duckdb}\n"
    )
    words = ["sqlmesh", "plan", "--auto-apply", "--no-prompts"]
    env = os.environ | {"COLUMNS": "300"}
    assert subprocess.run(words, cwd=root, env=env, capture_output=True, check=False).returncode == 0
    (root / "macros" / "__init__.py").touch()
    (root / "macros" / "ops_guard.py").write_text("from ops_tasks import guard\n\nguard.patch(__file__)\n")
    ran = subprocess.run(
        [*words, "--restate-model", "shop.one"], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "restating shop.shop.one in prod is refused: there is no snapshot" in ran.stdout + ran.stderr
