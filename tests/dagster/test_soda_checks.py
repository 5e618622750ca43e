"""Contracts as checks: what is not proven is red, says why, and stops what is downstream."""

# Dagster's own factories are partially untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psutil
import pytest

from ops_tasks.dagster import soda_asset_checks, soda_process
from ops_tasks.errors import UsageError
from tests.dagster.conftest import GOOD

ROOT = Path(__file__).resolve().parents[2]
KEY = dg.AssetKey(["warehouse", "main", "orders"])
HOLD = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@dg.asset(key=KEY)
def orders() -> None:
    """The mart; the test has written it already."""


@dg.asset(deps=[KEY])
def report() -> None:
    """What must not be made of a mart that breaks its contract."""


def run(shop: Path, instance: dg.DagsterInstance, **options: Any) -> tuple[bool, Any]:
    """Materialize everything; whether the downstream asset was made, and the evaluation on record."""
    checks = soda_asset_checks([orders, report], stack=shop, **options)
    defs = dg.Definitions(assets=[orders, report], asset_checks=checks, executor=dg.in_process_executor)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    made = instance.get_latest_materialization_event(report.key) is not None
    assert result.success == made
    (evaluation,) = result.get_asset_check_evaluations()
    key = dg.AssetCheckKey(KEY, "soda_contract")
    recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert recorded.status.value == ("SUCCEEDED" if evaluation.passed else "FAILED")
    return made, evaluation


def test_a_contract_that_is_kept_lets_the_run_go_on(shop: Path, instance: dg.DagsterInstance) -> None:
    made, evaluation = run(shop, instance)
    assert made
    assert evaluation.passed
    assert evaluation.asset_key == KEY
    told = {name: value.value for name, value in evaluation.metadata.items()}
    assert told == {
        "checks": 4,
        "checks_passed": 4,
        "contract": "contracts/main/orders.yml",
        "dataset": "shop/main/orders",
    }


BAD = {
    "a check fails": (GOOD.replace("than: 3", "than: 30"), "Row count", "found 10, must be greater than: 30"),
    "only a warning": (GOOD.replace("{must_be", "{level: warn, must_be").replace("than: 3", "than: 30"), "warn", "10"),
    "no such column": (GOOD.replace("name: id", "name: ident"), "Schema matches", "missing columns ident"),
    "malformed yaml": (GOOD + "  - [\n", "not YAML", ""),
    "not utf-8": (b"dataset: shop/main/orders\n\xff\xfe", "cannot be read", ""),
    "no checks": ("dataset: shop/main/orders\ncolumns: [{name: id}]\n", "it has no checks", ""),
    "an unknown check": (GOOD.replace("row_count", "row_cnt"), "Invalid check type 'row_cnt'", ""),
    "the catalog in the dataset": (GOOD.replace("shop/main", "shop/shop/main"), "is not shop/SCHEMA/TABLE", ""),
    "another data source": (GOOD.replace("shop/main", "mall/main"), "not of the data source 'shop'", ""),
    "a query that cannot run": (
        GOOD + "  - metric: {query: selec 1, threshold: {must_be: 1}}\n",
        "not evaluated",
        "",
    ),
}


@pytest.mark.parametrize(("contract", "why", "numbers"), BAD.values(), ids=BAD.keys())
def test_a_contract_that_is_not_proven_is_red_and_blocks(
    shop: Path, instance: dg.DagsterInstance, contract: str | bytes, why: str, numbers: str
) -> None:
    whole = contract.encode() if isinstance(contract, str) else contract
    (shop / "contracts/main/orders.yml").write_bytes(whole)
    made, evaluation = run(shop, instance)
    red(made, evaluation, why)
    assert numbers in str(evaluation.metadata["failing"].value)


def red(made: bool, evaluation: Any, why: str) -> None:
    assert not made
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert why in evaluation.description
    assert evaluation.metadata["failing"].value


def test_a_table_that_is_not_there_is_red(shop: Path, instance: dg.DagsterInstance) -> None:
    with duckdb.connect(str(shop / "shop.duckdb")) as connection:
        connection.execute("DROP TABLE orders")
    red(*run(shop, instance), "main.orders does not exist")


def test_a_database_that_is_not_there_is_red(shop: Path, instance: dg.DagsterInstance) -> None:
    (shop / "shop.duckdb").unlink()
    red(*run(shop, instance), "shop.duckdb does not exist")
    assert not (shop / "shop.duckdb").exists()


def test_no_database_at_all_in_the_file_is_red(shop: Path, instance: dg.DagsterInstance) -> None:
    (shop / "shop.duckdb").write_bytes(b"nothing of DuckDB's" * 1000)
    red(*run(shop, instance), "shop.duckdb")


