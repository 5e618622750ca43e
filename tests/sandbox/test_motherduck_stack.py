"""The stack with its catalogs in MotherDuck's double: made, used by its own commands, copied, taken down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from ops_tasks.sections import OpsSection
from sandbox import account, run, stacks
from sandbox.account import CATALOGS
from sandbox.api import server
from sandbox.errors import SandboxError, UsageError
from sandbox.tasking import quoted
from tests.sandbox.conftest import TODAY, rows
from tests.sandbox.test_namespace import invoke

WINDOW = {"DATABOX_BACKFILL_START": "2026-04-10", "DATABOX_BACKFILL_END": "2026-04-11"}
SPECIES = (
    "import duckdb; print(*duckdb.connect('md:databox').execute('SELECT count(*) FROM ebird.dim_species').fetchone())"
)


def count(folder: Path, catalog: str, table: str) -> int:
    return rows(folder, catalog, f"SELECT count(*) FROM {table}")[0][0]


def load(file: Path) -> OpsSection:
    """The `ops` section of a configuration, as the tasks read it."""
    content: dict[str, Any] = cast("Any", YAML(typ="safe")).load(file)
    return OpsSection.model_validate(content["ops"])


def test_a_new_stack_is_true_and_only_its_state_is_local(remote: Path) -> None:
    assert stacks.truth(remote) == []
    assert sorted(file.name for file in (remote / "data").iterdir()) == ["dlt_pipelines", "sqlmesh_state.duckdb"]
    assert account.backend(remote) == "motherduck"
    assert all(account.file_of(remote, catalog).is_file() for catalog in CATALOGS)


def test_its_settings_name_the_backend(remote: Path, pinned_source: Path) -> None:
    assert 'backend = "motherduck"' in (remote / "databox.toml").read_text().splitlines()
    ops = load(remote / "invoke.yaml")
    assert (ops.backend, str(ops.root), str(ops.clock)) == ("motherduck", ".", str(TODAY))
    assert load(pinned_source / "invoke.yaml").backend == "local"


def test_every_source_is_loaded_into_the_account(remote: Path) -> None:
    before = count(remote, "raw_ebird", "main._dlt_loads")
    with server.serve(remote):
        assert "observations" in run.python(remote, "-m", "databox.load", "ebird", more=WINDOW)
        assert "daily_weather" in run.python(remote, "-m", "databox.load", "noaa", more={"DATABOX_NOAA_DAYS_BACK": "3"})
        assert "no rows" in run.python(remote, "-m", "databox.load", "usgs"), "the cursor came along"
    assert count(remote, "raw_ebird", "main._dlt_loads") == before + 1
    assert stacks.truth(remote) == []
    assert not list((remote / "data").glob("*raw*"))
    for source in ("ebird", "noaa", "usgs"):
        state = json.loads((remote / "data" / "dlt_pipelines" / source / "state.json").read_text())
        assert state["destination_type"] == "dlt.destinations.motherduck"


def test_a_load_needs_no_second_try_and_warns_of_no_destination(remote: Path) -> None:
    code = "import sys; from databox.load import main; sys.stderr = sys.stdout; sys.exit(main(['usgs']))"
    with server.serve(remote):
        for _ in range(2):
            assert "differs from destination" not in run.python(remote, "-c", code)


def test_sqlmesh_has_nothing_to_do_and_restates_in_the_account(remote: Path) -> None:
    run.python(remote, "-m", "databox.transform", "plan")
    table = "raw_noaa.main.daily_weather"
    run.python(remote, "-m", "databox.transform", "restate", "2026-04-10", "2026-04-11", table)
    assert "run" in run.python(remote, "-m", "databox.transform", "run")
    assert stacks.truth(remote) == []


def test_contracts_pass_and_see_what_is_gone(remote: Path) -> None:
    assert "FAILED" not in run.python(remote, "-m", "databox.contracts")
    code = "import duckdb; duckdb.connect('md:databox').execute('DROP VIEW noaa.fct_daily_weather')"
    run.python(remote, "-c", code)
    with pytest.raises(SandboxError, match="FAILED noaa/fct_daily_weather"):
        run.python(remote, "-m", "databox.contracts")


def test_the_dagster_definitions_load(remote: Path) -> None:
    run.python(remote, "-c", "from databox.definitions import defs; defs.get_repository_def()")


def test_a_copy_has_an_account_of_its_own(remote_source: Path, remote: Path) -> None:
    before = count(remote_source, "raw_noaa", "main.daily_weather")
    run.python(remote, "-c", "import duckdb; duckdb.connect('md:raw_noaa').execute('DELETE FROM main.daily_weather')")
    assert count(remote, "raw_noaa", "main.daily_weather") == 0
    assert count(remote_source, "raw_noaa", "main.daily_weather") == before
    variables = stacks.environment(remote)
    assert variables["MOTHERDUCK_DOUBLE"] == str(account.of(remote))
    assert not any(str(remote_source) in value for value in variables.values())


def test_nothing_of_the_environment_leads_to_another_stack(
    remote_source: Path, pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stacks.environment(remote_source).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABOX_BACKEND", "motherduck")
    assert stacks.environment(pinned) == {}
    told = run.environment(pinned)
    assert not {name for name in told if name.lower().startswith("motherduck") or name == "DATABOX_BACKEND"}
    assert "ok noaa/fct_daily_weather" in run.python(pinned, "-m", "databox.contracts")


def test_the_variable_decides_before_the_setting(remote: Path) -> None:
    code = "from databox import settings; print(settings.backend(), settings.address('databox'))"
    assert run.python(remote, "-c", code).split() == ["motherduck", "md:databox"]
    local = run.python(remote, "-c", code, more={"DATABOX_BACKEND": "local"}).split()
    assert local == ["local", str(remote / "data" / "databox.duckdb")]
    with pytest.raises(SandboxError, match="'cloud' is no backend"):
        run.python(remote, "-c", code, more={"DATABOX_BACKEND": "cloud"})


def test_a_shell_reaches_the_account_by_what_sandbox_env_prints(remote: Path, tmp_path: Path) -> None:
    done = invoke(tmp_path, "sandbox.env", f"--dir={remote}")
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("export ") and line.endswith("'") for line in done.stdout.splitlines())
    script = f'eval "$1"\nexec "{sys.executable}" -c "$2"'
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        ["bash", "-c", script, "bash", done.stdout, SPECIES], env=plain, cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) == count(remote, "databox", "ebird.dim_species")


def test_a_value_with_quotes_comes_back_from_the_shell() -> None:
    value = 'it\'s "$HOME" `x` \\ '
    done = subprocess.run(["bash", "-c", f"printf %s {quoted(value)}"], capture_output=True, text=True, check=True)
    assert done.stdout == value


def test_the_tasks_make_break_and_remove_such_a_stack(tmp_path: Path) -> None:
    where = f"--dir={tmp_path / 'stack'}"
    try:
        done = invoke(
            tmp_path, "sandbox.up", where, f"--today={TODAY}", "--backend=motherduck", "--plan=lite", "--json"
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["backend"] == "motherduck"
        assert "sandbox.env" in done.stderr
        done = invoke(tmp_path, "sandbox.break", "dropped-schema", "--schema=usgs", where, "--json")
        assert json.loads(done.stdout)["dropped"] == "usgs", done.stderr
        assert invoke(tmp_path, "sandbox.truth", where).returncode == 1
    finally:
        done = invoke(tmp_path, "sandbox.down", "--remove", where)
    assert done.returncode == 0
    assert not (tmp_path / "stack").exists()


def test_sandbox_env_of_a_local_stack_prints_nothing(pinned: Path, tmp_path: Path) -> None:
    done = invoke(tmp_path, "sandbox.env", f"--dir={pinned}")
    assert (done.returncode, done.stdout) == (0, "")
    assert stacks.environment(pinned) == {}


def test_a_kept_stack_keeps_its_backend_and_its_plan(remote: Path, pinned_source: Path) -> None:
    assert stacks.up(remote, serve=False).kept
    assert stacks.up(remote, backend="motherduck", plan="business", serve=False).kept
    for backend, plan in (("local", None), ("motherduck", "lite")):
        with pytest.raises(UsageError, match=r"already holds a stack on motherduck \(plan business\); --fresh"):
            stacks.up(remote, backend=backend, plan=plan, serve=False)
    with pytest.raises(UsageError, match="already holds a stack on local; --fresh"):
        stacks.up(pinned_source, backend="motherduck", serve=False)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"backend": "motherduk"}, "did you mean 'motherduck'"),
        ({"backend": "motherduck", "plan": "gold"}, "known: business, free, lite"),
        ({"plan": "lite"}, "--plan is for --backend=motherduck"),
    ],
)
def test_a_wrong_backend_or_plan_is_refused(tmp_path: Path, asked: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        stacks.up(tmp_path / "stack", backend=asked.get("backend"), plan=asked.get("plan"), serve=False)
    assert not (tmp_path / "stack").exists()


@pytest.mark.parametrize("plan", ["lite", "free"])
def test_another_plan(tmp_path: Path, plan: str) -> None:
    made = stacks.up(tmp_path / "stack", today=TODAY, backend="motherduck", plan=plan, serve=False, validate=False)
    assert account.plan(made.folder) == plan
    assert stacks.truth(made.folder) == []


def test_down_removes_the_account_too(remote: Path) -> None:
    assert not stacks.down(remote, remove=True), "no server was running"
    assert not remote.exists()
