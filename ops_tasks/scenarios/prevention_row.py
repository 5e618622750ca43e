"""One row of the prevention appendix: a cause, what stops it, and whether that works here."""

from __future__ import annotations

from dataclasses import dataclass

WORKS, BROKEN, MISSING = "works", "does not work", "not installed"
INSTALLED, ABSENT = "installed", "does not apply"
FINE = (WORKS, INSTALLED, ABSENT)
NO_CONTRACTS, NO_DAGSTER = "the stack has no contracts", "the stack has no Dagster"
BLOWN, BACKFILL, PITR, PAUSED = "blown DuckDB file", "partial backfill", "point in time", "paused schedule"


@dataclass(frozen=True)
class Row:
    """One cause and what stops it: `status` in a few words, `told` the evidence, `way_out` what mends it."""

    scenario: str
    cause: str
    check: str
    status: str
    told: str
    way_out: str = ""
