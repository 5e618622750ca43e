"""`python -m databox.contracts` verifies the Soda contracts and writes nothing; exit 1 unless every one passes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, cast

from . import settings

DATA_SOURCE = "databox"


@dataclass(frozen=True)
class Verdict:
    """What Soda found: `checks_passed` of `checks`, and in words what did not pass."""

    contract: str
    checks: int
    checks_passed: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Every check ran and passed, and there was at least one."""
        return not self.problems and self.checks == self.checks_passed > 0


def names() -> list[str]:
    """Every contract as `schema/table`."""
    folder = settings.root() / "contracts"
    return sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.glob("*/*.yml"))


def verify(contracts: list[str]) -> list[Verdict]:
    """Verify contracts (`schema/table`) in one session; freshness is judged by the stack's own present.

    Raises `duckdb.Error` when a database cannot be opened, Soda's errors for a contract it cannot read.
    """
    os.environ.setdefault("SODA_CORE_TELEMETRY_ENABLED", "false")
    from soda_core.common.yaml import ContractYamlSource
    from soda_core.contracts.contract_verification import ContractVerificationSession
    from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl

    now = settings.pinned_now()
    connection = _connected()
    try:
        folder = settings.root() / "contracts"
        session = cast("Any", ContractVerificationSession).execute(
            contract_yaml_sources=[
                cast("Any", ContractYamlSource).from_file_path(str(folder / f"{name}.yml")) for name in contracts
            ],
            data_source_impls=[cast("Any", DuckDBDataSourceImpl).from_existing_cursor(connection, DATA_SOURCE)],
            data_timestamp=now.isoformat() if now else None,
        )
        results = session.contract_verification_results
        return [_verdict(name, result) for name, result in zip(contracts, results, strict=True)]
    finally:
        connection.close()


def _connected() -> Any:
    """A connection to the marts' catalog, with the raw catalogs attached; read-only where they are files."""
    import duckdb

    catalogs = settings.catalogs()
    remote = settings.backend() == "motherduck"
    connection = duckdb.connect(catalogs.pop("databox"), read_only=not remote)
    for catalog, address in catalogs.items():
        how = "" if remote else f" AS {catalog} (READ_ONLY)"
        connection.execute(f"ATTACH {'IF NOT EXISTS ' if remote else ''}{_literal(address)}{how}")
    return connection


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _verdict(name: str, result: Any) -> Verdict:
    problems = [
        f"{check.check.column_name or 'table'}: {check.check.type} {check.outcome.value.lower()}"
        for check in result.check_results
        if not check.is_passed
    ]
    problems += [str(error).strip().splitlines()[0] for error in result.get_errors()]
    if not result.is_passed and not problems:
        problems = [f"Soda says {result.status.value}"]
    return Verdict(name, result.number_of_checks, result.number_of_checks_passed, tuple(problems))


def main() -> int:
    """Verify every contract."""
    verdicts = verify(names())
    for verdict in verdicts:
        words = f"{verdict.checks_passed} of {verdict.checks} checks passed"
        sys.stdout.write(f"{'ok' if verdict.passed else 'FAILED'} {verdict.contract}: {words}\n")
        sys.stdout.writelines(f"  {problem}\n" for problem in verdict.problems)
    return 0 if verdicts and all(verdict.passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
