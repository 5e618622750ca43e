"""One contract verified in a process of its own, and every way in which that can fail put into words.

A DuckDB connection in Dagster's process would hold a lock that any other open of the same file drops; see
`systems.worker`. The worker's connection is read-only and Soda's telemetry is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops_tasks.dagster import soda_process
from ops_tasks.errors import OpsError
from ops_tasks.stack import Stack
from ops_tasks.systems.secrets import redact


@dataclass(frozen=True)
class Verdict:
    """What is known of one contract: `problems` is empty exactly when it passed, and never when nothing was checked."""

    checks: int
    checks_passed: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Every check was evaluated and passed, and there was at least one."""
        return not self.problems and self.checks == self.checks_passed > 0


def verdict(stack: Stack, file: Path, dataset: str, seconds: float) -> Verdict:
    """Verify one contract; never raises, whatever it meets.

    `dataset` is what the contract spoke of when its check was defined. After `seconds` the worker is killed.
    """
    try:
        return _judged(_checked(stack, file, seconds), dataset)
    except OpsError as error:
        return Verdict(0, 0, (str(error),))
    except Exception as error:  # noqa: BLE001 - Dagster records no evaluation of a check that raises
        return Verdict(0, 0, (f"{type(error).__name__}: {error}",))


def _checked(stack: Stack, file: Path, seconds: float) -> Mapping[str, Any]:
    from ops_tasks.scenarios.verify import fixed_now, lost_databases, main_catalog
    from ops_tasks.systems.worker import require

    section = stack.config.contracts
    assert section is not None
    require("soda_core", "soda")
    if lost := lost_databases(stack):
        return {"checks": 0, "checks_passed": 0, "problems": [one["reason"] for one in lost]}
    return soda_process.check(
        stack.root,
        seconds,
        contract_files=[str(file)],
        databases=stack.catalogs,
        data_source=section.data_source,
        main_catalog=main_catalog(stack),
        now=fixed_now(stack),
    )[0]


def _judged(found: Mapping[str, Any], dataset: str) -> Verdict:
    problems = [redact(str(one)) for one in found["problems"]]
    checks, passed = int(found["checks"]), int(found["checks_passed"])
    if found.get("dataset", dataset) not in ("", dataset):
        problems.append(f"the contract is of {found['dataset']} now, not of {dataset}: reload the code location")
    if not problems and not (found["passed"] and checks == passed > 0):
        problems.append(f"{passed} of {checks} checks passed, and nothing says why")
    return Verdict(checks, passed, tuple(problems))
