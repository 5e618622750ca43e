"""Whole contracts from fragments, and what the gate says of two versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ops_tasks.contracts.compare import Versions, compare
from ops_tasks.contracts.findings import Finding
from ops_tasks.contracts.source import parse

KEY = "{name: key, data_type: integer}"
Version = str | Mapping[str, str]
Case = tuple[str, Version, Version, list[str]]
A_INT = "{name: a, data_type: integer}"
MISSING = "{missing: }"
AT_MOST = "{missing: {threshold: {must_be_less_than: %s}}}"
INVALID = "{invalid: {%s}}"
FRESH = "{freshness: {column: key, threshold: {%s}}}"
ROWS = "{row_count: {threshold: {%s}}}"
FAILED = "{failed_rows: {%s}}"


def contract(*columns: str, checks: Sequence[str] = (), dataset: str = "db/s/t", more: str = "") -> str:
    """YAML of a contract; columns and checks are given in flow style, `more` are other keys."""
    lines = [f"dataset: {dataset}", *([more.rstrip("\n")] if more else []), "columns:"]
    lines += [f"  - {column}" for column in (columns or (KEY,))]
    lines += ["checks:", *(f"  - {check}" for check in checks)] if checks else []
    return "\n".join(lines) + "\n"


def column(check: str, rest: str = "") -> str:
    """A contract with one column `a` that has one check."""
    more = f", {rest}" if rest else ""
    return contract(f"{{name: a, data_type: varchar{more}, checks: [{check}]}}")


def typed(kind: str, rest: str = "") -> str:
    """A contract with one column `a` of a type."""
    return contract(f'{{name: a, data_type: "{kind}"{", " + rest if rest else ""}}}')


def of(check: str) -> str:
    """A contract with one check of the dataset."""
    return contract(checks=[check])


def compared(
    old: str | Mapping[str, str], new: str | Mapping[str, str], untouched: Mapping[str, Sequence[str]] | None = None
) -> list[Finding]:
    """Findings between two contracts, or between two folders of them."""
    before, after = ({"c.yml": one} if isinstance(one, str) else one for one in (old, new))
    sources = [[parse(file, text.encode()) for file, text in folder.items()] for folder in (before, after)]
    return compare(Versions(sources[0], sources[1], untouched or {}))


def told(findings: Sequence[Finding]) -> list[str]:
    """Rules in order, with the column where there is one: `RULE a`."""
    return sorted(f"{one.rule} {one.column}" if one.column else one.rule for one in findings)
