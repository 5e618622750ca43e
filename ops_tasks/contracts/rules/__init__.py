"""The rules of the schema gate: one small function each, in one registry."""

from __future__ import annotations

from ops_tasks.contracts.rules import checks, columns, datasets, freshness, meta, sql, thresholds, types, validity
from ops_tasks.contracts.rules.registry import RULES, Hit, Rule

__all__ = ["RULES", "Hit", "Rule", "checks", "columns", "datasets", "freshness", "meta", "sql"]
__all__ += ["thresholds", "types", "validity"]
