"""Is the stack well? Contracts, audits, drift and unit tests. They only read; what could not run is a finding."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.lineage import dated_raw
from ops_tasks.stack import Stack
from ops_tasks.systems.worker import Worker, require

Say = Callable[[str], None]
Finding = Mapping[str, Any]
ABSENT, DRIFT = "does not exist", "invoke verify.drift"
# Soda's (4.28) types of checks; None runs all of them
ORDINARY = ["schema", "missing", "invalid", "duplicate", "row_count", "aggregate", "metric", "failed_rows"]
KINDS: dict[bool | None, list[str] | None] = {None: None, True: ["freshness"], False: ORDINARY}
NO_CONTRACTS = "write `contracts: {path, data_source}` into the ops: section"


@dataclass(frozen=True)
class Verdict:
    """What one verification found. Well means no `findings`; `said` sums it up; `more` is for programs."""

    name: str
    said: str
    findings: tuple[Finding, ...]
    more: Mapping[str, Any]


def finding(reason: str, way_out: str = "", **more: Any) -> Finding:
    """One thing that is wrong, in the words of every document."""
    return {"reason": reason, "way_out": way_out, **more}


def contracts(
    stack: Stack,
    say: Say,
    *,
    environment: str | None = None,
    freshness: bool | None = None,
    databases: Mapping[str, str] | None = None,
    shared: Worker | None = None,
) -> Verdict:
    """Verify every Soda contract, against prod or against the schemas of a development environment.

    `freshness` runs the freshness checks alone (True), or all others (False). `databases` are others for the same
    catalogs: catalog -> what DuckDB attaches.
    """
    section = stack.config.contracts
    if section is None:
        raise UsageError("no contracts are configured", NO_CONTRACTS)
    require("soda_core", "soda")
    name = "freshness" if freshness else "contracts"
    files = contract_files(stack)
    if not files:
        return Verdict(name, "no contract", (finding(f"no contract in {stack.root / section.path}"),), {})
    if databases is None and (lost := lost_databases(stack)):
        return Verdict(name, "not run", lost, {})
    suffix = ""
    if environment is not None:
        suffix, missing = _suffix(stack, environment, say)
        if missing:
            return Verdict(name, "not run", (missing,), {"environment": environment})
    with nullcontext(shared) if shared is not None else Worker("soda", cwd=stack.root) as worker:
        results = cast(
            "list[dict[str, Any]]",
            worker.call(
                "check",
                say,
                contract_files=[str(file) for file in files],
                databases=dict(databases or stack.catalogs),
                data_source=section.data_source,
                main_catalog=main_catalog(stack),
                now=fixed_now(stack),
                schema_suffix=suffix,
                kinds=KINDS[freshness],
            ),
        )
    verdict = _judge(stack, name, results)
    if environment is None:
        return verdict
    # SQLMesh leaves models without changes out of a development environment, unless it is told otherwise.
    hint = f"sqlmesh plan {environment} --include-unmodified"
    hinted = (dict(f) | {"way_out": hint} if f["reason"].endswith(ABSENT) else f for f in verdict.findings)
    return replace(verdict, findings=tuple(hinted))


def audits(stack: Stack, say: Say, shared: Worker | None = None) -> Verdict:
    """Run the SQLMesh audits of every deployed model; a model set of which no audit ran is not healthy."""
    if lost := lost_databases(stack):
        return Verdict("audit", "not run", lost, {})
    with sqlmesh(stack, shared=shared) as worker:
        found = worker.call(
            "audits", say, **project(stack), environment=stack.config.sqlmesh.environment, now=fixed_now(stack)
        )
    ran = [result for result in found["results"] if not result["skipped"]]
    findings = [
        finding(f"{r['model']}: audit {r['audit']} found {r['failures']} bad rows", **r) for r in ran if r["failures"]
    ]
    findings += [
        finding(f"{broken['model']}: its audits could not run: {broken['reason']}", DRIFT, model=broken["model"])
        for broken in found["broken"]
    ]
    findings += [
        finding(f"{model} was never computed, so none of its audits ran", "sqlmesh run", model=model)
        for model in found["never_computed"]
    ]
    if not ran:
        findings.append(finding(f"0 audits ran on {found['models']} models", "declare audits in the models"))
    skipped = len(found["results"]) - len(ran)
    said = f"{len(ran)} audits ran on {found['models']} models, {len(found['without'])} of which have none"
    return Verdict("audit", said, tuple(findings), {"ran": len(ran), "skipped": skipped, **found})


def drift(stack: Stack, say: Say, shared: Worker | None = None) -> Verdict:
    """Compare SQLMesh's state with the tables and views of every environment."""
    if lost := lost_databases(stack):
        return Verdict("drift", "not run", lost, {})
    with sqlmesh(stack, shared=shared) as worker:
        found = worker.call("drift", say, **project(stack), raw=dated_raw(stack))
    if stack.remote:  # other databases of the account are not the project's
        found["leftovers"] = [one for one in found["leftovers"] if one["object"].split(".")[0] in stack.catalogs]
    problems = cast("list[dict[str, Any]]", found["problems"])
    findings = tuple(
        finding(
            f"{problem['environment']}: {problem['model']}: {problem['detail']} ({problem['object']})",
            "invoke ops.repair-state",
            **problem,
        )
        for problem in problems
    )
    said = f"state and warehouse {'disagree' if findings else 'agree'}, {len(found['leftovers'])} tables left over"
    return Verdict("drift", said, findings, found)