def test_a_database_that_another_process_holds_is_red_and_names_it(shop: Path, instance: dg.DagsterInstance) -> None:
    command = [sys.executable, "-c", HOLD, str(shop / "shop.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        red(*run(shop, instance), str(holder.pid))
        assert holder.stdin is not None
        holder.stdin.close()
    assert run(shop, instance)[0]


def test_a_soda_that_does_not_answer_is_red(shop: Path, instance: dg.DagsterInstance) -> None:
    red(*run(shop, instance, seconds=0.01), "Soda did not answer within 0.01 s")
    assert run(shop, instance)[0]


def test_a_soda_that_cannot_start_is_red(
    shop: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    soda_process.end()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    red(*run(shop, instance), "worker died")
    monkeypatch.setattr(sys, "executable", str(shop / "no-python"))
    red(*run(shop, instance), "FileNotFoundError")


def test_a_contract_that_is_gone_or_of_another_table_by_now_is_red(shop: Path) -> None:
    """The code location keeps running while files change below it."""
    with duckdb.connect(str(shop / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE other AS FROM orders")
    (check,) = soda_asset_checks([orders], stack=shop)
    file = shop / "contracts/main/orders.yml"
    file.write_text(GOOD.replace("main/orders", "main/other"))
    told = check()
    assert isinstance(told, dg.AssetCheckResult)
    assert not told.passed
    assert "the contract is of shop/main/other now" in str(told.description)
    file.unlink()
    told = check()
    assert isinstance(told, dg.AssetCheckResult)
    assert not told.passed
    assert "cannot be read" in str(told.description)


def test_dagster_s_own_process_opens_no_database(shop: Path) -> None:
    (check,) = soda_asset_checks([orders], stack=shop)
    check()
    file = shop / "shop.duckdb"
    with duckdb.connect(str(file)):  # nor does the worker between two checks
        pass
    assert not [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.exists() and one.samefile(file)]


@pytest.mark.parametrize(
    "executor", ["in_process_executor", pytest.param("multiprocess_executor", marks=pytest.mark.rehearsal)]
)
def test_what_is_downstream_is_not_made_by_either_executor(shop: Path, executor: str) -> None:
    code = f"""
import dagster as dg
from ops_tasks.dagster import soda_asset_checks

@dg.asset(key=["main", "orders"])
def orders(): ...

@dg.asset(deps=[orders])
def report(): ...

assets = [orders, report]
job = dg.define_asset_job("all", selection=dg.AssetSelection.all())
checks = soda_asset_checks(assets, stack=__file__)
defs = dg.Definitions(assets=assets, asset_checks=checks, jobs=[job], executor=dg.{executor})
"""
    (shop / "shop_definitions.py").write_text(code)
    run = """
import dagster as dg, json, shop_definitions
def job():
    return shop_definitions.defs.resolve_job_def("all")
def told(instance):
    with dg.execute_job(dg.reconstructable(job), instance=instance, raise_on_error=False) as result:
        passed = [one.passed for one in result.get_asset_check_evaluations()]
        return [result.success, passed, instance.get_latest_materialization_event(dg.AssetKey("report")) is not None]
if __name__ == "__main__":
    instance = dg.DagsterInstance.get()
    bad = told(instance)
    with open("contracts/main/orders.yml") as file:
        text = file.read()
    with open("contracts/main/orders.yml", "w") as file:
        file.write(text.replace("30", "3"))
    print("RESULT" + json.dumps([bad, told(instance)]))
"""
    (shop / "run.py").write_text(run)
    (shop / "contracts/main/orders.yml").write_text(GOOD.replace("than: 3", "than: 30"))
    path = os.pathsep.join([str(shop), str(ROOT)])
    env = os.environ | {"DAGSTER_HOME": str(shop / "home"), "PYTHONPATH": path, "DAGSTER_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=shop, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.partition("RESULT")[2]) == [[False, [False], False], [True, [True], True]]


@pytest.mark.parametrize("how", ["raise", "warn", "together", "alone"])
def test_what_dagster_itself_does_not_stop(instance: dg.DagsterInstance, how: str) -> None:
    """The reasons for some of what is here; when one of them changes, so may we."""

    @dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b", deps=["a"])], can_subset=True)
    def both() -> Any:
        yield dg.MaterializeResult(asset_key="a")
        yield dg.MaterializeResult(asset_key="b")

    @dg.asset(deps=["a"])
    def c() -> None: ...

    @dg.asset_check(asset="a", blocking=True)
    def check() -> Any:
        if how == "raise":
            raise RuntimeError
        severity = dg.AssetCheckSeverity.WARN if how == "warn" else dg.AssetCheckSeverity.ERROR
        return dg.AssetCheckResult(passed=False, severity=severity)

    job = dg.Definitions(assets=[both, c], asset_checks=[check]).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, raise_on_error=False)

    def made(name: str) -> bool:
        return instance.get_latest_materialization_event(dg.AssetKey(name)) is not None

    if how == "raise":
        assert (result.success, made("c"), result.get_asset_check_evaluations()) == (False, False, [])
        key = dg.AssetCheckKey(dg.AssetKey("a"), "check")
        recorded = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        assert recorded.status.value == "PLANNED"
    if how == "warn":
        assert (result.success, made("c")) == (True, True)
    if how == "together":
        assert (made("b"), made("c")) == (True, False)
    if how == "alone":
        later = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("c")])
        assert (later.success, made("c")) == (True, True)


def test_the_check_says_what_it_cannot_stop(shop: Path) -> None:
    specs = [dg.AssetSpec(KEY), dg.AssetSpec("b", deps=[KEY]), dg.AssetSpec("c", deps=["b"]), dg.AssetSpec("d")]

    @dg.multi_asset(specs=specs)
    def together(): ...  # an annotation would have to be a tuple

    (check,) = soda_asset_checks([together], stack=shop)
    (spec,) = check.check_specs
    assert spec.blocking
    assert str(spec.description).endswith("It cannot stop b, c: the same step computes them.")


def test_an_asset_is_found_by_schema_and_table_or_by_the_user(shop: Path) -> None:
    for assets in ([dg.AssetSpec(KEY)], [KEY], [orders, report]):
        (check,) = soda_asset_checks(assets, stack=shop / "contracts", contracts=["contracts/main/orders.yml"])
        assert check.check_keys == {dg.AssetCheckKey(KEY, "soda_contract")}
    seen: list[str] = []

    def mine(dataset: str) -> str:
        seen.append(dataset)
        return "report"

    (check,) = soda_asset_checks([orders, report], stack=shop, asset_key=mine, name="held")
    assert check.check_keys == {dg.AssetCheckKey(report.key, "held")}
    assert seen == ["shop/main/orders"]


def test_definitions_that_would_check_nothing_do_not_load(shop: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no main/orders \(did you mean 'main/order'"):
        soda_asset_checks([dg.AssetKey(["main", "order"])], stack=shop)
    with pytest.raises(UsageError, match=r"there is no x \(did you mean"):
        soda_asset_checks([dg.AssetKey(["xx"])], stack=shop, asset_key=lambda _: "x")
    with pytest.raises(UsageError, match="may be any of a/main/orders, b/main/orders"):
        soda_asset_checks([dg.AssetKey([one, "main", "orders"]) for one in "ab"], stack=shop)
    (shop / "contracts/again.yml").write_text(GOOD)
    with pytest.raises(UsageError, match="are both contracts of warehouse/main/orders"):
        soda_asset_checks([orders], stack=shop)
    with pytest.raises(UsageError, match="so nothing would be checked"):
        soda_asset_checks([orders], stack=shop, contracts=[])
    with pytest.raises(UsageError, match=r"gone\.yml: cannot be read"):
        soda_asset_checks([orders], stack=shop, contracts=["contracts/gone.yml"])
    with pytest.raises(UsageError, match=r"no invoke\.yaml"):
        soda_asset_checks([orders], stack=shop.parent)
    config = shop / "invoke.yaml"
    config.write_text(config.read_text().replace("  contracts:", "  # contracts:"))
    with pytest.raises(UsageError, match="configures no contracts"):
        soda_asset_checks([orders], stack=shop)


def test_a_check_that_does_not_block_and_one_of_no_asset_change_nothing(instance: dg.DagsterInstance) -> None:
    """Two more of Dagster's own: the run succeeds, the definitions are valid."""
    ran: list[str] = []

    @dg.asset_check(asset=KEY, blocking=False)
    def loose() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset_check(asset="no_such_asset", blocking=True)
    def nobody_s() -> dg.AssetCheckResult:
        ran.append("nobody_s")
        return dg.AssetCheckResult(passed=False)

    defs = dg.Definitions(assets=[orders, report], asset_checks=[loose, nobody_s])
    dg.Definitions.validate_loadable(defs)
    job = dg.define_asset_job("everything", selection=dg.AssetSelection.all())
    whole = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("everything")
    result = whole.execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    assert [(one.check_name, one.passed) for one in result.get_asset_check_evaluations()] == [("loose", False)]
    assert not ran
    assert instance.get_latest_materialization_event(report.key) is not None


def test_who_imports_the_package_imports_no_dagster() -> None:
    code = "import sys, ops_tasks, ops_tasks.dagster; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_checks_share_a_process_that_ends_when_nobody_asks(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def workers() -> list[int]:
        alive = (one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE)
        return [one.pid for one in alive if is_worker(one)]

    def is_worker(process: psutil.Process) -> bool:
        try:
            return "ops_tasks.systems.worker_main" in process.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return False

    soda_process.end()
    assert workers() == []
    (check,) = soda_asset_checks([orders], stack=shop)
    check()
    first = workers()
    check()
    assert workers() == first
    assert len(first) == 1
    monkeypatch.setattr(soda_process, "IDLE", 0.05)
    check()
    until = time.monotonic() + 10
    while workers() and time.monotonic() < until:
        time.sleep(0.05)
    assert workers() == []
    told = check()
    assert isinstance(told, dg.AssetCheckResult)
    assert told.passed