def unit_tests(stack: Stack, say: Say, shared: Worker | None = None) -> Verdict:
    """Run the SQLMesh project's own unit tests; none at all is a finding."""
    with sqlmesh(stack, shared=shared) as worker:
        found = worker.call("unit_tests", say, **project(stack))
    findings = [finding(problem) for problem in found["problems"]]
    if not found["run"]:
        findings.append(finding("the SQLMesh project has no unit tests", "write one: sqlmesh create_test"))
    return Verdict("tests", f"{found['run']} unit tests ran", tuple(findings), found)


@contextmanager
def sqlmesh(
    stack: Stack, system: str = "sqlmesh_checks", shared: Worker | None = None, **options: Any
) -> Generator[Worker]:
    """A SQLMesh worker in the project's folder; one that only reads refuses while somebody else writes.

    With `shared` it is that one, which has loaded the project already and stays open.
    """
    if shared is not None:
        yield shared
        return
    require("sqlmesh", "sqlmesh")
    with Worker(system, cwd=stack.sqlmesh_folder, **options) as worker:
        if system == "sqlmesh_checks":
            files = {f"file_{number}": str(path) for number, path in enumerate(stack.duckdb_files)}
            worker.call("reachable", databases=files)
        yield worker


def project(stack: Stack) -> dict[str, Any]:
    """The arguments that every SQLMesh worker function begins with."""
    return {"project": str(stack.project), "gateway": stack.config.sqlmesh.gateway}


def fixed_now(stack: Stack) -> str | None:
    """The instant of a stack whose clock is fixed; None lets every tool use its own present."""
    return None if stack.config.clock is None else stack.now().isoformat()


def contract_files(stack: Stack) -> list[Path]:
    """Every contract of the stack, sorted."""
    if stack.config.contracts is None:
        return []
    folder = stack.root / stack.config.contracts.path
    return sorted(path for pattern in ("*.yml", "*.yaml") for path in folder.rglob(pattern))


def main_catalog(stack: Stack) -> str:
    """The catalog that contracts speak of: the one named like their data source, else the first."""
    names = list(stack.catalogs)
    source = stack.config.contracts.data_source if stack.config.contracts else ""
    return source if source in names else names[0]


def lost_databases(stack: Stack) -> tuple[Finding, ...]:
    """A finding for every database file that is not there: nothing can be said about what it held."""
    return tuple(
        finding(f"{stack.relative(path)} does not exist", "invoke ops.doctor", file=str(path))
        for path in stack.duckdb_files
        if not path.is_file()
    )


def _suffix(stack: Stack, environment: str, say: Say) -> tuple[str, Finding | None]:
    """What the schemas of an environment end in, or why that cannot be said."""
    from ops_tasks.errors import nearest

    with sqlmesh(stack) as worker:
        known = cast("dict[str, dict[str, str]]", worker.call("environments", say, **project(stack)))
    if environment not in known:
        way_out = f"{nearest(environment, list(known))}; or make it: sqlmesh plan {environment}"
        return "", finding(f"SQLMesh has no environment {environment!r}", way_out, environment=environment)
    if known[environment]["target"] != "schema":
        target = known[environment]["target"]
        raise UsageError(f"environment {environment!r} is told apart by {target}", "only suffixed schemas are known")
    return known[environment]["suffix"], None


def _judge(stack: Stack, name: str, results: list[dict[str, Any]]) -> Verdict:
    findings = [
        finding(f"{_title(stack, result)}: {problem}", **{key: result[key] for key in ("contract", "dataset")})
        for result in results
        if not result["passed"]
        for problem in result["problems"]
    ]
    if not results:
        findings.append(finding(f"no contract has a {name} check", "add one to the contract of every dated mart"))
    passed = sum(1 for result in results if result["passed"])
    checks = sum(result["checks"] for result in results)
    said = f"{passed} of {len(results)} contracts passed, {checks} checks"
    return Verdict(name, said, tuple(findings), {"contracts": results})


def _title(stack: Stack, result: Mapping[str, Any]) -> str:
    path = Path(result["contract"])
    return path.relative_to(stack.root).as_posix() if path.is_relative_to(stack.root) else str(path)
